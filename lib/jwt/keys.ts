/**
 * Keys that sign and verify tokens: imported from PEM, JWK, JWK set or hex into `CryptoKey`s that
 * do not give their secret out again.
 *
 * @module
 */

import { decodeHex, isHex } from "../encoding/hex.ts";
import { MIN_HMAC_SECRET_BYTES } from "../limits.ts";
import { wrapScalar } from "./_der.ts";
import { readPrivateKey, readPublicKeys, readSecretJwk } from "./_key_material.ts";
import type { EcPublicJwk, JsonWebKeySet } from "./jwk.ts";
import { createRefusal } from "./refusals.ts";

const ECDSA: EcKeyImportParams = { name: "ECDSA", namedCurve: "P-256" };
const HMAC: HmacImportParams = { name: "HMAC", hash: "SHA-256" };

/** The algorithms that tokens are signed with (RFC 7518 §3.1). */
export type JwtAlgorithm = "ES256" | "HS256";

/** A key that signs tokens. */
export interface SigningKey {
  /** The one algorithm it is for. */
  readonly algorithm: JwtAlgorithm;
  /** Key id that goes into the header: the RFC 7638 thumbprint on ES256, none on HS256. */
  readonly kid?: string | undefined;
  /** The key; not extractable. */
  readonly key: CryptoKey;
}

/** A key that verifies tokens. */
export interface VerificationKey {
  /** The one algorithm it is for. */
  readonly algorithm: JwtAlgorithm;
  /** Key id that the header of a token may name. */
  readonly kid?: string | undefined;
  /** The key; not extractable. */
  readonly key: CryptoKey;
  /** The same key to publish; only on ES256. */
  readonly publicJwk?: EcPublicJwk | undefined;
}

/** Both halves of an HS256 secret: it signs and verifies. */
export interface SecretKeys {
  /** Signs. */
  readonly signingKey: SigningKey;
  /** Verifies. */
  readonly verificationKey: VerificationKey;
}

/**
 * Imports a private P-256 key that signs with ES256.
 *
 * The public half is always computed from the private one, so that a file with a wrong public half
 * cannot make a key whose signatures nobody can check.
 *
 * @param material PEM text with one private key, PKCS#8 (`PRIVATE KEY`) or SEC 1
 * (`EC PRIVATE KEY`), other blocks beside it being ignored; or a private JWK, as object or JSON.
 * @returns The key, not extractable, with its thumbprint (or the JWK's own `kid`) as `kid`.
 * @throws {JwtError} `ERR_JWT_KEY` with a `reason` that starts with `key_`.
 *
 * @example Usage
 * ```ts
 * import { generateEs256KeyPair, importSigningKey } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { privatePem, kid } = await generateEs256KeyPair();
 * assert.equal((await importSigningKey(privatePem)).kid, kid);
 * ```
 */
export async function importSigningKey(material: string | JsonWebKey): Promise<SigningKey> {
  const { scalar, jwk } = await readPrivateKey(material);
  const key = await crypto.subtle.importKey("pkcs8", wrapScalar(scalar), ECDSA, false, ["sign"]);
  return { algorithm: "ES256", kid: jwk.kid, key };
}

/**
 * Imports the P-256 keys that verify ES256 signatures.
 *
 * A private key counts as its public half. A key that occurs twice is imported once. In a JWK set,
 * keys that are not for ES256 signatures are skipped (RFC 7517 §5).
 *
 * @param material PEM text with one or several blocks (SPKI, PKCS#8 or SEC 1); or a JWK or a JWK
 * set, as object or JSON. A JWK's own `kid` is kept; the others get their thumbprint.
 * @returns At least one key, in the order of the material.
 * @throws {JwtError} `ERR_JWT_KEY` with a `reason` that starts with `key_`.
 *
 * @example Usage
 * ```ts
 * import { generateEs256KeyPair, importVerificationKeys } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { publicPem, publicJwk } = await generateEs256KeyPair();
 * const [key] = await importVerificationKeys(publicPem);
 * assert.deepEqual(key?.publicJwk, publicJwk);
 * ```
 */
export async function importVerificationKeys(
  material: string | JsonWebKey | JsonWebKeySet,
): Promise<VerificationKey[]> {
  return await Promise.all((await readPublicKeys(material)).map(createVerificationKey));
}

/**
 * Imports an HS256 secret.
 *
 * @param material The secret in hex, or a JWK of type `oct` (RFC 7518 §6.4) whose `kid` is kept; at
 * least 32 bytes (RFC 7518 §3.2).
 * @throws {JwtError} `ERR_JWT_KEY`, reason `secret_not_hex`, `secret_too_short`, or for a JWK
 * `key_unsupported` or `key_malformed`.
 *
 * @example Usage
 * ```ts
 * import { generateHs256Secret, importSecret } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { signingKey } = await importSecret(generateHs256Secret());
 * assert.equal(signingKey.algorithm, "HS256");
 * ```
 */
export async function importSecret(material: string | JsonWebKey): Promise<SecretKeys> {
  const { bytes, kid } = typeof material === "string"
    ? { bytes: readHexSecret(material), kid: undefined }
    : readSecretJwk({ ...material });
  if (bytes.length < MIN_HMAC_SECRET_BYTES) throw createRefusal("secret_too_short");
  const [sign, verify] = await Promise.all([
    crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign"]),
    crypto.subtle.importKey("raw", bytes, HMAC, false, ["verify"]),
  ]);
  return {
    signingKey: { algorithm: "HS256", kid, key: sign },
    verificationKey: { algorithm: "HS256", kid, key: verify },
  };
}

/** True when a `CryptoKey` can do what the algorithm and the usage ask for. */
export function isKeyFor(
  key: SigningKey | VerificationKey,
  usage: "sign" | "verify",
): boolean {
  const { name, namedCurve, hash } = key.key.algorithm as KeyAlgorithm & {
    readonly namedCurve?: string;
    readonly hash?: KeyAlgorithm;
  };
  const fits = key.algorithm === "ES256"
    ? name === ECDSA.name && namedCurve === ECDSA.namedCurve
    : key.algorithm === "HS256" && name === HMAC.name && hash?.name === HMAC.hash;
  return fits && key.key.usages.includes(usage);
}

async function createVerificationKey(jwk: EcPublicJwk): Promise<VerificationKey> {
  const { kty, crv, x, y } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, ECDSA, false, ["verify"]);
  return { algorithm: "ES256", kid: jwk.kid, key, publicJwk: jwk };
}

function readHexSecret(hex: string): Uint8Array<ArrayBuffer> {
  if (!isHex(hex)) throw createRefusal("secret_not_hex");
  return decodeHex(hex);
}
