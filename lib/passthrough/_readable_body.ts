/** What makes a response body one that secrets can be found in. @module */

import type { HeaderList } from "../ports.ts";
import { createBrokenFailure } from "../upstream_failures.ts";
import type { MutableHeaderList } from "./headers.ts";

// A coding would hide a secret, and a range could cut one in two.
const HIDING_REQUEST_FIELDS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "if-range",
  "range",
]);
// They speak of the bytes before redaction (RFC 9530; RFC 3230 and RFC 1864 before it).
const DIGEST_FIELDS: ReadonlySet<string> = new Set([
  "content-digest",
  "content-md5",
  "digest",
  "repr-digest",
]);
// Those that leave the bytes of a body as they are.
const PLAIN_CODINGS: ReadonlySet<string> = new Set(["", "chunked", "identity"]);

/** The request's fields, asking for a whole body without a coding. */
export function askForReadable(headers: HeaderList): MutableHeaderList {
  const kept = headers.filter(([name]) => !HIDING_REQUEST_FIELDS.has(name));
  return [...kept, ["accept-encoding", "identity"]];
}

/**
 * Refuses an answer whose body is in a coding all the same.
 *
 * @param headers As the upstream sent them.
 * @throws {PassthroughError} `ERR_UPSTREAM_FAILED` (`encoded_response`).
 */
export function assertReadable(headers: HeaderList): void {
  for (const [name, value] of headers) {
    if (name !== "content-encoding" && name !== "transfer-encoding") continue;
    const codings = value.toLowerCase().split(",").map((coding) => coding.trim());
    if (!codings.every((coding) => PLAIN_CODINGS.has(coding))) {
      throw createBrokenFailure("encoded_response");
    }
  }
}

/** The response's fields without what no longer holds of its body. */
export function dropDigests(headers: MutableHeaderList): MutableHeaderList {
  return headers.filter(([name]) => !DIGEST_FIELDS.has(name));
}
