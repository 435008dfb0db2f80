/** Keys out of PEM, JWK and JWK sets, before they become `CryptoKey`s. @module */

import { decodeBase64Url } from "../encoding/base64.ts";
import { isPlainObject, parseJsonObject } from "../encoding/json.ts";
import { parsePem } from "../encoding/pem.ts";
import type { PemBlock } from "../encoding/pem.ts";
import { readPkcs8Scalar, readSec1Scalar, wrapScalar } from "./_der.ts";
import { createPublicJwk, isEs256Jwk, readPoint, readScalar } from "./jwk.ts";
import type { EcPoint, EcPublicJwk, JsonWebKeySet } from "./jwk.ts";
import { createRefusal } from "./refusals.ts";

const ECDSA: EcKeyImportParams = { name: "ECDSA", namedCurve: "P-256" };
const PUBLIC_LABEL = "PUBLIC KEY";
const PRIVATE_LABELS: readonly string[] = ["PRIVATE KEY", "EC PRIVATE KEY"];
// `openssl ecparam -genkey` puts the curve's name before the key.
const PARAMETERS_LABEL = "EC PARAMETERS";

/** A private key, and the public one computed from it. */
export interface PrivateKeyParts {
  /** The private scalar. Secret. */
  readonly scalar: Uint8Array;
  /** The public half. */
  readonly jwk: EcPublicJwk;
}

/**
 * Reads the one private key of the material.
 *
 * @throws {JwtError} `ERR_JWT_KEY`.
 */
export async function readPrivateKey(material: string | JsonWebKey): Promise<PrivateKeyParts> {
  const parsed = parseMaterial(material);
  if (Array.isArray(parsed)) {
    const [block, ...others] = parsed.filter(({ label }) => PRIVATE_LABELS.includes(label));
    if (block === undefined) throw createRefusal("key_unsupported");
    if (others.length > 0) throw createRefusal("key_ambiguous");
    const scalar = readBlockScalar(block);
    return { scalar, jwk: await createPublicJwk(await derivePoint(scalar)) };
  }
  if (!isEs256Jwk(parsed, ["sign"])) throw createRefusal("key_unsupported");
  return { scalar: readScalar(parsed), jwk: await readPublicJwk(parsed) };
}

/**
 * Reads the public keys of the material, and the public halves of private ones; each key once.
 *
 * @throws {JwtError} `ERR_JWT_KEY`; also when there is none.
 */
export async function readPublicKeys(
  material: string | JsonWebKey | JsonWebKeySet,
): Promise<EcPublicJwk[]> {
  const parsed = parseMaterial(material);
  const jwks = Array.isArray(parsed)
    ? await Promise.all(parsed.filter(isKeyBlock).map(readBlockJwk))
    : await Promise.all(selectJwks(parsed).map(readPublicJwk));
  const distinct = new Map(jwks.map((jwk) => [jwk.x + jwk.y, jwk]));
  if (distinct.size === 0) throw createRefusal("key_unsupported");
  return [...distinct.values()];
}

/** An HS256 secret out of a JWK. */
export interface SecretParts {
  /** The secret. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The JWK's own key id. */
  readonly kid: string | undefined;
}

/**
 * Reads the secret of a JWK of type `oct` (RFC 7518 §6.4) that is for HS256 signatures.
 *
 * @throws {JwtError} `ERR_JWT_KEY`.
 */
export function readSecretJwk(jwk: Readonly<Record<string, unknown>>): SecretParts {
  const { kty, use = "sig", alg = "HS256", k } = jwk;
  if (kty !== "oct" || use !== "sig" || alg !== "HS256") throw createRefusal("key_unsupported");
  try {
    return { bytes: decodeBase64Url(typeof k === "string" ? k : "?"), kid: readKeyId(jwk) };
  } catch {
    // An EncodingError says no more than this.
    throw createRefusal("key_malformed");
  }
}

function parseMaterial(
  material: string | JsonWebKey | JsonWebKeySet,
): PemBlock[] | Readonly<Record<string, unknown>> {
  if (typeof material === "string" && material.includes("ENCRYPTED")) {
    throw createRefusal("key_encrypted", "Decrypt it with `openssl pkcs8 -in FILE -out NEW_FILE`");
  }
  if (typeof material !== "string") {
    if (!isPlainObject(material)) throw createRefusal("key_malformed");
    return material;
  }
  try {
    return material.trimStart().startsWith("{") ? parseJsonObject(material) : parsePem(material);
  } catch {
    // An EncodingError says no more than this.
    throw createRefusal("key_malformed");
  }
}

function isKeyBlock(block: PemBlock): boolean {
  return block.label !== PARAMETERS_LABEL;
}

async function readBlockJwk(block: PemBlock): Promise<EcPublicJwk> {
  if (PRIVATE_LABELS.includes(block.label)) {
    return await createPublicJwk(await derivePoint(readBlockScalar(block)));
  }
  if (block.label !== PUBLIC_LABEL) throw createRefusal("key_unsupported");
  try {
    const key = await crypto.subtle.importKey("spki", block.bytes, ECDSA, true, ["verify"]);
    return await createPublicJwk(readPoint({ ...await crypto.subtle.exportKey("jwk", key) }));
  } catch {
    // The runtimes' errors differ from each other and say nothing that can be relied on.
    throw createRefusal("key_unsupported");
  }
}

function readBlockScalar(block: PemBlock): Uint8Array {
  return block.label === "PRIVATE KEY" ? readPkcs8Scalar(block.bytes) : readSec1Scalar(block.bytes);
}

function selectJwks(
  material: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>>[] {
  const { keys } = material;
  const candidates = Array.isArray(keys) ? keys.filter(isPlainObject) : [material];
  return candidates.filter((jwk) =>
    isEs256Jwk(jwk, jwk["d"] === undefined ? ["verify"] : ["sign", "verify"])
  );
}

async function readPublicJwk(jwk: Readonly<Record<string, unknown>>): Promise<EcPublicJwk> {
  if (jwk["d"] === undefined) return await createPublicJwk(readPoint(jwk), readKeyId(jwk));
  const point = await derivePoint(readScalar(jwk));
  if (jwk["x"] !== point.x || jwk["y"] !== point.y) throw createRefusal("key_mismatch");
  return await createPublicJwk(point, readKeyId(jwk));
}

function readKeyId(jwk: Readonly<Record<string, unknown>>): string | undefined {
  const { kid } = jwk;
  return typeof kid === "string" && kid !== "" ? kid : undefined;
}

async function derivePoint(scalar: Uint8Array): Promise<EcPoint> {
  try {
    const key = await crypto.subtle.importKey("pkcs8", wrapScalar(scalar), ECDSA, true, ["sign"]);
    return readPoint({ ...await crypto.subtle.exportKey("jwk", key) });
  } catch {
    // A scalar that is zero or not below the order of the curve.
    throw createRefusal("key_malformed");
  }
}
