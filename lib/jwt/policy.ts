/** What a token must fulfil, checked and completed once. @module */

import { JWT_LEEWAY_SECONDS, MAX_LEEWAY_SECONDS } from "../limits.ts";
import type { Clock } from "../ports.ts";
import { isKeyFor } from "./keys.ts";
import type { VerificationKey } from "./keys.ts";

/** Which tokens are accepted. */
export interface ValidationPolicy {
  /** Keys whose signatures are accepted, at least one; several while keys are rotated. */
  readonly keys: readonly VerificationKey[];
  /** Accepted audiences, at least one; a token must name one of them exactly. */
  readonly audiences: readonly string[];
  /** When given, `iss` must be there and be exactly this. */
  readonly issuer?: string | undefined;
  /** Clock skew granted to every date, in seconds; default 60, at most 3600. */
  readonly leewaySeconds?: number | undefined;
  /** The clock, in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
}

/** A {@link ValidationPolicy} with every gap filled, and nobody else holding its lists. */
export interface ResolvedPolicy {
  /** Accepted keys. */
  readonly keys: readonly VerificationKey[];
  /** Accepted audiences. */
  readonly audiences: readonly string[];
  /** Accepted issuer; `undefined` when any will do. */
  readonly issuer: string | undefined;
  /** Clock skew, in seconds. */
  readonly leewaySeconds: number;
  /** The clock, in milliseconds. */
  readonly now: Clock;
}

/**
 * Checks a policy and fills its gaps. A list that matches nothing is refused rather than taken for
 * "no check".
 *
 * @throws {TypeError} When keys or audiences are missing, empty or of the wrong type, a key cannot
 * verify with its algorithm, or the issuer is not a non-empty string.
 * @throws {RangeError} When the leeway is not a number from 0 to 3600.
 */
export function resolvePolicy(policy: ValidationPolicy): ResolvedPolicy {
  const { keys, audiences, issuer } = policy;
  const leewaySeconds = policy.leewaySeconds ?? JWT_LEEWAY_SECONDS;
  if (!isFilledArray(keys) || !keys.every((key) => isKeyFor(key, "verify"))) {
    throw new TypeError('Cannot use policy: "keys" must list keys that verify their algorithm');
  }
  if (!isFilledArray(audiences) || !audiences.every(isFilledText)) {
    throw new TypeError('Cannot use policy: "audiences" must list non-empty strings');
  }
  if (issuer !== undefined && !isFilledText(issuer)) {
    throw new TypeError('Cannot use policy: "issuer" must be a non-empty string');
  }
  if (!(leewaySeconds >= 0 && leewaySeconds <= MAX_LEEWAY_SECONDS)) {
    throw new RangeError(
      `Cannot use policy: "leewaySeconds" must be from 0 to ${MAX_LEEWAY_SECONDS}`,
    );
  }
  const now = policy.now ?? Date.now;
  return { keys: [...keys], audiences: [...audiences], issuer, leewaySeconds, now };
}

function isFilledArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function isFilledText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
