/** Hexadecimal text. @module */

import { EncodingError } from "../errors.ts";

// A search for what must not be there: on megabytes a pattern for the whole text fails in some engines.
const NOT_HEX_REGEXP = /[^0-9a-fA-F]/;
const DIGITS: readonly string[] = Array.from(
  { length: 256 },
  (_, value) => value.toString(16).padStart(2, "0"),
);

/** Encodes bytes as lower-case hex. */
export function encodeHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/** True when the text is an even number of hex digits, of either case (also when empty). */
export function isHex(text: string): boolean {
  return text.length % 2 === 0 && !NOT_HEX_REGEXP.test(text);
}

/**
 * Decodes hex of either case.
 *
 * @throws {EncodingError} For other characters or an odd number of digits.
 */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  if (!isHex(text)) throw new EncodingError("Cannot decode hex: malformed text");
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = valueOf(text.charCodeAt(index * 2)) << 4 |
      valueOf(text.charCodeAt(index * 2 + 1));
  }
  return bytes;
}

/** The value of a hex digit: `0` is 0x30, `A` is 0x41, `a` is 0x61. */
function valueOf(code: number): number {
  return code < 0x40 ? code - 0x30 : (code & 0x0f) + 9;
}
