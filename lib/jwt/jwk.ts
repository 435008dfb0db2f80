/** JSON Web Keys on P-256 (RFC 7517, RFC 7518 §6.2) and their thumbprints (RFC 7638). @module */

import { decodeBase64Url, encodeBase64Url } from "../encoding/base64.ts";
import { encodeHex } from "../encoding/hex.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { createRefusal } from "./refusals.ts";

const COORDINATE_BYTES = 32;
// y² = x³ − 3x + b over the field of p (SEC 2 §2.4.2).
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** A point on P-256: each coordinate 32 bytes, big-endian, in base64url. */
export interface EcPoint {
  /** X coordinate. */
  readonly x: string;
  /** Y coordinate. */
  readonly y: string;
}

/** A public ES256 key as a JWK: what a JWK set serves. */
export interface EcPublicJwk extends EcPoint {
  /** Key type. */
  readonly kty: "EC";
  /** Curve. */
  readonly crv: "P-256";
  /** What it is for. */
  readonly use: "sig";
  /** The one algorithm it is for. */
  readonly alg: "ES256";
  /** Key id: the RFC 7638 thumbprint, unless the key came with an id of its own. */
  readonly kid: string;
}

/** A private ES256 key as a JWK. Secret. */
export interface EcPrivateJwk extends EcPublicJwk {
  /** Private scalar: 32 bytes in base64url. Secret. */
  readonly d: string;
}

/** A JWK set (RFC 7517 §5) from anywhere. */
export interface JsonWebKeySet {
  /** The keys. */
  readonly keys: readonly JsonWebKey[];
}

/**
 * Computes the SHA-256 thumbprint of a public key (RFC 7638 §3), in base64url.
 *
 * @param point The public point.
 */
export async function computeThumbprint(point: EcPoint): Promise<string> {
  // RFC 7638 §3.3: the required members in lexicographic order, without white space.
  const json = JSON.stringify({ crv: "P-256", kty: "EC", x: point.x, y: point.y });
  const digest = await crypto.subtle.digest("SHA-256", encodeUtf8(json));
  return encodeBase64Url(new Uint8Array(digest));
}

/** Makes the public JWK of a point; the thumbprint is its `kid` unless another is given. */
export async function createPublicJwk(point: EcPoint, kid?: string): Promise<EcPublicJwk> {
  const { x, y } = point;
  const id = kid ?? await computeThumbprint(point);
  return Object.freeze({ kty: "EC", crv: "P-256", x, y, use: "sig", alg: "ES256", kid: id });
}

/** True when a JWK is meant for ES256 signatures: type, curve, use, algorithm and operations. */
export function isEs256Jwk(jwk: Readonly<Record<string, unknown>>, operations: string[]): boolean {
  const { kty, crv, use = "sig", alg = "ES256", key_ops: allowed = operations } = jwk;
  return kty === "EC" && crv === "P-256" && use === "sig" && alg === "ES256" &&
    Array.isArray(allowed) && operations.some((operation) => allowed.includes(operation));
}

/**
 * Reads the point of a JWK and asserts that it lies on the curve: not every runtime looks.
 *
 * @throws {JwtError} `ERR_JWT_KEY` when a coordinate is malformed or the point is not on P-256.
 */
export function readPoint(jwk: Readonly<Record<string, unknown>>): EcPoint {
  const [x, y] = [readMember(jwk, "x"), readMember(jwk, "y")];
  const [left, right] = [toBigInt(x), toBigInt(y)];
  const isOnCurve = left < P && right < P &&
    (right * right - (left * left * left - 3n * left + B)) % P === 0n;
  if (!isOnCurve) throw createRefusal("key_malformed");
  return { x: encodeBase64Url(x), y: encodeBase64Url(y) };
}

/**
 * Reads the private scalar of a JWK.
 *
 * @throws {JwtError} `ERR_JWT_KEY` when it is malformed.
 */
export function readScalar(jwk: Readonly<Record<string, unknown>>): Uint8Array {
  return readMember(jwk, "d");
}

function readMember(jwk: Readonly<Record<string, unknown>>, name: string): Uint8Array {
  const text = jwk[name];
  let bytes: Uint8Array | undefined;
  try {
    bytes = typeof text === "string" ? decodeBase64Url(text) : undefined;
  } catch {
    // An EncodingError says no more than the refusal below.
  }
  if (bytes?.length !== COORDINATE_BYTES) throw createRefusal("key_malformed");
  return bytes;
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${encodeHex(bytes)}`);
}
