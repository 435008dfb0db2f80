/**
 * What is kept of a request while it is served, and what becomes of it at the end: one log line, a few
 * additions to the metrics, and a span where spans are exported.
 *
 * @module
 */

import { MAX_LOGGED_CHARS } from "../limits.ts";
import type { Clock, HeaderList, Log, LogLevel, StreamEnd } from "../ports.ts";
import type { Sampler } from "../telemetry/sampler.ts";
import {
  formatTraceparent,
  parseTraceparent,
  RANDOM_FLAG,
  relayTracestate,
  SAMPLED_FLAG,
} from "../telemetry/trace_context.ts";
import { createTraceIds } from "../telemetry/trace_ids.ts";
import { countOutcome } from "./_outcome.ts";
import { labelNamedPath, METRICS_PATH } from "./decide.ts";
import { REFUSED_PATH } from "./exchange.ts";
import type { Exchange, ExchangeEnd, ExchangeTrace } from "./exchange.ts";
import { UNMATCHED_ROUTE } from "./metrics.ts";
import type { ProxyMetrics } from "./metrics.ts";
import { createRequestIds } from "./request_id.ts";

/** Status of a request whose client went away; it is in log and metrics only. */
const CLIENT_CLOSED_REQUEST = 499;

/** Takes spans; there is none unless they are exported. */
export interface Tracing {
  /** Which traces are recorded. */
  readonly sample: Sampler;
  /** Takes a request that has ended. */
  record(exchange: Exchange, end: ExchangeEnd): void;
}

/** What an observer acts through. */
export interface ObserverParts {
  /** Takes the lines. */
  readonly log: Log;
  /** Clock. */
  readonly now: Clock;
  /** The numbers. */
  readonly metrics: ProxyMetrics;
  /** Takes spans; absent: none are made. */
  readonly tracing?: Tracing | undefined;
}

/** Begins and ends the record of requests. */
export interface Observer {
  /** Begins a record. */
  begin(request: Pick<Request, "method" | "headers">): Exchange;
  /** Header fields that tell the upstream its place in the trace; call once, when it is called. */
  propagate(exchange: Exchange): HeaderList;
  /** Writes the line. Call once: when the answer is made, or when a stream has ended. */
  end(exchange: Exchange, status: number, stream?: StreamEnd): void;
}

/** Makes the observer of a proxy. */
export function createObserver({ log, now, metrics, tracing }: ObserverParts): Observer {
  const nextId = createRequestIds();
  const ids = createTraceIds();

  function join(headers: Headers): ExchangeTrace {
    const parent = parseTraceparent(headers.get("traceparent"));
    const traceId = parent?.traceId ?? ids.traceId();
    let flags = parent?.flags ?? RANDOM_FLAG;
    if (tracing !== undefined) {
      flags = tracing.sample(traceId, parent) ? flags | SAMPLED_FLAG : flags & ~SAMPLED_FLAG;
    }
    return {
      traceId,
      spanId: ids.spanId(),
      parentId: parent?.spanId,
      flags,
      state: parent === undefined ? undefined : relayTracestate(headers.get("tracestate")),
    };
  }

  return {
    begin(request): Exchange {
      metrics.openRequests.value += 1;
      return {
        requestId: nextId(),
        method: request.method.slice(0, MAX_LOGGED_CHARS),
        startedMs: now(),
        context: join(request.headers),
        path: REFUSED_PATH,
      };
    },
    propagate(exchange): HeaderList {
      const { traceId, spanId, flags, state } = exchange.context;
      // Without spans of our own the upstream's parent is the request itself.
      const own = tracing === undefined ? spanId : ids.spanId();
      exchange.forwarded = { spanId: own, startedMs: tracing === undefined ? 0 : now() };
      const parent = ["traceparent", formatTraceparent({ traceId, spanId: own, flags })] as const;
      return state === undefined ? [parent] : [parent, ["tracestate", state]];
    },
    end(exchange, answered, stream): void {
      const status = settleStatus(answered, stream);
      const end = { status, endedMs: now(), label: labelOf(exchange), stream };
      metrics.openRequests.value -= 1;
      countOutcome(exchange, end, metrics);
      if (tracing !== undefined && (exchange.context.flags & SAMPLED_FLAG) !== 0) {
        tracing.record(exchange, end);
      }
      writeLine(log, exchange, end);
    },
  };
}

function settleStatus(answered: number, stream: StreamEnd | undefined): number {
  // What stands for a WebSocket's 101 until it is upgraded is up to the runtime.
  if (stream?.closeCode !== undefined) return 101;
  // As nginx's: the client closed the connection before it had the whole answer.
  return stream?.error === "ERR_CLIENT_ABORTED" ? CLIENT_CLOSED_REQUEST : answered;
}

function labelOf({ decision, path }: Exchange): string {
  switch (decision?.kind) {
    case "passthrough":
      return decision.route.name;
    case "public":
    case "named":
      return labelNamedPath(path);
    default:
      return UNMATCHED_ROUTE;
  }
}

// Flat, member by member: spreading parts into a record of this size costs more than forwarding does.
function writeLine(log: Log, exchange: Exchange, { status, endedMs, stream }: ExchangeEnd): void {
  const { signature, context, refusal } = exchange;
  // `sig_verify` with mode, valid, reason and job_id at the top level is what operators of the
  // reference search for; the rest of the line is ours.
  const message = signature === undefined ? "request" : "sig_verify";
  log(levelOf(exchange, status), message, {
    request_id: exchange.requestId,
    method: exchange.method,
    path: exchange.path,
    status,
    duration_ms: Math.max(0, endedMs - exchange.startedMs),
    sub: exchange.subject?.slice(0, MAX_LOGGED_CHARS),
    route: exchange.route,
    mode: signature?.mode,
    valid: signature?.valid,
    reason: signature?.reason,
    job_id: signature?.jobId,
    trace_id: context.traceId,
    span_id: context.spanId,
    error_code: refusal?.code,
    error_reason: refusal?.reason,
    missing_scope: refusal?.scope?.slice(0, MAX_LOGGED_CHARS),
    trace: refusal === undefined ? undefined : exchange.trace,
    bytes_sent: stream?.bytesSent,
    bytes_received: stream?.bytesReceived,
    aborted: stream?.error === undefined ? undefined : true,
    stream_error: stream?.error,
    close_code: stream?.closeCode,
  });
}

function levelOf({ refusal, path }: Exchange, status: number): LogLevel {
  if (refusal?.code === "ERR_INTERNAL") return "error";
  if (status >= 500) return "warn";
  // A scraper comes every few seconds, and says nothing of those whom the proxy serves.
  return path === METRICS_PATH && refusal === undefined ? "debug" : "info";
}
