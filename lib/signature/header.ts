/**
 * The `X-Sandbox-Signature` header: `t=<unix seconds>,s=<hex>`, and version 2 of it,
 * `v=2,t=<unix seconds>,n=<nonce>,b=<hex>,s=<hex>`.
 *
 * @module
 */

import { SignatureError } from "../errors.ts";
import { MAX_SIGNATURE_HEADER_CHARS } from "../limits.ts";

/** Name of the header that carries the signature, in lower case. */
export const SANDBOX_SIGNATURE_HEADER: string = "x-sandbox-signature";
/** Name of the header that names the job; it is logged and not signed. In lower case. */
export const SANDBOX_JOB_ID_HEADER: string = "x-sandbox-job-id";

// RFC 9110 §5.5: field values are visible ASCII, blanks and tabs; anything else is no signature.
const FIELD_VALUE_REGEXP = /^[\t\x20-\x7e]*$/;
// No dot: it separates the parts of the signed text.
const NONCE_REGEXP = /^[A-Za-z0-9_-]{16,64}$/;
const SHA256_REGEXP = /^[0-9A-Fa-f]{64}$/;

/** Versions of the signature header. */
export type SignatureVersion = 1 | 2;

/** What a header of version 2 says besides, as it was sent. */
export interface ReplayGuard {
  /** What makes the signature good for one request: 16 to 64 characters of base64url. */
  readonly nonce: string;
  /** SHA-256 of the body, 64 hex digits of either case. */
  readonly bodyHash: string;
}

/** The parts of the header, as they were sent. */
export interface SandboxSignature {
  /** Seconds since the Unix epoch, as text: the signature covers its exact spelling. */
  readonly timestamp: string;
  /** The MAC in hex of either case; not checked for being hex in version 1. */
  readonly signature: string;
  /** Present in version 2 only. */
  readonly guard?: ReplayGuard | undefined;
}

/**
 * Parses the header, of either version. Unknown keys are ignored. In version 1 (`v` absent or `1`) a
 * repeated key counts as last given, as the reference has it; version 2 has every key once.
 *
 * @param header The field value, at most {@link MAX_SIGNATURE_HEADER_CHARS} characters.
 * @throws {SignatureError} `ERR_SIGNATURE` (reason `malformed_signature`) when it is too long, a part
 * has no `=`, `t` or `s` is missing or empty, or `v` is neither 1 nor 2; in version 2 also when a key
 * is repeated, `n` is no nonce, or `b` or `s` is not 64 hex digits.
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
  const values: Partial<Record<Key, string>> = {};
  let isRepeated = false;
  let isVersion1 = true;
  for (const part of header.split(",")) {
    const equals = part.indexOf("=");
    if (equals === -1) return undefined;
    const key = part.slice(0, equals).trim();
    if (!isKey(key)) continue;
    const value = part.slice(equals + 1).trim();
    if (key === "v" && value !== "1") isVersion1 = false;
    isRepeated ||= values[key] !== undefined;
    values[key] = value;
  }
  if (isVersion1) return readVersion1(values);
  // Who reads the first and who reads the last of two would not be speaking of one request.
  return isRepeated ? undefined : readVersion2(values);
}

/** True for what may be a nonce of version 2. */
export function isNonce(text: string): boolean {
  return NONCE_REGEXP.test(text);
}

type Key = "v" | "t" | "n" | "b" | "s";
type Values = Readonly<Partial<Record<Key, string>>>;

function isKey(text: string): text is Key {
  return text.length === 1 && "vtnbs".includes(text);
}

function readVersion1({ t = "", s = "" }: Values): SandboxSignature | undefined {
  return t === "" || s === "" ? undefined : { timestamp: t, signature: s };
}

function readVersion2({ v, t = "", n = "", b = "", s = "" }: Values): SandboxSignature | undefined {
  if (v !== "2" || t === "" || !isNonce(n)) return undefined;
  if (!SHA256_REGEXP.test(b) || !SHA256_REGEXP.test(s)) return undefined;
  return { timestamp: t, signature: s, guard: { nonce: n, bodyHash: b } };
}
