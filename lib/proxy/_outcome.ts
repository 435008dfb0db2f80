/** What the end of a request adds to the metrics. @module */

import type { ErrorCode } from "../errors.ts";
import type { Tunnel } from "../ports.ts";
import type { NumberChild } from "../telemetry/metric.ts";
import type { Exchange, ExchangeEnd } from "./exchange.ts";
import type { ProxyMetrics, UpstreamErrorKind } from "./metrics.ts";
import { PROBLEMS } from "./problems.ts";
import type { Refusal } from "./problems.ts";

/** How a failure of the upstream is called before its answer is on its way. */
const CALL_FAILURES: ReadonlyMap<ErrorCode, UpstreamErrorKind> = new Map([
  ["ERR_UPSTREAM_CONNECT", "connect"],
  ["ERR_UPSTREAM_TIMEOUT", "timeout"],
  ["ERR_UPSTREAM_FAILED", "send"],
  ["ERR_RESPONSE_TOO_LARGE", "too_large"],
]);
/** Neither the upstream's failures nor denials. */
const OWN_FAILURES: ReadonlySet<ErrorCode> = new Set(["ERR_CLIENT_ABORTED", "ERR_INTERNAL"]);
/** Reasons that say more than their code does. No others become labels: each must come from here. */
const OWN_REASONS: ReadonlySet<string> = new Set([
  "authentication_not_configured",
  "body_not_supported",
  "content_length",
  "host_not_supported",
  "session_token_in_authorization",
  "signature_or_token_required",
  "unsupported_scheme",
  "websocket_key",
]);

/** Adds a request that has ended. */
export function countOutcome(exchange: Exchange, end: ExchangeEnd, metrics: ProxyMetrics): void {
  const { status, stream } = end;
  const { signature, refusal } = exchange;
  const route = metrics.route(end.label);
  route.count(exchange.method, status);
  // How long somebody kept a WebSocket open says nothing of how fast answers are.
  if (status !== 101) route.time(status, Math.max(0, end.endedMs - exchange.startedMs) / 1000);
  if (signature !== undefined) metrics.countVerdict(signature.mode, signature.reason);
  if (stream !== undefined) {
    route.addBytes(stream.bytesSent, stream.bytesReceived);
    const kind = stream.error && CALL_FAILURES.get(stream.error);
    if (kind !== undefined) route.fail(kind === "send" ? "body" : kind);
  }
  if (refusal === undefined || exchange.decision?.kind !== "passthrough") return;
  const kind = CALL_FAILURES.get(refusal.code);
  if (kind !== undefined) route.fail(kind);
  else if (!OWN_FAILURES.has(refusal.code)) route.deny(labelDenial(refusal));
}

function labelDenial({ code, reason }: Refusal): string {
  return reason !== undefined && OWN_REASONS.has(reason) ? reason : PROBLEMS[code].reason;
}

/** A tunnel whose open WebSockets are counted. */
export function countTunnels(tunnel: Tunnel, open: NumberChild): Tunnel {
  return async (request) => {
    const answer = await tunnel(request);
    if (answer.status !== 101) return answer;
    return {
      status: answer.status,
      statusText: answer.statusText,
      headers: answer.headers,
      respond(parts): Response {
        const response = answer.respond({
          ...parts,
          onClose(end): void {
            open.value -= 1;
            parts.onClose?.(end);
          },
        });
        open.value += 1;
        return response;
      },
      cancel: () => answer.cancel(),
    };
  };
}
