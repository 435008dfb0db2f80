/** The identity gate: who is calling? @module */

import { isAtiError } from "../errors.ts";
import type { JwtClaims } from "../jwt/claims.ts";
import type { TokenVerifier } from "../jwt/verifier.ts";
import type { MaybePromise } from "../ports.ts";
import { parseRates } from "../scope/rate.ts";
import { toRefusal } from "./problems.ts";
import type { Refusal } from "./problems.ts";

// RFC 7235 §2.1: the scheme is case-insensitive. RFC 6750 §2.1: one b64token, nothing behind it.
const BEARER_REGEXP = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
const BARE_TOKEN_REGEXP = /^[A-Za-z0-9\-._~+/]+=*$/;
const BEARER_SCHEME_REGEXP = /^bearer(?: |$)/i;
const KEY_SCHEME_REGEXP = /^ati-key(?: |$)/i;

/** Who is calling, and how that is known. */
export interface Identity {
  /** `none`: no authentication is configured, everything is allowed. */
  readonly authenticatedBy: "jwt" | "none";
  /** The verified claims, for `jwt`. */
  readonly claims?: JwtClaims | undefined;
}

/** The verdict: an identity or a refusal. */
export type IdentityVerdict =
  | { readonly ok: true; readonly identity: Identity }
  | {
    readonly ok: false;
    readonly refusal: Refusal;
    /** Who is refused, where that is known. */
    readonly identity?: Identity | undefined;
  };

/** Where a session token may stand. */
export interface TokenHeaders {
  /** `Authorization`; `null` where it is not looked at. */
  readonly authorization: string | null;
  /** `X-Ati-Token`: the token alone, or behind `Bearer`. It wins. */
  readonly atiToken: string | null;
}

const OPEN: IdentityVerdict = { ok: true, identity: { authenticatedBy: "none" } };
const MALFORMED: IdentityVerdict = {
  ok: false,
  refusal: { code: "ERR_JWT_MALFORMED", reason: "malformed_authorization" },
};

/**
 * Identifies the caller by the `Authorization` header.
 *
 * Two such headers reach us joined by a comma, which no token contains, and are refused. What
 * exactly is wrong with a token is for the log; the caller is told the same in every case.
 *
 * @param authorization The header's value.
 * @param verifier Verifies session tokens; `undefined` where none are configured.
 */
export function identifyCaller(
  authorization: string | null,
  verifier: TokenVerifier | undefined,
): MaybePromise<IdentityVerdict> {
  const value = authorization ?? "";
  if (verifier !== undefined) return identifyBearer(value, verifier);
  return KEY_SCHEME_REGEXP.test(value) ? refuse("unsupported_scheme") : OPEN;
}

/**
 * Identifies the caller of a passthrough route that asks for a session token. Without a verifier no
 * token is valid.
 *
 * @param headers The header fields in which the token may be.
 * @param verifier Verifies session tokens; `undefined` where none are configured.
 */
export function identifyByToken(
  { authorization, atiToken }: TokenHeaders,
  verifier: TokenVerifier | undefined,
): MaybePromise<IdentityVerdict> {
  if (verifier === undefined) return refuse("authentication_not_configured");
  if (!atiToken) return identifyBearer(authorization ?? "", verifier);
  const token = BARE_TOKEN_REGEXP.test(atiToken) ? atiToken : BEARER_REGEXP.exec(atiToken)?.[1];
  return token === undefined ? MALFORMED : verify(token, verifier);
}

/** True when a session token, or what may be meant as one, was sent. */
export function isTokenPresented({ authorization, atiToken }: TokenHeaders): boolean {
  return Boolean(atiToken || authorization);
}

function identifyBearer(value: string, verifier: TokenVerifier): MaybePromise<IdentityVerdict> {
  if (value === "") return refuse("missing_credentials");
  if (!BEARER_SCHEME_REGEXP.test(value)) return refuse("unsupported_scheme");
  const token = BEARER_REGEXP.exec(value)?.[1];
  return token === undefined ? MALFORMED : verify(token, verifier);
}

function verify(token: string, verifier: TokenVerifier): MaybePromise<IdentityVerdict> {
  try {
    const claims = verifier.verify(token);
    return claims instanceof Promise ? claims.then(accept, refuseError) : accept(claims);
  } catch (error) {
    return refuseError(error);
  }
}

function accept(claims: JwtClaims): IdentityVerdict {
  try {
    // A limit that cannot be read must not become no limit.
    parseRates(claims.ati?.rate);
  } catch (error) {
    return refuseError(error);
  }
  return { ok: true, identity: { authenticatedBy: "jwt", claims } };
}

function refuseError(error: unknown): IdentityVerdict {
  if (!isAtiError(error)) throw error;
  return { ok: false, refusal: toRefusal(error) };
}

function refuse(reason: string): IdentityVerdict {
  return { ok: false, refusal: { code: "ERR_UNAUTHENTICATED", reason } };
}
