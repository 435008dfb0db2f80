/** What an error of a client library means for the exchange it was thrown in. @module */

import { PassthroughError } from "../errors.ts";
import { createBrokenFailure, createConnectFailure, findFailure } from "../upstream_failures.ts";
import { isResetCode } from "../upstream_failures.ts";
import { errnoOf } from "./_errno.ts";

/** True when the connection broke, as a kept one does that the upstream had given up. */
export function isLostConnection(error: Error): boolean {
  return isResetCode(errnoOf(error));
}

/**
 * The failure that a client library's error stands for: `ERR_UPSTREAM_TIMEOUT`, `ERR_UPSTREAM_CONNECT`
 * (`refused`, `dns`, `unreachable`, `tls`) or `ERR_UPSTREAM_FAILED` (`reset`, `failed`).
 *
 * @param error What was thrown; a `PassthroughError` is returned as it is.
 * @param stage Whether the connection stood already.
 */
export function createConnectionFailure(
  error: unknown,
  stage: "connect" | "exchange",
): PassthroughError {
  if (error instanceof PassthroughError) return error;
  const failure = findFailure(errnoOf(error));
  // Until the connection stands there is nothing that could break.
  if (stage === "connect" && (failure === undefined || failure.code === "ERR_UPSTREAM_FAILED")) {
    return createConnectFailure("unreachable");
  }
  return failure ?? createBrokenFailure("failed");
}

/** A handshake that came over no connection that can become a WebSocket: `ERR_BAD_REQUEST`. */
export function createUpgradeFailure(): PassthroughError {
  return new PassthroughError(
    "ERR_BAD_REQUEST",
    "Cannot open the WebSocket: the request came over no connection that can be upgraded",
    { reason: "upgrade_not_supported" },
  );
}
