/**
 * How an upstream call fails: one table from the error codes of client libraries to a failure, shared
 * by every way of calling. Words of the libraries stay out of it: they quote URLs.
 *
 * @module
 */

import { PassthroughError } from "./errors.ts";

/** What an exchange waited for too long. */
export type UpstreamStage = "connect" | "headers" | "idle" | "total";

/** Why no connection came about. */
export type ConnectReason = "refused" | "dns" | "unreachable" | "tls" | "private_address";

const TIMEOUT_STAGES: ReadonlyMap<string, UpstreamStage> = new Map([
  ["ETIMEDOUT", "connect"],
  ["UND_ERR_CONNECT_TIMEOUT", "connect"],
  ["UND_ERR_HEADERS_TIMEOUT", "headers"],
  ["UND_ERR_BODY_TIMEOUT", "idle"],
]);
const CONNECT_REASONS: ReadonlyMap<string, ConnectReason> = new Map([
  ["ConnectionRefused", "refused"],
  ["ECONNREFUSED", "refused"],
  ["EAI_AGAIN", "dns"],
  ["ENODATA", "dns"],
  ["ENOTFOUND", "dns"],
  ["EADDRNOTAVAIL", "unreachable"],
  ["EHOSTUNREACH", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["FailedToOpenSocket", "unreachable"],
]);
const TLS_CODE_REGEXP =
  /^(?:EPROTO$|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|UNKNOWN_CA|HOSTNAME_MISMATCH)/;
const RESET_CODES: ReadonlySet<string> = new Set([
  "ConnectionClosed",
  "ECONNRESET",
  "EPIPE",
  "UND_ERR_SOCKET",
]);

/** True for the code of a connection that broke, as a kept one does that the upstream had given up. */
export function isResetCode(code: string): boolean {
  return RESET_CODES.has(code);
}

/** The failure that an error code stands for; `undefined` for a code that says nothing. */
export function findFailure(code: string): PassthroughError | undefined {
  const stage = TIMEOUT_STAGES.get(code);
  if (stage !== undefined) return createTimeoutFailure(stage);
  const reason = TLS_CODE_REGEXP.test(code) ? "tls" : CONNECT_REASONS.get(code);
  if (reason !== undefined) return createConnectFailure(reason);
  return isResetCode(code) ? createBrokenFailure("reset") : undefined;
}

/** No connection to the upstream: `ERR_UPSTREAM_CONNECT`. */
export function createConnectFailure(reason: ConnectReason): PassthroughError {
  return new PassthroughError("ERR_UPSTREAM_CONNECT", `Cannot reach the upstream (${reason})`, {
    reason,
  });
}

/** An upstream that broke the exchange: `ERR_UPSTREAM_FAILED`. */
export function createBrokenFailure(reason: string): PassthroughError {
  return new PassthroughError(
    "ERR_UPSTREAM_FAILED",
    `Cannot complete the exchange: the upstream broke it off (${reason})`,
    { reason },
  );
}

/** A stage that took too long: `ERR_UPSTREAM_TIMEOUT`. */
export function createTimeoutFailure(stage: UpstreamStage): PassthroughError {
  return new PassthroughError(
    "ERR_UPSTREAM_TIMEOUT",
    `Cannot complete the exchange: the upstream took too long (${stage})`,
    { reason: stage },
  );
}

/** A client that went away, or reads nothing any more: `ERR_CLIENT_ABORTED`. */
export function createAbortFailure(): PassthroughError {
  return new PassthroughError(
    "ERR_CLIENT_ABORTED",
    "Cannot complete the exchange: the client went away",
    { reason: "aborted" },
  );
}

/** A body past the route's limit: `ERR_REQUEST_TOO_LARGE` or `ERR_RESPONSE_TOO_LARGE`. */
export function createTooLargeFailure(side: "request" | "response"): PassthroughError {
  return new PassthroughError(
    side === "request" ? "ERR_REQUEST_TOO_LARGE" : "ERR_RESPONSE_TOO_LARGE",
    `Cannot forward the ${side}: its body exceeds max_${side}_bytes`,
  );
}
