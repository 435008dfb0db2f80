/** UTF-8, strictly. @module */

import { EncodingError } from "../errors.ts";

const ENCODER = new TextEncoder();
// RFC 3629 §3: octets that are not UTF-8 must not be guessed at; a BOM is content, not decoration.
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes text as UTF-8. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(text);
}

/**
 * Decodes UTF-8 bytes.
 *
 * @throws {EncodingError} When the bytes are not valid UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new EncodingError("Cannot decode text: the bytes are not valid UTF-8");
  }
}
