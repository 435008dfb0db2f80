/**
 * The `X-Sandbox-Signature` header: `t=<unix seconds>,s=<hex>`, and the text it signs.
 *
 * @module
 */

import { SignatureError } from "../errors.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { MAX_SIGNATURE_HEADER_CHARS } from "../limits.ts";

/** Name of the header that carries the signature, in lower case. */
export const SANDBOX_SIGNATURE_HEADER: string = "x-sandbox-signature";
/** Name of the header that names the job; it is logged and not signed. In lower case. */
export const SANDBOX_JOB_ID_HEADER: string = "x-sandbox-job-id";

// RFC 9110 §5.5: field values are visible ASCII, blanks and tabs; anything else is no signature.
const FIELD_VALUE_REGEXP = /^[\t\x20-\x7e]*$/;

/** The two parts of the header, as they were sent. */
export interface SandboxSignature {
  /** Seconds since the Unix epoch, as text: the signature covers its exact spelling. */
  readonly timestamp: string;
  /** The MAC in hex of either case; not checked for being hex. */
  readonly signature: string;
}

/** What of a request is signed. */
export interface SignedRequest {
  /** HTTP method of any case. */
  readonly method: string;
  /** Path as it stands in the request line: percent-encoding untouched, no query. */
  readonly path: string;
}

/**
 * Parses the header. Unknown keys are ignored and a repeated key counts as last given.
 *
 * @param header The field value, at most {@link MAX_SIGNATURE_HEADER_CHARS} characters.
 * @throws {SignatureError} `ERR_SIGNATURE` (reason `malformed_signature`) when it is too long, a part
 * has no `=`, or `t` or `s` is missing or empty.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSandboxSignature } from "atikit";
 *
 * assert.equal(parseSandboxSignature("t=1700000000,s=00ff").timestamp, "1700000000");
 * ```
 */
export function parseSandboxSignature(header: string): SandboxSignature {
  const parsed = readSandboxSignature(header);
  if (parsed !== undefined) return parsed;
  throw new SignatureError("ERR_SIGNATURE", "Cannot parse the sandbox signature header", {
    reason: "malformed_signature",
  });
}

/** As {@link parseSandboxSignature}, with `undefined` for a malformed header. */
export function readSandboxSignature(header: string): SandboxSignature | undefined {
  if (header.length > MAX_SIGNATURE_HEADER_CHARS || !FIELD_VALUE_REGEXP.test(header)) {
    return undefined;
  }
  let timestamp = "";
  let signature = "";
  for (const part of header.split(",")) {
    const equals = part.indexOf("=");
    if (equals === -1) return undefined;
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (key === "t") timestamp = value;
    if (key === "s") signature = value;
  }
  return timestamp === "" || signature === "" ? undefined : { timestamp, signature };
}

/** The bytes under the MAC: `<t as sent>.<METHOD>.<path>`. */
export function sandboxMessage(timestamp: string, request: SignedRequest): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${timestamp}.${request.method.toUpperCase()}.${request.path}`);
}
