/** Signs a request the way a sandbox does. @module */

import { SignatureError } from "../errors.ts";
import { encodeBase64Url } from "../encoding/base64.ts";
import { encodeHex } from "../encoding/hex.ts";
import { webHashes } from "../encoding/hashes.ts";
import type { Clock, Hashes } from "../ports.ts";
import { SIGNATURE_NONCE_BYTES } from "../limits.ts";
import { isNonce } from "./header.ts";
import type { SignatureVersion } from "./header.ts";
import { hashText, messageOfVersion1, messageOfVersion2 } from "./message.ts";
import type { SignedRequest } from "./message.ts";

// RFC 9110 §5.6.2: a method is a token.
const METHOD_REGEXP = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// RFC 9112 §3.2.1: what of a request line's target comes before the query.
const PATH_REGEXP = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;
const QUERY_REGEXP = /^[\x21\x22\x24-\x7e]*$/;

/** A request to sign. */
export interface SigningInput extends SignedRequest {
  /** Body as it will be sent, before any transfer coding; text stands for its UTF-8. Default none. */
  readonly body?: Uint8Array | string | undefined;
}

/** Options of {@link signSandboxRequest}. */
export interface SignSandboxOptions {
  /** The shared secret, as `parseSigningSecret` gives it. */
  readonly secret: Uint8Array;
  /**
   * 1 (default), which every proxy reads, covers time, method and path. 2 covers query and body too,
   * and its header is good for one request.
   */
  readonly version?: SignatureVersion | undefined;
  /** Nonce of version 2: 16 to 64 characters of base64url, never used before; default 16 random bytes. */
  readonly nonce?: string | undefined;
  /** Clock in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
}

/**
 * Signs a request: the value for its `X-Sandbox-Signature` header, good for the drift that the proxy
 * allows (60 s unless configured).
 *
 * Security: version 1 covers time, method and path; query and body are NOT covered, and within the
 * drift a signature can be replayed. Version 2 covers query and body as well, and a proxy takes it
 * once. No version covers the host, which proxies on the way rewrite, or other header fields.
 *
 * @param request Method of any case; path, query and body exactly as they will be sent.
 * @param options Secret, version, nonce, clock and hashes.
 * @returns `t=<unix seconds>,s=<64 hex digits>`, or
 * `v=2,t=<unix seconds>,n=<nonce>,b=<64 hex digits>,s=<64 hex digits>`.
 * @throws {SignatureError} `ERR_SIGNATURE_SECRET` when the secret is empty.
 * @throws {TypeError} When the method is no HTTP token; the path does not begin with `/`, holds a
 * query or fragment, or is not percent-encoded; the query is not; the nonce is none; or the version.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSigningSecret, signSandboxRequest } from "atikit";
 *
 * const secret = parseSigningSecret("00".repeat(32));
 * const header = await signSandboxRequest({ method: "GET", path: "/v1/models" }, { secret });
 * assert.match(header, /^t=\d+,s=[0-9a-f]{64}$/);
 *
 * const request = { method: "POST", path: "/v1/chat", query: "?beta=1", body: '{"stream":true}' };
 * const once = await signSandboxRequest(request, { secret, version: 2 });
 * assert.match(once, /^v=2,t=\d+,n=[\w-]{22},b=[0-9a-f]{64},s=[0-9a-f]{64}$/);
 * ```
 */
export async function signSandboxRequest(
  request: SigningInput,
  options: SignSandboxOptions,
): Promise<string> {
  const { secret, version = 1, now = Date.now, hashes = webHashes } = options;
  assertSignable(request);
  if (version !== 1 && version !== 2) throw new TypeError("Cannot sign: the version is 1 or 2");
  if (secret.length === 0) {
    throw new SignatureError("ERR_SIGNATURE_SECRET", "Cannot sign: the signing secret is empty");
  }
  const timestamp = String(Math.floor(now() / 1000));
  if (version === 1) {
    const mac = await hashes.hmacSha256(secret, messageOfVersion1(timestamp, request));
    return `t=${timestamp},s=${encodeHex(mac)}`;
  }
  const { nonce = createNonce() } = options;
  if (!isNonce(nonce)) {
    throw new TypeError("Cannot sign: a nonce has 16 to 64 characters of base64url");
  }
  const bodyHash = await hashText(request.body ?? "", hashes);
  const message = await messageOfVersion2(timestamp, { nonce, bodyHash }, request, hashes);
  const mac = await hashes.hmacSha256(secret, message);
  return `v=2,t=${timestamp},n=${nonce},b=${bodyHash},s=${encodeHex(mac)}`;
}

function assertSignable({ method, path, query = "" }: SignedRequest): void {
  if (!METHOD_REGEXP.test(method)) throw new TypeError("Cannot sign: bad HTTP method");
  if (!PATH_REGEXP.test(path)) {
    throw new TypeError(
      "Cannot sign: the path must begin with / and be percent-encoded, without query and fragment",
    );
  }
  if (!QUERY_REGEXP.test(query)) {
    throw new TypeError("Cannot sign: the query must be percent-encoded");
  }
}

function createNonce(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(SIGNATURE_NONCE_BYTES)));
}
