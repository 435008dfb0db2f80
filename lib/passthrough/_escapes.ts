/** Single bytes written as something longer: `%2F`, `\u002f` and `\/`. @module */

/** Bytes of the longest escape. */
export const MAX_ESCAPE_BYTES = 6;

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const LOWER_U = 0x75;

/** RFC 8259 §7: what stands for what after a backslash; -1 for no escape. */
const SHORT_ESCAPES = createTable([
  ['"', 0x22],
  ["\\", 0x5c],
  ["/", 0x2f],
  ["b", 0x08],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
]);
const HEX_DIGITS = createTable(
  [..."0123456789abcdefABCDEF"].map((digit) => [digit, Number.parseInt(digit, 16)] as const),
);

/** The byte that an escape from `start` to `end` stands for; -1 where that is none. */
export function decodeEscape(bytes: Uint8Array, start: number, end: number): number {
  const isPercent = bytes[start] === PERCENT;
  switch (end - start) {
    case 2:
      return bytes[start] === BACKSLASH ? SHORT_ESCAPES[bytes[start + 1]!]! : -1;
    case 3:
      return isPercent ? readHexByte(bytes, start + 1) : -1;
    case 6:
      return isUnicodeEscape(bytes, start, end) ? readHexByte(bytes, start + 4) : -1;
    default:
      return -1;
  }
}

/** True when more bytes could make an escape of what stands from `start` to `end`. */
export function mayBecomeEscape(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length === 1) return true;
  if (bytes[start] === PERCENT) return length === 2 && HEX_DIGITS[bytes[start + 1]!]! >= 0;
  return length < MAX_ESCAPE_BYTES && isUnicodeEscape(bytes, start, end);
}

/** Compares as much of `\u00` as there is, and of the digit after it. */
function isUnicodeEscape(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === BACKSLASH && bytes[start + 1] === LOWER_U &&
    (start + 2 >= end || bytes[start + 2] === ZERO) &&
    (start + 3 >= end || bytes[start + 3] === ZERO) &&
    (start + 4 >= end || HEX_DIGITS[bytes[start + 4]!]! >= 0);
}

function readHexByte(bytes: Uint8Array, start: number): number {
  const high = HEX_DIGITS[bytes[start]!]!;
  const low = HEX_DIGITS[bytes[start + 1]!]!;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function createTable(
  entries: readonly (readonly [character: string, value: number])[],
): Int16Array {
  const table = new Int16Array(256).fill(-1);
  for (const [character, value] of entries) table[character.charCodeAt(0)] = value;
  return table;
}
