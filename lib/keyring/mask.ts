/** Shows enough of a secret to recognise it, and not more. @module */

const SHORT_CODE_POINTS = 8;
const LONG_CODE_POINTS = 13;
const CONTROL_REGEXP = /[\p{Cc}\p{Cf}\p{Cs}]/gu;

/**
 * Masks a secret for a list: below 8 characters `***`, from 8 to 12 the first and last two, from 13
 * on the first and last four. The length of what is hidden does not show.
 *
 * Characters are code points, so that none is cut in two; control and direction characters, which
 * could play with the terminal, show as `?`. Stricter than the reference, which shows four of five
 * bytes.
 *
 * @param text The secret.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { maskSecret } from "atikit";
 *
 * assert.equal(maskSecret("abc"), "***");
 * assert.equal(maskSecret("secret1234"), "se...34");
 * assert.equal(maskSecret("sk-test-12345"), "sk-t...2345");
 * ```
 */
export function maskSecret(text: string): string {
  const points = Array.from(text);
  if (points.length < SHORT_CODE_POINTS) return "***";
  const shown = points.length < LONG_CODE_POINTS ? 2 : 4;
  const masked = [...points.slice(0, shown), "...", ...points.slice(-shown)].join("");
  return masked.replace(CONTROL_REGEXP, "?");
}
