/** The compact serialization (RFC 7515 §7.1) taken apart, without verifying anything. @module */

import { decodeBase64Url } from "../encoding/base64.ts";
import { parseJsonObject } from "../encoding/json.ts";
import { MAX_TOKEN_BYTES } from "../limits.ts";
import { createRefusal } from "./refusals.ts";
import type { RefusalReason } from "./refusals.ts";

/** Header and payload of a token that nobody has verified yet. */
export interface CompactParts {
  /** The JOSE header. */
  readonly header: Readonly<Record<string, unknown>>;
  /** The payload's bytes. */
  readonly payload: Uint8Array;
}

/**
 * Asserts that a value is text short enough to be looked at.
 *
 * @throws {TypeError} When it is not a string.
 * @throws {JwtError} `ERR_JWT_TOO_LARGE`.
 */
export function assertTokenSize(token: string): void {
  if (typeof token !== "string") throw new TypeError("Cannot validate JWT: it must be a string");
  if (token.length > MAX_TOKEN_BYTES) throw createRefusal("too_large");
}

/**
 * Takes a token apart: size first, then exactly three segments in canonical base64url, then the
 * header as a JSON object.
 *
 * @throws {JwtError} `ERR_JWT_TOO_LARGE` or `ERR_JWT_MALFORMED`.
 */
export function parseCompact(token: string): CompactParts {
  assertTokenSize(token);
  const segments = token.split(".");
  if (segments.length !== 3) throw createRefusal("not_compact");
  const [header, payload] = orRefuse("bad_encoding", () => segments.map(decodeBase64Url));
  return {
    header: orRefuse("bad_header", () => parseJsonObject(header as Uint8Array)),
    payload: payload as Uint8Array,
  };
}

/**
 * Parses the payload of a token.
 *
 * @throws {JwtError} `ERR_JWT_MALFORMED` when it is not a JSON object in UTF-8.
 */
export function parsePayload(payload: Uint8Array): Record<string, unknown> {
  return orRefuse("bad_payload", () => parseJsonObject(payload));
}

function orRefuse<T>(reason: RefusalReason, parse: () => T): T {
  try {
    return parse();
  } catch {
    // Only an EncodingError is possible, and the reason says all that it says.
    throw createRefusal(reason);
  }
}
