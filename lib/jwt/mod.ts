/**
 * Session tokens: JSON Web Tokens (RFC 7519) signed with ES256 or HS256 (RFC 7518), in the profile
 * that ATI proxies and orchestrators speak; keys from PEM, JWK and hex; the JWK set.
 *
 * Stricter than the RFCs: `sub`, `aud`, `iat`, `exp` and `scope` are mandatory, `crit` is refused, a
 * token has at most 16 KiB, an HS256 secret at least 32 bytes. Other ATI implementations read single
 * audiences only; a list of one is therefore issued as plain text.
 *
 * @example Issue and validate
 * ```ts
 * import { generateEs256KeyPair, importSigningKey, importVerificationKeys } from "atikit";
 * import { issueToken, validateToken } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const pair = await generateEs256KeyPair();
 * const token = await issueToken(
 *   { sub: "agent-7", scope: "tool:github:* help", ttlSeconds: 600 },
 *   await importSigningKey(pair.privatePem),
 * );
 * const claims = await validateToken(token, {
 *   keys: await importVerificationKeys(pair.publicPem),
 *   audiences: ["ati-proxy"],
 * });
 * assert.equal(claims.scope, "tool:github:* help");
 * ```
 *
 * @module
 */

export { loadAudiences, loadJwtConfig } from "./config.ts";
export { generateEs256KeyPair, generateHs256Secret } from "./generate.ts";
export { inspectToken } from "./inspect.ts";
export { DEFAULT_AUDIENCE, issueToken } from "./issue.ts";
export { computeThumbprint } from "./jwk.ts";
export { createJwks } from "./jwks.ts";
export { importSecret, importSigningKey, importVerificationKeys } from "./keys.ts";
export { validateToken } from "./validate.ts";
export { createTokenVerifier } from "./verifier.ts";

export type { AtiClaim, JwtClaims } from "./claims.ts";
export type { JwtConfig, JwtConfigPorts } from "./config.ts";
export type { Es256KeyPair } from "./generate.ts";
export type { InspectedToken } from "./inspect.ts";
export type { IssueInput, IssueOptions } from "./issue.ts";
export type { EcPoint, EcPrivateJwk, EcPublicJwk, JsonWebKeySet } from "./jwk.ts";
export type { Jwks } from "./jwks.ts";
export type { JwtAlgorithm, SecretKeys, SigningKey, VerificationKey } from "./keys.ts";
export type { ValidationPolicy } from "./policy.ts";
export type { JwtClaimName, JwtReason, RefusalReason, RequiredClaimName } from "./refusals.ts";
export type { TokenVerifier, TokenVerifierOptions } from "./verifier.ts";
export type { Clock, Env, FileFacts, Files, Hashes, MaybePromise } from "../ports.ts";
