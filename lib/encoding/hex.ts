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
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
