/**
 * What is kept of a request while it is served, and the one log line it becomes.
 *
 * @module
 */

import { MAX_LOGGED_CHARS } from "../limits.ts";
import type { Clock, Log, LogLevel, StreamEnd } from "../ports.ts";
import type { Refusal } from "./problems.ts";
import { createRequestIds } from "./request_id.ts";
import type { SignatureOutcome } from "./signature_gate.ts";

/** A path that was refused is not repeated: it is whatever the caller wanted to see in the log. */
const REFUSED_PATH = "(refused)";

/** One request on its way through the gates. Each gate fills in what it decided. */
export interface Exchange {
  /** Id of the request in answers and log. */
  readonly requestId: string;
  /** Request method. */
  readonly method: string;
  /** When it came, in Unix milliseconds. */
  readonly startedMs: number;
  /** Canonical path, once there is one. */
  path: string;
  /** Name of the route that serves it: a provider, or a path pattern of our own. */
  route?: string | undefined;
  /** Subject of the caller's token. */
  subject?: string | undefined;
  /** What the signature gate found; absent where none was looked at. */
  signature?: SignatureOutcome | undefined;
  /** Why it was refused or failed. */
  refusal?: Refusal | undefined;
  /** True once an upstream's answer is on its way: the line is then written when it ends. */
  relayed?: boolean | undefined;
  /** Where an unforeseen error came from: function names and lines, never its message. */
  trace?: string | undefined;
}

/** Begins and ends the record of requests. */
export interface Observer {
  /** Begins a record. */
  begin(method: string): Exchange;
  /** Writes the line. Call once: when the answer is made, or when a stream has ended. */
  end(exchange: Exchange, status: number, stream?: StreamEnd): void;
}

/** Makes the observer of a proxy. */
export function createObserver(log: Log, now: Clock): Observer {
  const nextId = createRequestIds();
  return {
    begin: (method) => ({
      requestId: nextId(),
      method: method.slice(0, MAX_LOGGED_CHARS),
      startedMs: now(),
      path: REFUSED_PATH,
    }),
    end(exchange, status, stream) {
      const { signature } = exchange;
      // `sig_verify` with mode, valid, reason and job_id at the top level is what operators of the
      // reference search for; the rest of the line is ours.
      const message = signature === undefined ? "request" : "sig_verify";
      log(levelOf(exchange, status), message, {
        request_id: exchange.requestId,
        method: exchange.method,
        path: exchange.path,
        status,
        duration_ms: Math.max(0, now() - exchange.startedMs),
        sub: exchange.subject?.slice(0, MAX_LOGGED_CHARS),
        route: exchange.route,
        mode: signature?.mode,
        valid: signature?.valid,
        reason: signature?.reason,
        job_id: signature?.jobId,
        ...describeFailure(exchange),
        ...describeStream(stream),
      });
    },
  };
}

function levelOf(exchange: Exchange, status: number): LogLevel {
  if (exchange.refusal?.code === "ERR_INTERNAL") return "error";
  return status >= 500 ? "warn" : "info";
}

function describeFailure({ refusal, trace }: Exchange): Record<string, unknown> | undefined {
  if (refusal === undefined) return undefined;
  return { error_code: refusal.code, error_reason: refusal.reason, trace };
}

function describeStream(stream: StreamEnd | undefined): Record<string, unknown> | undefined {
  if (stream === undefined) return undefined;
  return {
    bytes_sent: stream.bytesSent,
    bytes_received: stream.bytesReceived,
    aborted: stream.error === undefined ? undefined : true,
    stream_error: stream.error,
  };
}
