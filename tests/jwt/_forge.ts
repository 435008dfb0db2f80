/** Tokens that no issuer of ours would make. @module */

import { encodeBase64Url } from "../../lib/encoding/base64.ts";
import { decodeHex } from "../../lib/encoding/hex.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";

/** The second at which the tests stand. */
export const NOW: number = 1_700_000_000;

/** A clock that stands at `NOW`, or so many seconds from it. */
export function clockAt(offsetSeconds: number = 0): () => number {
  return () => (NOW + offsetSeconds) * 1000;
}

/** The HS256 secret of the tests. */
export const SECRET_HEX: string = "0123456789abcdef".repeat(4);

/** A payload that is accepted, with changes; `undefined` takes a claim away. */
export function payload(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    sub: "agent-7",
    aud: "ati-proxy",
    iat: NOW,
    exp: NOW + 1800,
    scope: "tool:github:* help",
    ...changes,
  };
}

/** Header and payload in base64url; text and bytes go in as they are, anything else as JSON. */
export function encodePart(value: unknown): string {
  if (value instanceof Uint8Array) return encodeBase64Url(value);
  return encodeBase64Url(encodeUtf8(typeof value === "string" ? value : JSON.stringify(value)));
}

/** Signs with HMAC-SHA256, whatever the header says. */
export async function forgeHs256(
  header: unknown,
  body: unknown,
  secret: Uint8Array = decodeHex(SECRET_HEX),
): Promise<string> {
  const input = `${encodePart(header)}.${encodePart(body)}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret as BufferSource, algorithm, false, [
    "sign",
  ]);
  const signature = await crypto.subtle.sign("HMAC", key, encodeUtf8(input));
  return `${input}.${encodePart(new Uint8Array(signature))}`;
}

/** Signs with ECDSA on P-256, whatever the header says. */
export async function forgeEs256(header: unknown, body: unknown, key: CryptoKey): Promise<string> {
  const input = `${encodePart(header)}.${encodePart(body)}`;
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, key, encodeUtf8(input));
  return `${input}.${encodePart(new Uint8Array(signature))}`;
}
