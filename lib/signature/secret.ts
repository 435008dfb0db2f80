/** The secret that a sandbox and the proxy share. @module */

import { SignatureError } from "../errors.ts";
import { decodeHex, isHex } from "../encoding/hex.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";

/**
 * Parses the text of a signing secret: an even number of hex digits stands for those bytes, any
 * other text for its UTF-8 bytes.
 *
 * Security: short secrets are accepted, as the reference accepts them; use 32 random bytes.
 *
 * @param text The secret as the keyring holds it; it is not trimmed.
 * @throws {SignatureError} `ERR_SIGNATURE_SECRET` when it is empty or only white space.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSigningSecret } from "atikit";
 *
 * assert.deepEqual(parseSigningSecret("00fF"), new Uint8Array([0, 255]));
 * assert.deepEqual(parseSigningSecret("hi!"), new TextEncoder().encode("hi!"));
 * ```
 */
export function parseSigningSecret(text: string): Uint8Array {
  if (text.trim() === "") {
    throw new SignatureError("ERR_SIGNATURE_SECRET", "Cannot use the signing secret: it is empty", {
      hint: "set the keyring entry sandbox_signing_shared_secret, for example to 64 hex digits",
    });
  }
  return isHex(text) ? decodeHex(text) : encodeUtf8(text);
}
