/** Validation of session tokens (RFC 7519 §7.2, RFC 8725). @module */

import { isSignedBy } from "./_jws.ts";
import { parseCompact, parsePayload } from "./_compact.ts";
import { assertAudience, assertCurrent, assertIssuer, parseClaims } from "./claims.ts";
import type { JwtClaims } from "./claims.ts";
import type { VerificationKey } from "./keys.ts";
import { resolvePolicy } from "./policy.ts";
import type { ResolvedPolicy, ValidationPolicy } from "./policy.ts";
import { createRefusal } from "./refusals.ts";

const MEDIA_TYPE_PREFIX = "application/";
const ACCEPTED_TYPES: readonly string[] = ["jwt", "at+jwt"];

/**
 * Validates a token and returns its claims. In this order:
 *
 * 1. size (16 KiB), before anything is parsed; three segments of canonical base64url; header a JSON
 *    object (of members that occur twice the last counts, RFC 7515 §4);
 * 2. header: no `crit`, no `b64`; `alg` that of an accepted key; `typ` absent, `JWT` or `at+jwt`
 *    (any case, also with `application/` before it, RFC 7515 §4.1.9). Keys or links to keys in the
 *    header are never looked at;
 * 3. signature. `kid` is a hint (RFC 7515 §4.1.4): when it names accepted keys of that algorithm only
 *    those are tried, else all of that algorithm. So it can neither let a token in nor keep one out
 *    whose issuer names keys in its own way;
 * 4. shape of the claims: `sub`, `aud`, `iat`, `exp` and `scope` are mandatory;
 * 5. dates with one leeway, audience, issuer.
 *
 * Security: the token may come from anyone. Not checked are scopes, rate limits, and whether the
 * token was revoked or used before. Tell tokens apart by `jti`, never by their text: of each ES256
 * token anyone can make a second one with the same claims and another valid signature.
 *
 * @param token The compact token, without white space around it.
 * @param policy Keys, audiences, issuer, leeway, clock.
 * @returns The known claims, frozen; unknown ones are dropped.
 * @throws {TypeError} When the token is not a string or the policy is incomplete.
 * @throws {RangeError} When the leeway is out of range.
 * @throws {JwtError} `ERR_JWT_TOO_LARGE`, `ERR_JWT_MALFORMED`, `ERR_JWT_ALGORITHM`, `ERR_JWT_TYPE`,
 * `ERR_JWT_SIGNATURE`, `ERR_JWT_CLAIM`, `ERR_JWT_EXPIRED`, `ERR_JWT_NOT_YET_VALID`,
 * `ERR_JWT_AUDIENCE` or `ERR_JWT_ISSUER`; `reason` says more.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-7.2 | RFC 7519 §7.2}
 *
 * @example Usage
 * ```ts
 * import { generateHs256Secret, importSecret, issueToken, validateToken } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { signingKey, verificationKey } = await importSecret(generateHs256Secret());
 * const token = await issueToken({ sub: "agent-7", scope: "tool:github:* help" }, signingKey);
 * const claims = await validateToken(token, { keys: [verificationKey], audiences: ["ati-proxy"] });
 * assert.equal(claims.sub, "agent-7");
 * ```
 */
export async function validateToken(token: string, policy: ValidationPolicy): Promise<JwtClaims> {
  return await validateResolved(token, resolvePolicy(policy));
}

/** {@link validateToken} under a policy that is resolved already. */
export async function validateResolved(
  token: string,
  policy: ResolvedPolicy,
): Promise<JwtClaims> {
  const { header, payload } = parseCompact(token);
  await assertSignature(token, selectKeys(header, policy.keys), header["kid"]);
  const claims = parseClaims(parsePayload(payload));
  assertCurrent(claims, { nowMs: policy.now(), leewaySeconds: policy.leewaySeconds });
  assertAudience(claims, policy.audiences);
  if (policy.issuer !== undefined) assertIssuer(claims, policy.issuer);
  return claims;
}

function selectKeys(
  header: Readonly<Record<string, unknown>>,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  if (Object.hasOwn(header, "crit")) throw createRefusal("crit_unsupported");
  if (Object.hasOwn(header, "b64")) throw createRefusal("b64_unsupported");
  const { alg, typ, kid } = header;
  if (typeof alg !== "string" || !(kid === undefined || typeof kid === "string")) {
    throw createRefusal("bad_header");
  }
  const usable = keys.filter((key) => key.algorithm === alg);
  if (usable.length === 0) throw createRefusal("alg_not_allowed");
  if (typ !== undefined && !isAcceptedType(typ)) throw createRefusal("typ_not_allowed");
  const named = kid === undefined ? [] : usable.filter((key) => key.kid === kid);
  return named.length > 0 ? named : usable;
}

function isAcceptedType(typ: unknown): boolean {
  if (typeof typ !== "string") return false;
  const type = typ.toLowerCase();
  return ACCEPTED_TYPES.includes(
    type.startsWith(MEDIA_TYPE_PREFIX) ? type.slice(MEDIA_TYPE_PREFIX.length) : type,
  );
}

async function assertSignature(
  token: string,
  candidates: readonly VerificationKey[],
  kid: unknown,
): Promise<void> {
  for (const key of candidates) {
    if (await isSignedBy(token, key)) return;
  }
  const isUnknown = kid !== undefined && candidates.every((key) => key.kid !== kid);
  throw createRefusal(isUnknown ? "kid_unknown" : "bad_signature");
}
