/** New keys. @module */

import { encodeHex } from "../encoding/hex.ts";
import { formatPem } from "../encoding/pem.ts";
import { MIN_HMAC_SECRET_BYTES } from "../limits.ts";
import { createPublicJwk, readPoint } from "./jwk.ts";
import type { EcPrivateJwk, EcPublicJwk } from "./jwk.ts";

/** A new ES256 key pair, in every form it is stored or published in. */
export interface Es256KeyPair {
  /** PKCS#8 PEM. Secret. */
  readonly privatePem: string;
  /** SPKI PEM. */
  readonly publicPem: string;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  /** The private key as JWK. Secret. */
  readonly privateJwk: EcPrivateJwk;
  /** The public key as JWK. */
  readonly publicJwk: EcPublicJwk;
}

/**
 * Generates a key pair for ES256 with the runtime's secure random numbers.
 *
 * @example Usage
 * ```ts
 * import { generateEs256KeyPair } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const pair = await generateEs256KeyPair();
 * assert.ok(pair.privatePem.startsWith("-----BEGIN PRIVATE KEY-----"));
 * assert.equal(pair.publicJwk.kid, pair.kid);
 * ```
 */
export async function generateEs256KeyPair(): Promise<Es256KeyPair> {
  const { subtle } = crypto;
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [pkcs8, spki, jwk] = await Promise.all([
    subtle.exportKey("pkcs8", pair.privateKey),
    subtle.exportKey("spki", pair.publicKey),
    subtle.exportKey("jwk", pair.privateKey),
  ]);
  const publicJwk = await createPublicJwk(readPoint({ ...jwk }));
  return {
    privatePem: formatPem("PRIVATE KEY", new Uint8Array(pkcs8)),
    publicPem: formatPem("PUBLIC KEY", new Uint8Array(spki)),
    kid: publicJwk.kid,
    privateJwk: Object.freeze({ ...publicJwk, d: jwk.d as string }),
    publicJwk,
  };
}

/**
 * Generates an HS256 secret: 32 random bytes as 64 hex digits.
 *
 * @example Usage
 * ```ts
 * import { generateHs256Secret } from "atikit";
 * import assert from "node:assert/strict";
 *
 * assert.match(generateHs256Secret(), /^[0-9a-f]{64}$/);
 * ```
 */
export function generateHs256Secret(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(MIN_HMAC_SECRET_BYTES)));
}
