/** Signs a request the way a sandbox does. @module */

import { SignatureError } from "../errors.ts";
import { encodeHex } from "../encoding/hex.ts";
import { webHashes } from "../encoding/hashes.ts";
import type { Clock, Hashes } from "../ports.ts";
import { sandboxMessage } from "./header.ts";
import type { SignedRequest } from "./header.ts";

// RFC 9110 §5.6.2: a method is a token.
const METHOD_REGEXP = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// RFC 9112 §3.2.1: what of a request line's target comes before the query.
const PATH_REGEXP = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;

/** Options of {@link signSandboxRequest}. */
export interface SignSandboxOptions {
  /** The shared secret, as `parseSigningSecret` gives it. */
  readonly secret: Uint8Array;
  /** Clock in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
}

/**
 * Signs a request: the value for its `X-Sandbox-Signature` header, good for the drift that the proxy
 * allows (60 s unless configured).
 *
 * Security: covers time, method and path. Query, host and body are NOT covered, and within the drift
 * a signature can be replayed.
 *
 * @param request Method of any case, and the path exactly as it will be sent.
 * @param options Secret, clock and hashes.
 * @returns `t=<unix seconds>,s=<64 hex digits>`.
 * @throws {SignatureError} `ERR_SIGNATURE_SECRET` when the secret is empty.
 * @throws {TypeError} When the method is no HTTP token, or the path does not begin with `/`, holds a
 * query or fragment, or is not percent-encoded.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSigningSecret, signSandboxRequest } from "atikit";
 *
 * const secret = parseSigningSecret("00".repeat(32));
 * const header = await signSandboxRequest({ method: "GET", path: "/v1/models" }, { secret });
 * assert.match(header, /^t=\d+,s=[0-9a-f]{64}$/);
 * ```
 */
export async function signSandboxRequest(
  request: SignedRequest,
  options: SignSandboxOptions,
): Promise<string> {
  if (!METHOD_REGEXP.test(request.method)) throw new TypeError("Cannot sign: bad HTTP method");
  if (!PATH_REGEXP.test(request.path)) {
    throw new TypeError("Cannot sign: the path must begin with / and be percent-encoded, no query");
  }
  const { secret, now = Date.now, hashes = webHashes } = options;
  if (secret.length === 0) {
    throw new SignatureError("ERR_SIGNATURE_SECRET", "Cannot sign: the signing secret is empty");
  }
  const timestamp = String(Math.floor(now() / 1000));
  const mac = await hashes.hmacSha256(secret, sandboxMessage(timestamp, request));
  return `t=${timestamp},s=${encodeHex(mac)}`;
}
