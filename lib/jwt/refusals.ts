/** Why a token or a key is refused: one table from reason to code and message. @module */

import { JwtError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

/** A claim that ATI tokens carry. */
export type JwtClaimName =
  | "iss"
  | "sub"
  | "aud"
  | "iat"
  | "exp"
  | "nbf"
  | "jti"
  | "scope"
  | "ati"
  | "job_id"
  | "sandbox_id";

/** A claim that a token must carry. */
export type RequiredClaimName = "sub" | "aud" | "iat" | "exp" | "scope";

/** A reason that is not about the shape of a claim. */
export type RefusalReason =
  | "too_large"
  | "not_compact"
  | "bad_encoding"
  | "bad_header"
  | "bad_payload"
  | "crit_unsupported"
  | "b64_unsupported"
  | "alg_not_allowed"
  | "typ_not_allowed"
  | "bad_signature"
  | "kid_unknown"
  | "expired"
  | "not_yet_valid"
  | "issued_in_future"
  | "audience_mismatch"
  | "missing_iss"
  | "issuer_mismatch"
  | "key_malformed"
  | "key_unsupported"
  | "key_encrypted"
  | "key_ambiguous"
  | "key_mismatch"
  | "secret_not_hex"
  | "secret_too_short";

/** The `reason` of a `JwtError`: finer than its code, stable, safe to log. */
export type JwtReason =
  | RefusalReason
  | `missing_${RequiredClaimName}`
  | `invalid_${JwtClaimName}`;

type Refusal = readonly [code: ErrorCode, because: string];

const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  too_large: ["ERR_JWT_TOO_LARGE", "the token is larger than any that is looked at"],
  not_compact: ["ERR_JWT_MALFORMED", "it is not three segments with dots between them"],
  bad_encoding: ["ERR_JWT_MALFORMED", "a segment is not canonical base64url"],
  bad_header: ["ERR_JWT_MALFORMED", "the header is not a well-formed JOSE header"],
  bad_payload: ["ERR_JWT_MALFORMED", "the payload is not a JSON object"],
  crit_unsupported: ["ERR_JWT_MALFORMED", 'header "crit" names extensions that are not supported'],
  b64_unsupported: ["ERR_JWT_MALFORMED", 'header "b64" is not supported'],
  alg_not_allowed: ["ERR_JWT_ALGORITHM", 'header "alg" is not the algorithm of an accepted key'],
  typ_not_allowed: ["ERR_JWT_TYPE", 'header "typ" is neither "JWT" nor "at+jwt"'],
  bad_signature: ["ERR_JWT_SIGNATURE", "no accepted key made its signature"],
  kid_unknown: ["ERR_JWT_SIGNATURE", 'header "kid" names no accepted key, and none made it'],
  expired: ["ERR_JWT_EXPIRED", 'claim "exp" has passed'],
  not_yet_valid: ["ERR_JWT_NOT_YET_VALID", 'claim "nbf" lies in the future'],
  issued_in_future: ["ERR_JWT_NOT_YET_VALID", 'claim "iat" lies in the future'],
  audience_mismatch: ["ERR_JWT_AUDIENCE", 'claim "aud" names no accepted audience'],
  missing_iss: ["ERR_JWT_ISSUER", 'claim "iss" is missing'],
  issuer_mismatch: ["ERR_JWT_ISSUER", 'claim "iss" is not the accepted issuer'],
  key_malformed: ["ERR_JWT_KEY", "it is not a well-formed PEM, JWK or JWK set"],
  key_unsupported: ["ERR_JWT_KEY", "it is not a P-256 key of the kind that is needed here"],
  key_encrypted: ["ERR_JWT_KEY", "it is encrypted with a passphrase"],
  key_ambiguous: ["ERR_JWT_KEY", "it holds more than one private key"],
  key_mismatch: ["ERR_JWT_KEY", "its private and public halves do not belong together"],
  secret_not_hex: ["ERR_JWT_KEY", "the secret is not hexadecimal text"],
  secret_too_short: ["ERR_JWT_KEY", "the secret is shorter than 32 bytes (64 hex digits)"],
};

/** Makes the error of a reason. The message says what was being done, and never a value. */
export function createRefusal(reason: RefusalReason, hint?: string): JwtError {
  const [code] = REFUSALS[reason];
  const action = code === "ERR_JWT_KEY" ? "Cannot import key" : "Cannot validate JWT";
  return new JwtError(code, `${action}: ${explainRefusal(reason)}`, { reason, hint });
}

/** What the message of a refusal says after the colon. */
export function explainRefusal(reason: RefusalReason): string {
  return REFUSALS[reason][1];
}

/** Makes the error of a mandatory claim that is not there. */
export function createMissingClaim(claim: RequiredClaimName): JwtError {
  const reason: JwtReason = `missing_${claim}`;
  return new JwtError("ERR_JWT_CLAIM", `Cannot validate JWT: claim "${claim}" is missing`, {
    reason,
  });
}

/** Makes the error of a claim whose value has the wrong type or shape. */
export function createInvalidClaim(claim: JwtClaimName): JwtError {
  const reason: JwtReason = `invalid_${claim}`;
  return new JwtError("ERR_JWT_CLAIM", `Cannot validate JWT: claim "${claim}" is malformed`, {
    reason,
  });
}
