/** Names for requests. @module */

import { encodeHex } from "../encoding/hex.ts";

const PREFIX_BYTES = 8;

/**
 * Makes a source of request ids: 16 random hex digits of this proxy, a dash, a counter. Unique, not
 * secret. A client's own `x-request-id` is never taken over: it would let a caller choose what the
 * operator searches for.
 */
export function createRequestIds(): () => string {
  const prefix = encodeHex(crypto.getRandomValues(new Uint8Array(PREFIX_BYTES)));
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
