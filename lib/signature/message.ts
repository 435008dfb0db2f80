/** The text under a sandbox signature, of either version. @module */

import { encodeHex } from "../encoding/hex.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import type { Hashes, MaybePromise } from "../ports.ts";
import { chain } from "../chain.ts";
import type { ReplayGuard } from "./header.ts";

/** SHA-256 of nothing, in hex: of an absent query, of an empty body. */
export const EMPTY_SHA256: string =
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What of a request is signed. */
export interface SignedRequest {
  /** HTTP method of any case. */
  readonly method: string;
  /** Path as it stands in the request line: percent-encoding untouched, no query. */
  readonly path: string;
  /**
   * Query as it stands in the request line, percent-encoding untouched; one leading `?` does not
   * count. Default none. Covered by version 2 only.
   */
  readonly query?: string | undefined;
}

/** The bytes under the MAC of version 1: `<t as sent>.<METHOD>.<path>`. */
export function messageOfVersion1(
  timestamp: string,
  request: SignedRequest,
): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${timestamp}.${request.method.toUpperCase()}.${request.path}`);
}

/**
 * The bytes under the MAC of version 2:
 * `v2.<t>.<nonce>.<METHOD>.<path>.<SHA-256 of the query>.<SHA-256 of the body>`.
 *
 * One text stands for one request. `t` and the nonce hold no dot. A method may hold dots but no `/`,
 * and a path begins with one, so the first `/` ends the method. A path may hold anything, and what
 * comes after it is of fixed length. And no text of one version is one of the other: version 1 begins
 * with a number.
 */
export function messageOfVersion2(
  timestamp: string,
  { nonce, bodyHash }: ReplayGuard,
  request: SignedRequest,
  hashes: Hashes,
): MaybePromise<Uint8Array> {
  const { method, path, query = "" } = request;
  const head = `v2.${timestamp}.${nonce}.${method.toUpperCase()}.${path}`;
  return chain(
    hashText(query.startsWith("?") ? query.slice(1) : query, hashes),
    (queryHash) => encodeUtf8(`${head}.${queryHash}.${bodyHash}`),
  );
}

/** SHA-256 of bytes, or of a text's UTF-8, in lower-case hex. */
export function hashText(data: string | Uint8Array, hashes: Hashes): MaybePromise<string> {
  if (data.length === 0) return EMPTY_SHA256;
  const bytes = typeof data === "string" ? encodeUtf8(data) : data;
  return chain(hashes.sha256(bytes), encodeHex);
}
