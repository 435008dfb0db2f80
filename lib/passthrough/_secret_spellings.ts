/** The texts a secret may appear as. What each byte of them may be escaped as is not listed here. @module */

import { encodeBase64 } from "../encoding/base64.ts";
import { encodeHex } from "../encoding/hex.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { MIN_REDACTED_CHARS } from "../limits.ts";

const BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NOT_LATIN1_REGEXP = /[^\0-\xff]/;
const NOT_ASCII_REGEXP = /[^\0-\x7f]/g;

/**
 * The spellings of some secrets: raw, hex, base64 at each of its three alignments, and what escapes of
 * single bytes do not make of them. Letter case and the base64url alphabet are the reader's to ignore.
 * Secrets too short to be told from ordinary text have none.
 */
export function listSpellings(secrets: Iterable<string>): Uint8Array[] {
  const texts = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MIN_REDACTED_CHARS) continue;
    for (const text of listRawSpellings(secret)) texts.add(text);
    const bytes = encodeUtf8(secret);
    texts.add(encodeHex(bytes));
    for (const text of listBase64Spellings(bytes)) texts.add(text);
  }
  return [...texts].map(toBytes);
}

/** Bytes of a text whose characters stand for bytes; others become a question mark. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    bytes[index] = code > 0xff ? 0x3f : code;
  }
  return bytes;
}

function listRawSpellings(secret: string): string[] {
  // The second is a triplet per byte, escaped once more by whoever puts a URL into a query.
  const texts = [secret, encodeURIComponent(secret), secret.replaceAll(" ", "+")];
  const utf8 = texts.map((text) => fromUtf8(encodeUtf8(text)));
  // `\u00e9` stands for the character, so that it is read as the Latin-1 byte.
  const other = NOT_LATIN1_REGEXP.test(secret) ? secret.replace(NOT_ASCII_REGEXP, toUnit) : secret;
  return [...utf8, other];
}

function toUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function fromUtf8(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/**
 * Inside a larger text the first and last character of the secret's base64 also hold bits of its
 * neighbours. The first is left out; the last is listed with every value those bits can have.
 */
function listBase64Spellings(bytes: Uint8Array): string[] {
  return [0, 1, 2].flatMap((before) => {
    const shifted = new Uint8Array(before + bytes.length);
    shifted.set(bytes, before);
    const whole = encodeBase64(shifted);
    const text = whole.slice(Math.ceil(before * 8 / 6));
    const spareBits = whole.endsWith("==") ? 4 : whole.endsWith("=") ? 2 : 0;
    if (spareBits === 0) return [text];
    const last = text.indexOf("=") - 1;
    const core = text.slice(0, last);
    const value = BASE64_ALPHABET.indexOf(text[last]!);
    const variants = BASE64_ALPHABET.slice(value, value + 2 ** spareBits);
    return [core, text, ...[...variants].map((character) => core + character)];
  });
}
