/** The private scalar of a P-256 key, out of and into DER (X.690), strictly. @module */

import { encodeHex } from "../encoding/hex.ts";
import { createRefusal } from "./refusals.ts";

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const SEQUENCE = 0x30;
const PARAMETERS = 0xa0;
const SCALAR_BYTES = 32;
// OIDs 1.2.840.10045.2.1 (id-ecPublicKey) and 1.2.840.10045.3.1.7 (prime256v1), with tag and length.
const EC_PUBLIC_KEY_OID = "06072a8648ce3d0201";
const P256_OID = "06082a8648ce3d030107";
// PrivateKeyInfo { 0, { id-ecPublicKey, prime256v1 }, ECPrivateKey { 1, <scalar> } }, without the scalar.
const PKCS8_HEAD: readonly number[] = [
  ...[0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13],
  ...[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  ...[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
  ...[0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20],
];

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * Reads the private scalar from PKCS#8 (RFC 5958 §2) around an `ECPrivateKey`.
 *
 * @throws {JwtError} `ERR_JWT_KEY` when it is not DER, or not a key on P-256 by name.
 */
export function readPkcs8Scalar(der: Uint8Array): Uint8Array {
  const [version, algorithm, key] = readElements(expectOne(der, SEQUENCE));
  // RFC 5958 §2: version 1 (written 1) allows a public key after the private one.
  const isVersion = version?.tag === INTEGER && ["00", "01"].includes(encodeHex(version.content));
  if (!isVersion || algorithm?.tag !== SEQUENCE || key?.tag !== OCTET_STRING) {
    throw createRefusal("key_malformed");
  }
  if (encodeHex(algorithm.content) !== EC_PUBLIC_KEY_OID + P256_OID) {
    throw createRefusal("key_unsupported");
  }
  return readEcPrivateKey(key.content, { needsCurve: false });
}

/**
 * Reads the private scalar from a bare `ECPrivateKey` (SEC 1, RFC 5915 §3).
 *
 * @throws {JwtError} `ERR_JWT_KEY` when it is not DER, or does not name P-256.
 */
export function readSec1Scalar(der: Uint8Array): Uint8Array {
  return readEcPrivateKey(der, { needsCurve: true });
}

/** Wraps a private scalar into PKCS#8. The public half is left out: importing computes it. */
export function wrapScalar(scalar: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...PKCS8_HEAD, ...scalar]);
}

function readEcPrivateKey(der: Uint8Array, options: { needsCurve: boolean }): Uint8Array {
  const [version, scalar, next] = readElements(expectOne(der, SEQUENCE));
  const isVersion = version?.tag === INTEGER && encodeHex(version.content) === "01";
  if (!isVersion || scalar?.tag !== OCTET_STRING) throw createRefusal("key_malformed");
  const curve = next?.tag === PARAMETERS ? encodeHex(next.content) : undefined;
  const isOtherCurve = curve === undefined ? options.needsCurve : curve !== P256_OID;
  // RFC 5915 §3: the octets are as long as the order of the curve, leading zeros kept.
  if (isOtherCurve || scalar.content.length !== SCALAR_BYTES) {
    throw createRefusal("key_unsupported");
  }
  return scalar.content;
}

function expectOne(der: Uint8Array, tag: number): Uint8Array {
  const [element, ...rest] = readElements(der);
  if (element?.tag !== tag || rest.length > 0) throw createRefusal("key_malformed");
  return element.content;
}

function readElements(der: Uint8Array): Element[] {
  const elements: Element[] = [];
  let offset = 0;
  while (offset < der.length) {
    const tag = der[offset] as number;
    const first = der[offset + 1] ?? 0xff;
    // Keys are short: the length stands in one octet, or in one or two after 0x81 or 0x82.
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    if (lengthBytes > 2) throw createRefusal("key_malformed");
    const start = offset + 2 + lengthBytes;
    const length = lengthBytes === 0 ? first : readNumber(der.subarray(offset + 2, start));
    if (start + length > der.length) throw createRefusal("key_malformed");
    elements.push({ tag, content: der.subarray(start, start + length) });
    offset = start + length;
  }
  return elements;
}

function readNumber(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
