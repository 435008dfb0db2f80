/**
 * Base64 and base64url, strictly: one text for each value (RFC 4648 §3.5, §4, §5).
 *
 * @module
 */

import { EncodingError } from "../errors.ts";

// A search for what must not be there: a pattern for the whole text exhausts the engine's stack on
// megabytes, which then throws or, worse, answers "no match".
const NOT_BASE64_REGEXP = /[^A-Za-z0-9+/]/;
const NOT_BASE64URL_REGEXP = /[^A-Za-z0-9_-]/;
const PADDING_REGEXP = /={1,2}$/;
const CHUNK_BYTES = 0x8000;

/** Encodes bytes as base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK_BYTES));
  }
  return btoa(binary);
}

/**
 * Decodes padded base64.
 *
 * @throws {EncodingError} For other characters, missing padding, or spare bits that are not zero.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0 || NOT_BASE64_REGEXP.test(text.replace(PADDING_REGEXP, ""))) {
    throw new EncodingError("Cannot decode base64: malformed text");
  }
  const bytes = fromBinary(atob(text));
  // RFC 4648 §3.5: spare bits must be zero, else one value would have several spellings.
  const tail = bytes.length % 3;
  if (tail !== 0 && encodeBase64(bytes.subarray(bytes.length - tail)) !== text.slice(-4)) {
    throw new EncodingError("Cannot decode base64: spare bits are not zero");
  }
  return bytes;
}

/** Encodes bytes as base64url without padding. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Decodes base64url without padding.
 *
 * @throws {EncodingError} For padding, other characters, or spare bits that are not zero.
 */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (NOT_BASE64URL_REGEXP.test(text)) {
    throw new EncodingError("Cannot decode base64url: malformed text");
  }
  // A length that no bytes have would take three signs of padding, which base64 refuses.
  const padded = text.replaceAll("-", "+").replaceAll("_", "/");
  return decodeBase64(padded.padEnd(Math.ceil(padded.length / 4) * 4, "="));
}

function fromBinary(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
