/**
 * The claims of an ATI session token: their types, and the checks on them, each a pure function.
 *
 * @module
 */

import { isPlainObject } from "../encoding/json.ts";
import { MAX_NUMERIC_DATE_SECONDS } from "../limits.ts";
import { createInvalidClaim, createMissingClaim, createRefusal } from "./refusals.ts";
import type { JwtClaimName, RequiredClaimName } from "./refusals.ts";

const REQUIRED_CLAIMS: readonly RequiredClaimName[] = ["sub", "aud", "iat", "exp", "scope"];
const MAX_ATI_VERSION = 255;

/** The private claim `ati`: what ATI adds to the registered claims. */
export interface AtiClaim {
  /** Version of this object, 0 to 255; tokens issued here say 1. */
  readonly v: number;
  /** Rate limits: scope pattern to specification, for example `tool:github:*` to `10/hour`. */
  readonly rate?: Readonly<Record<string, string>> | undefined;
  /** Customer whose upstream credentials are preferred. */
  readonly customer_id?: string | undefined;
}

/** The claims of a session token (RFC 7519 §4.1, RFC 9068 §2.2). Dates are Unix seconds. */
export interface JwtClaims {
  /** Issuer. */
  readonly iss?: string | undefined;
  /** The agent or sandbox that the token speaks for; never empty. */
  readonly sub: string;
  /** Whom the token is meant for: one audience or several. */
  readonly aud: string | readonly string[];
  /** When it was issued. */
  readonly iat: number;
  /** When it ends. */
  readonly exp: number;
  /** Before when it must not be used. */
  readonly nbf?: number | undefined;
  /** Identifier of this token. */
  readonly jti?: string | undefined;
  /** Scopes with white space between them; empty text grants nothing. */
  readonly scope: string;
  /** Rate limits and customer. */
  readonly ati?: AtiClaim | undefined;
  /** Job that the sandbox works on; for logs. */
  readonly job_id?: string | undefined;
  /** Sandbox; for logs. */
  readonly sandbox_id?: string | undefined;
}

/**
 * Checks the shape of a payload and returns its known claims, frozen; unknown ones are dropped.
 * Mandatory are `sub`, `aud`, `iat`, `exp` and `scope`. A `null` in place of an optional text or of
 * `ati` reads as absent, as other ATI implementations read it. Says nothing about time, audience or
 * issuer.
 *
 * @param payload The decoded payload.
 * @throws {JwtError} `ERR_JWT_CLAIM` when a claim is missing or has the wrong type or shape.
 */
export function parseClaims(payload: Readonly<Record<string, unknown>>): JwtClaims {
  for (const claim of REQUIRED_CLAIMS) {
    if (!Object.hasOwn(payload, claim)) throw createMissingClaim(claim);
  }
  return freezeDefined<JwtClaims>({
    iss: readOptionalText(payload, "iss"),
    sub: readSubject(payload["sub"]),
    aud: readAudience(payload["aud"]),
    iat: readDate(payload["iat"], "iat"),
    exp: readDate(payload["exp"], "exp"),
    nbf: Object.hasOwn(payload, "nbf") ? readDate(payload["nbf"], "nbf") : undefined,
    jti: readOptionalText(payload, "jti"),
    scope: readText(payload["scope"], "scope"),
    ati: readAti(Object.hasOwn(payload, "ati") ? payload["ati"] : undefined),
    job_id: readOptionalText(payload, "job_id"),
    sandbox_id: readOptionalText(payload, "sandbox_id"),
  });
}

/**
 * Asserts that claims are valid now. With the leeway granted to every date: the token has not ended
 * (RFC 7519 §4.1.4: now must be before `exp`), has begun (§4.1.5), and was not issued in the future.
 *
 * @throws {JwtError} `ERR_JWT_EXPIRED` or `ERR_JWT_NOT_YET_VALID`.
 */
export function assertCurrent(
  claims: JwtClaims,
  options: { readonly nowMs: number; readonly leewaySeconds: number },
): void {
  const now = options.nowMs / 1000;
  const { leewaySeconds } = options;
  // Written so that a clock that answers NaN refuses.
  if (!(now < claims.exp + leewaySeconds)) throw createRefusal("expired");
  if (!(now >= (claims.nbf ?? 0) - leewaySeconds)) throw createRefusal("not_yet_valid");
  if (!(now >= claims.iat - leewaySeconds)) throw createRefusal("issued_in_future");
}

/**
 * Asserts that the token is meant for one of these audiences: whole strings, compared exactly.
 *
 * @throws {JwtError} `ERR_JWT_AUDIENCE` when it is not; also when the list is empty.
 */
export function assertAudience(claims: JwtClaims, audiences: readonly string[]): void {
  const named = typeof claims.aud === "string" ? [claims.aud] : claims.aud;
  if (!named.some((audience) => audiences.includes(audience))) {
    throw createRefusal("audience_mismatch");
  }
}

/**
 * Asserts that the token comes from this issuer.
 *
 * @throws {JwtError} `ERR_JWT_ISSUER` when `iss` is missing or another one.
 */
export function assertIssuer(claims: JwtClaims, issuer: string): void {
  if (claims.iss === undefined) throw createRefusal("missing_iss");
  if (claims.iss !== issuer) throw createRefusal("issuer_mismatch");
}

function readText(value: unknown, claim: JwtClaimName): string {
  if (typeof value !== "string") throw createInvalidClaim(claim);
  return value;
}

function readOptionalText(
  payload: Readonly<Record<string, unknown>>,
  claim: JwtClaimName,
): string | undefined {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  return value === undefined || value === null ? undefined : readText(value, claim);
}

function readSubject(value: unknown): string {
  if (readText(value, "sub") === "") throw createInvalidClaim("sub");
  return value as string;
}

function readAudience(value: unknown): string | readonly string[] {
  const audiences: readonly unknown[] = Array.isArray(value) ? value : [value];
  const areTexts = audiences.every((audience) => typeof audience === "string" && audience !== "");
  if (audiences.length === 0 || !areTexts) throw createInvalidClaim("aud");
  return Array.isArray(value) ? Object.freeze([...value] as string[]) : value as string;
}

// RFC 7519 §2: a NumericDate may have a fraction.
function readDate(value: unknown, claim: "iat" | "exp" | "nbf"): number {
  if (typeof value !== "number" || !(value >= 0 && value <= MAX_NUMERIC_DATE_SECONDS)) {
    throw createInvalidClaim(claim);
  }
  return value;
}

function readAti(value: unknown): AtiClaim | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isPlainObject(value)) throw createInvalidClaim("ati");
  const { v, rate, customer_id: customerId } = value;
  const isVersion = Number.isInteger(v) && v as number >= 0 && v as number <= MAX_ATI_VERSION;
  const isCustomer = customerId === undefined || customerId === null ||
    typeof customerId === "string";
  if (!isVersion || !isCustomer || !(rate === undefined || isTextMap(rate))) {
    throw createInvalidClaim("ati");
  }
  return freezeDefined<AtiClaim>({
    v: v as number,
    rate: rate === undefined ? undefined : Object.freeze({ ...rate }),
    customer_id: customerId ?? undefined,
  });
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isPlainObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function freezeDefined<T extends object>(members: T): T {
  const defined = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(defined)) as T;
}
