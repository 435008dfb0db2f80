/**
 * The one path that every decision sees: signature exemption, routing, deny, authorization.
 *
 * A request target is either turned into one spelling or refused. What different servers read
 * differently (dot segments, backslashes, control bytes, encodings of them) is refused, never mended.
 *
 * @module
 */

import { MAX_PATH_CHARS } from "../limits.ts";
import { decodeDeep, normalizeTriplets } from "./_percent.ts";

/** Why a request target is refused. */
export type PathRefusal =
  | "not_a_path"
  | "too_long"
  | "forbidden_byte"
  | "fragment"
  | "backslash"
  | "invalid_escape"
  | "encoded_control"
  | "invalid_utf8"
  | "dot_segment";

/** A request target in its one spelling. */
export interface CanonicalTarget {
  /** The path exactly as it stood in the request. Signatures cover this one. */
  readonly rawPath: string;
  /** The path all decisions use. Begins with `/`. */
  readonly path: string;
  /** Empty, or `?` and the query exactly as it stood in the request. */
  readonly query: string;
  /** True when the path holds `%2F`: only routes that opt in may take it. */
  readonly hasEncodedSlash: boolean;
  /** True when the path holds `//`: only routes that opt in may take it. */
  readonly hasEmptySegments: boolean;
}

/** A canonical target, or why there is none. */
export type CanonicalResult =
  | { readonly ok: true; readonly target: CanonicalTarget }
  | { readonly ok: false; readonly reason: PathRefusal };

// Nothing to decode, no parameters, no segment that begins with two dots or is one: already canonical.
const PLAIN_PATH_REGEXP =
  /^\/(?:\.?[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*(?:\/(?=[^/])|\/?$))*$/;
const PLAIN_QUERY_REGEXP = /^[\x21\x22\x24-\x7e]*$/;
const ABSOLUTE_FORM_REGEXP = /^https?:\/\/[^/?#\\]+(?=[/?]|$)/i;
const FORBIDDEN_BYTE_REGEXP = /[^\x21-\x7e]/;
const INVALID_TRIPLET_REGEXP = /%(?![0-9A-Fa-f]{2})/;
const CONTROL_TRIPLET_REGEXP = /%(?:[01][0-9A-Fa-f]|7[Ff])/;
const BACKSLASH_REGEXP = /\\|%5[Cc]/;
const NON_ASCII_TRIPLET_REGEXP = /%[89A-F]/;
// RFC 3986 §3.3: characters that a path may only hold encoded.
const NOT_PCHAR_REGEXP = /["<>[\]^`{|}]/g;
// A dot segment, also with what some servers cut off: parameters, a query, a NUL, trailing blanks.
const DOT_SEGMENT_REGEXP = /(?:^|[/\\])\.{1,2}\s*(?=[/\\;?#\0]|$)/;

/**
 * Turns a request target into the one path that all decisions use, or refuses it.
 *
 * Accepted are origin-form (`/path?query`) and absolute-form (`http://host/path?query`, whose host is
 * ignored); `*` and authority-form are `not_a_path`. Unreserved triplets are decoded, the others put
 * in upper case, characters that RFC 3986 wants encoded are encoded. The query stays as it is.
 *
 * Security: refused are control bytes, bytes beyond ASCII, `#`, `\`, their encodings, broken or
 * non-UTF-8 encodings, and dot segments in any encoding at any depth, also with parameters behind
 * them. `%2F` and `//` are reported for the route to decide on. A double encoding (`%2563`) is data.
 *
 * @param rawTarget The request target as it stood on the request line.
 * @returns The target, or the reason it is refused; nothing is thrown.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-3.2 | RFC 9112 §3.2}
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2 | RFC 3986 §6.2.2}
 *
 * @example Usage
 * ```ts
 * import { canonicalizeTarget } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const result = canonicalizeTarget("/v1/%63hat?q=%20");
 * assert.equal(result.ok && result.target.path, "/v1/chat");
 * assert.deepEqual(canonicalizeTarget("/v1/%2e%2e/admin"), { ok: false, reason: "dot_segment" });
 * ```
 */
export function canonicalizeTarget(rawTarget: string): CanonicalResult {
  const mark = rawTarget.indexOf("?");
  const beforeQuery = mark === -1 ? rawTarget : rawTarget.slice(0, mark);
  const query = mark === -1 ? "" : rawTarget.slice(mark);
  if (query !== "" && !PLAIN_QUERY_REGEXP.test(query)) {
    return refuse(FORBIDDEN_BYTE_REGEXP.test(query) ? "forbidden_byte" : "fragment");
  }
  const rawPath = beforeQuery.startsWith("/") ? beforeQuery : pathOfAbsoluteForm(beforeQuery);
  if (rawPath === undefined) return refuse("not_a_path");
  if (rawPath.length > MAX_PATH_CHARS) return refuse("too_long");
  if (PLAIN_PATH_REGEXP.test(rawPath)) {
    return accept({
      rawPath,
      path: rawPath,
      query,
      hasEncodedSlash: false,
      hasEmptySegments: false,
    });
  }
  const reason = findForbidden(rawPath);
  if (reason !== undefined) return refuse(reason);
  const path = normalizeTriplets(rawPath).replace(NOT_PCHAR_REGEXP, encodeCharacter);
  if (!isUtf8(path)) return refuse("invalid_utf8");
  if (DOT_SEGMENT_REGEXP.test(decodeDeep(path))) return refuse("dot_segment");
  return accept({
    rawPath,
    path,
    query,
    hasEncodedSlash: path.includes("%2F"),
    hasEmptySegments: path.includes("//"),
  });
}

/** True when a path needs no further look: canonical, without triplets, parameters or `//`. */
export function isPlainPath(path: string): boolean {
  return PLAIN_PATH_REGEXP.test(path);
}

function accept(target: CanonicalTarget): CanonicalResult {
  return { ok: true, target };
}

function refuse(reason: PathRefusal): CanonicalResult {
  return { ok: false, reason };
}

// RFC 9112 §3.2.2: a server must take absolute-form; its authority says nothing we trust.
function pathOfAbsoluteForm(text: string): string | undefined {
  const head = ABSOLUTE_FORM_REGEXP.exec(text)?.[0];
  if (head === undefined || FORBIDDEN_BYTE_REGEXP.test(head)) return undefined;
  return text.slice(head.length) || "/";
}

function findForbidden(path: string): PathRefusal | undefined {
  if (FORBIDDEN_BYTE_REGEXP.test(path)) return "forbidden_byte";
  if (path.includes("#")) return "fragment";
  if (INVALID_TRIPLET_REGEXP.test(path)) return "invalid_escape";
  if (CONTROL_TRIPLET_REGEXP.test(path)) return "encoded_control";
  if (BACKSLASH_REGEXP.test(path)) return "backslash";
  return undefined;
}

// Bytes that are not UTF-8 are how overlong dots and slashes (%C0%AE, %E0%80%AF) travel.
function isUtf8(path: string): boolean {
  if (!NON_ASCII_TRIPLET_REGEXP.test(path)) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    // A URIError means exactly that the bytes are not UTF-8; the triplets were checked before.
    return false;
  }
}

function encodeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
