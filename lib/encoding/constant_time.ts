/** Comparison whose time does not depend on the content. @module */

/**
 * Compares two byte strings. Time depends on the lengths only; unequal lengths are unequal.
 * Compare fixed-length values (MACs, digests), so that the length says nothing.
 */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    difference |= (left[index] as number) ^ (right[index] as number);
  }
  return difference === 0;
}
