/** The hash port on Web Crypto: runs anywhere. @module */

import type { Hashes } from "../ports.ts";

/** {@link Hashes} on `crypto.subtle`. */
export const webHashes: Hashes = {
  async sha256(data: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", data as BufferSource));
  },
  async hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    // Web Crypto refuses an empty key, native implementations do not. RFC 2104 §2: keys are filled up
    // with zeros, so one zero byte is the same key.
    const raw = (key.length === 0 ? new Uint8Array(1) : key) as BufferSource;
    const imported = await crypto.subtle.importKey("raw", raw, algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data as BufferSource));
  },
};
