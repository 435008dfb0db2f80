/** Judges a sandbox signature. @module */

import { equalBytes } from "../encoding/constant_time.ts";
import { decodeHex, isHex } from "../encoding/hex.ts";
import { webHashes } from "../encoding/hashes.ts";
import { DEFAULT_SIGNATURE_DRIFT_SECONDS } from "../limits.ts";
import type { Clock, Hashes, MaybePromise } from "../ports.ts";
import { readSandboxSignature, sandboxMessage } from "./header.ts";
import type { SignedRequest } from "./header.ts";

const INTEGER_REGEXP = /^[+-]?[0-9]+$/;
const MIN_I64 = -(2n ** 63n);
const MAX_I64 = 2n ** 63n - 1n;

/** Why a signature is good or not, in the words of the wire and the log. */
export type SignatureReason =
  | "missing_signature"
  | "malformed_signature"
  | "invalid_timestamp"
  | `expired_timestamp_drift=${bigint}s`
  | "no_signing_secret_configured"
  | "hmac_mismatch"
  | "valid";

/** The judgement on one request. */
export interface SignatureVerdict {
  /** True for the reason `valid` only. */
  readonly valid: boolean;
  /** Why. */
  readonly reason: SignatureReason;
}

/** A request with its signature header. */
export interface SignatureInput extends SignedRequest {
  /** Value of `X-Sandbox-Signature`; `null` when the request has none. */
  readonly header: string | null;
}

/** Options of {@link verifySandboxSignature}. */
export interface VerifySandboxOptions {
  /** The shared secret; `undefined` or empty means that none is configured, and nothing is valid. */
  readonly secret?: Uint8Array | undefined;
  /** Largest difference between the clocks, either way, in whole seconds; default 60. */
  readonly driftSeconds?: number | undefined;
  /** Clock in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
}

/**
 * Judges the signature of a request. In this order: the header is there, is well-formed, its time is
 * an integer and within the drift, a secret is configured, the MAC is hex and is ours.
 *
 * Security: the header is the client's. The MAC is compared in constant time. What is NOT checked:
 * query, host, body, and whether the signature was seen before.
 *
 * @param input The request; the path as it stood on the wire.
 * @param options Secret, drift, clock and hashes.
 * @returns The verdict; at once when the hashes answer at once, else a promise of it.
 * @throws {RangeError} When `driftSeconds` is no whole number from 0 up.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSigningSecret, signSandboxRequest, verifySandboxSignature } from "atikit";
 *
 * const secret = parseSigningSecret("00".repeat(32));
 * const request = { method: "GET", path: "/v1/models" };
 * const header = await signSandboxRequest(request, { secret });
 * const verdict = await verifySandboxSignature({ ...request, header }, { secret });
 * assert.deepEqual(verdict, { valid: true, reason: "valid" });
 * ```
 */
export function verifySandboxSignature(
  input: SignatureInput,
  options: VerifySandboxOptions,
): MaybePromise<SignatureVerdict> {
  const { secret, now = Date.now, hashes = webHashes } = options;
  const driftSeconds = options.driftSeconds ?? DEFAULT_SIGNATURE_DRIFT_SECONDS;
  // A NaN would compare as "not beyond the drift" and let everything pass.
  if (!Number.isSafeInteger(driftSeconds) || driftSeconds < 0) {
    throw new RangeError("Cannot verify: driftSeconds must be a whole number from 0 up");
  }
  if (input.header === null || input.header === "") return refuse("missing_signature");
  const sent = readSandboxSignature(input.header);
  if (sent === undefined) return refuse("malformed_signature");
  const seconds = parseI64(sent.timestamp);
  if (seconds === undefined) return refuse("invalid_timestamp");
  const drift = distance(BigInt(Math.floor(now() / 1000)), seconds);
  if (drift > BigInt(driftSeconds)) return refuse(`expired_timestamp_drift=${drift}s`);
  if (secret === undefined || secret.length === 0) return refuse("no_signing_secret_configured");
  if (!isHex(sent.signature)) return refuse("malformed_signature");
  const claimed = decodeHex(sent.signature);
  const expected = hashes.hmacSha256(secret, sandboxMessage(sent.timestamp, input));
  return "then" in expected
    ? expected.then((mac) => compare(claimed, mac))
    : compare(claimed, expected);
}

function compare(claimed: Uint8Array, expected: Uint8Array): SignatureVerdict {
  return equalBytes(claimed, expected) ? { valid: true, reason: "valid" } : refuse("hmac_mismatch");
}

function refuse(reason: SignatureReason): SignatureVerdict {
  return { valid: false, reason };
}

// Rust's `i64::from_str`: an optional sign, ASCII digits, and in range.
function parseI64(text: string): bigint | undefined {
  if (!INTEGER_REGEXP.test(text)) return undefined;
  const digits = BigInt(text.replace(/^[+-]/, ""));
  const value = text.startsWith("-") ? -digits : digits;
  return value < MIN_I64 || value > MAX_I64 ? undefined : value;
}

function distance(left: bigint, right: bigint): bigint {
  return left > right ? left - right : right - left;
}
