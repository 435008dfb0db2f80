/**
 * Sandbox signatures: `X-Sandbox-Signature`, an HMAC-SHA256 (RFC 2104). Version 1,
 * `t=<unix seconds>,s=<hex>`, covers time, method and path and is compatible with the reference, octet
 * for octet. Version 2, `v=2,t=<unix seconds>,n=<nonce>,b=<hex>,s=<hex>`, covers query and body too and
 * is good for one request.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSigningSecret, signSandboxRequest, verifySandboxSignature } from "atikit";
 *
 * const secret = parseSigningSecret("a shared secret");
 * const request = { method: "POST", path: "/call" };
 * const header = await signSandboxRequest(request, { secret });
 * const verdict = await verifySandboxSignature({ ...request, path: "/mcp", header }, { secret });
 * assert.equal(verdict.reason, "hmac_mismatch");
 * ```
 *
 * @module
 */

export {
  parseSandboxSignature,
  SANDBOX_JOB_ID_HEADER,
  SANDBOX_SIGNATURE_HEADER,
} from "./header.ts";
export { verifySignedBody } from "./body.ts";
export { createNonceCache } from "./nonce_cache.ts";
export { parseSigningSecret } from "./secret.ts";
export { signSandboxRequest } from "./sign.ts";
export { verifySandboxSignature } from "./verify.ts";
export type { VerifyBodyOptions } from "./body.ts";
export type { ReplayGuard, SandboxSignature, SignatureVersion } from "./header.ts";
export type { SignedRequest } from "./message.ts";
export type { NonceCache, NonceCacheOptions, NonceVerdict } from "./nonce_cache.ts";
export type { SigningInput, SignSandboxOptions } from "./sign.ts";
export type {
  ReplayTerms,
  SignatureInput,
  SignatureReason,
  SignatureVerdict,
  VerifySandboxOptions,
} from "./verify.ts";
export type { Clock, Hashes, MaybePromise } from "../ports.ts";
