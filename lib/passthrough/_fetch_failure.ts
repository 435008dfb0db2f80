/** What a rejected `fetch` means, told by structure. Its own words may quote URLs: they stay here. @module */

import { PassthroughError } from "../errors.ts";
import {
  createBrokenFailure,
  createConnectFailure,
  createTimeoutFailure,
  findFailure,
} from "../upstream_failures.ts";
import type { ConnectReason } from "../upstream_failures.ts";

// Where a runtime gives no code, the layer that failed is told by fixed words of its client library.
const CONNECT_WORDS: readonly (readonly [RegExp, ConnectReason])[] = [
  [/\bdns error\b/, "dns"],
  [/\(Connect\).*\brefused\b/i, "refused"],
  [/\(Connect\).*\b(?:certificate|UnknownIssuer|corrupt message|handshake)\b/i, "tls"],
  [/\(Connect\)/, "unreachable"],
];

/**
 * The failure that a rejection of `fetch`, or of reading its body, stands for.
 *
 * @param error What was thrown.
 * @returns `ERR_UPSTREAM_CONNECT` (`refused`, `dns`, `unreachable`, `tls`), `ERR_UPSTREAM_TIMEOUT`
 * (`connect`, `headers`, `idle`, `total`) or `ERR_UPSTREAM_FAILED` (`reset`, `failed`), without cause.
 */
export function createFetchFailure(error: unknown): PassthroughError {
  if (error instanceof PassthroughError) return error;
  for (const one of [error, readProperty(error, "cause")]) {
    const code = readProperty(one, "code");
    const failure = typeof code === "string" ? findFailure(code) : undefined;
    if (failure !== undefined) return failure;
  }
  const words = `${readProperty(error, "message")} ${
    readProperty(readProperty(error, "cause"), "message")
  }`;
  for (const [pattern, reason] of CONNECT_WORDS) {
    if (pattern.test(words)) return createConnectFailure(reason);
  }
  if (readProperty(error, "name") === "TimeoutError") return createTimeoutFailure("total");
  return createBrokenFailure("failed");
}

function readProperty(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
