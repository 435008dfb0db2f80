/** Judges a sandbox signature. @module */

import { equalBytes } from "../encoding/constant_time.ts";
import { decodeHex, isHex } from "../encoding/hex.ts";
import { webHashes } from "../encoding/hashes.ts";
import { DEFAULT_SIGNATURE_DRIFT_SECONDS } from "../limits.ts";
import type { Clock, Hashes, MaybePromise } from "../ports.ts";
import { chain } from "../chain.ts";
import { readSandboxSignature } from "./header.ts";
import type { SandboxSignature, SignatureVersion } from "./header.ts";
import { messageOfVersion1, messageOfVersion2 } from "./message.ts";
import type { SignedRequest } from "./message.ts";

const INTEGER_REGEXP = /^[+-]?[0-9]+$/;
// Version 2 has one spelling for a time, and none that arithmetic cannot hold.
const SECONDS_REGEXP = /^(?:0|[1-9][0-9]{0,11})$/;
const MIN_I64 = -(2n ** 63n);
const MAX_I64 = 2n ** 63n - 1n;

/** Why a signature is good or not, in the words of the wire and the log. */
export type SignatureReason =
  | "missing_signature"
  | "malformed_signature"
  | "version_too_old"
  | "invalid_timestamp"
  | `expired_timestamp_drift=${number | bigint}s`
  | "no_signing_secret_configured"
  | "hmac_mismatch"
  | "replayed_nonce"
  | "nonce_cache_full"
  | "body_too_large"
  | "body_room_full"
  | "body_mismatch"
  | "valid";

/** What a valid signature of version 2 asks for besides. */
export interface ReplayTerms {
  /** The nonce, which must not have been seen before. */
  readonly nonce: string;
  /** The last second, since the Unix epoch, in which the time of the signature is accepted. */
  readonly expiresAt: number;
  /** SHA-256 that the body must have, 64 hex digits of either case. */
  readonly bodyHash: string;
}

/** The judgement on one request. */
export interface SignatureVerdict {
  /** True for the reason `valid` only. */
  readonly valid: boolean;
  /** Why. */
  readonly reason: SignatureReason;
  /** For a valid signature of version 2: what is still to be checked. */
  readonly terms?: ReplayTerms | undefined;
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
  /** Oldest version that is accepted; default 1. */
  readonly minVersion?: SignatureVersion | undefined;
  /** Clock in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
}

/**
 * Judges the signature of a request. In this order: the header is there, is well-formed, is of an
 * accepted version, its time is an integer and within the drift, a secret is configured, the MAC is
 * hex and is ours.
 *
 * Security: the header is the client's. The MAC is compared in constant time. What is NOT checked: in
 * version 1 query, body, and whether the signature was seen before; in version 2 the query is covered,
 * and `terms` says what the caller still has to do: remember the nonce (`createNonceCache`), then
 * compare the body (`verifySignedBody`).
 *
 * @param input The request; path and query as they stood on the wire.
 * @param options Secret, drift, oldest version, clock and hashes.
 * @returns The verdict; at once when the hashes answer at once, else a promise of it.
 * @throws {RangeError} When `driftSeconds` is no whole number from 0 up, or `minVersion` no version.
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
  const { secret, minVersion = 1, now = Date.now, hashes = webHashes } = options;
  const driftSeconds = options.driftSeconds ?? DEFAULT_SIGNATURE_DRIFT_SECONDS;
  // A NaN would compare as "not beyond the drift" and let everything pass.
  if (!Number.isSafeInteger(driftSeconds) || driftSeconds < 0) {
    throw new RangeError("Cannot verify: driftSeconds must be a whole number from 0 up");
  }
  if (minVersion !== 1 && minVersion !== 2) {
    throw new RangeError("Cannot verify: minVersion must be 1 or 2");
  }
  if (input.header === null || input.header === "") return refuse("missing_signature");
  const sent = readSandboxSignature(input.header);
  if (sent === undefined) return refuse("malformed_signature");
  if (sent.guard === undefined && minVersion === 2) return refuse("version_too_old");
  const seconds = parseTime(sent);
  if (seconds === undefined) return refuse("invalid_timestamp");
  const drift = distance(Math.floor(now() / 1000), seconds);
  // Written so that a clock that is none lets nothing through.
  if (!(drift <= driftSeconds)) return refuse(`expired_timestamp_drift=${drift}s`);
  if (secret === undefined || secret.length === 0) return refuse("no_signing_secret_configured");
  if (!isHex(sent.signature)) return refuse("malformed_signature");
  const claimed = decodeHex(sent.signature);
  const expected = chain(
    messageOf(sent, input, hashes),
    (message) => hashes.hmacSha256(secret, message),
  );
  return chain(expected, (mac) => {
    if (!equalBytes(claimed, mac)) return refuse("hmac_mismatch");
    return accept(sent, Number(seconds) + driftSeconds);
  });
}

function messageOf(
  { timestamp, guard }: SandboxSignature,
  request: SignedRequest,
  hashes: Hashes,
): MaybePromise<Uint8Array> {
  return guard === undefined
    ? messageOfVersion1(timestamp, request)
    : messageOfVersion2(timestamp, guard, request, hashes);
}

function accept({ guard }: SandboxSignature, expiresAt: number): SignatureVerdict {
  const verdict = { valid: true, reason: "valid" } as const;
  return guard === undefined ? verdict : { ...verdict, terms: { ...guard, expiresAt } };
}

function refuse(reason: SignatureReason): SignatureVerdict {
  return { valid: false, reason };
}

function parseTime({ timestamp, guard }: SandboxSignature): number | bigint | undefined {
  if (SECONDS_REGEXP.test(timestamp)) return Number(timestamp);
  return guard === undefined ? parseI64(timestamp) : undefined;
}

// Rust's `i64::from_str`: an optional sign, ASCII digits, and in range.
function parseI64(text: string): bigint | undefined {
  if (!INTEGER_REGEXP.test(text)) return undefined;
  const digits = BigInt(text.replace(/^[+-]/, ""));
  const value = text.startsWith("-") ? -digits : digits;
  return value < MIN_I64 || value > MAX_I64 ? undefined : value;
}

function distance(nowSeconds: number, seconds: number | bigint): number | bigint {
  if (typeof seconds === "number") return Math.abs(nowSeconds - seconds);
  // A clock that is none has no drift to tell, and `BigInt` would throw.
  if (!Number.isFinite(nowSeconds)) return Number.NaN;
  const difference = BigInt(nowSeconds) - seconds;
  return difference < 0n ? -difference : difference;
}
