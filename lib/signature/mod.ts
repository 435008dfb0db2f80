/**
 * Sandbox signatures: `X-Sandbox-Signature: t=<unix seconds>,s=<hex>`, an HMAC-SHA256 (RFC 2104)
 * over time, method and path. Compatible with the reference, octet for octet.
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
export { parseSigningSecret } from "./secret.ts";
export { signSandboxRequest } from "./sign.ts";
export { verifySandboxSignature } from "./verify.ts";
export type { SandboxSignature, SignedRequest } from "./header.ts";
export type { SignSandboxOptions } from "./sign.ts";
export type {
  SignatureInput,
  SignatureReason,
  SignatureVerdict,
  VerifySandboxOptions,
} from "./verify.ts";
export type { Clock, Hashes, MaybePromise } from "../ports.ts";
