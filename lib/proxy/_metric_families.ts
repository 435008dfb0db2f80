/** The families of the proxy's metrics: names, labels, and what OpenTelemetry calls them. @module */

import type { Clock, ProcessUsage } from "../ports.ts";
import { createCounter, createGauge, createHistogram, createReading } from "../telemetry/metric.ts";
import type { Family, HistogramFamily, NumberFamily } from "../telemetry/metric.ts";

/** Seconds: from what a cached answer takes to the longest default deadline. */
export const DURATION_BOUNDS: readonly number[] = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 120, 300],
];

/** What the metrics tell of the process; each of it may be unknown. */
export interface ProcessFacts {
  /** Runtime and its version, for example `node 20.18.1`. */
  readonly runtime?: string | undefined;
  /** How many log lines were dropped so far. */
  readonly droppedLogLines?: (() => number) | undefined;
  /** What the process uses. */
  readonly usage?: (() => ProcessUsage) | undefined;
}

/** What metrics are made of. */
export interface ProxyMetricsInput extends ProcessFacts {
  /** Version of atikit. */
  readonly version: string;
  /** Clock; the start of the process is when this is called first. Default `Date.now`. */
  readonly now?: Clock | undefined;
}

/** The families that are kept by route. */
export type RouteFamilies = Readonly<
  & Record<"requests" | "errors" | "denials" | "bytes", NumberFamily>
  & Record<"durations", HistogramFamily>
>;

/** Makes the families that are kept by route. */
export function createRouteFamilies(): RouteFamilies {
  return {
    requests: createCounter({
      name: "ati_proxy_requests_total",
      help: "Requests answered; a WebSocket counts when it ends.",
      labels: ["route", "method", "status_class"],
      otlp: {
        name: "ati.proxy.requests",
        unit: "{request}",
        attributes: ["http.route", "http.request.method", "http.response.status_class"],
      },
    }),
    durations: createHistogram({
      name: "ati_proxy_request_duration_seconds",
      help: "Time from the request to the last byte of its answer, WebSockets left out.",
      labels: ["route", "status_class"],
      bounds: DURATION_BOUNDS,
      otlp: {
        name: "ati.proxy.request_duration_ms",
        unit: "ms",
        scale: 1000,
        attributes: ["http.route", "http.response.status_class"],
      },
    }),
    errors: createCounter({
      name: "ati_upstream_errors_total",
      help: "Upstream calls that failed, by kind.",
      labels: ["route", "kind"],
      otlp: {
        name: "ati.upstream.errors",
        unit: "{error}",
        attributes: ["provider", "error_kind"],
      },
    }),
    denials: createCounter({
      name: "ati_passthrough_denied_total",
      help: "Requests for a passthrough route that were not forwarded, by reason.",
      labels: ["route", "reason"],
      otlp: {
        name: "ati.passthrough.denied",
        unit: "{request}",
        attributes: ["route", "reason"],
      },
    }),
    bytes: createCounter({
      name: "ati_proxy_bytes_total",
      help: "Bytes of relayed bodies: received from clients, sent to clients.",
      labels: ["route", "direction"],
    }),
  };
}

/** Makes the families of the whole proxy. */
export function createGlobalFamilies(): Readonly<
  Record<"verdicts" | "reloads" | "openRequests" | "openWebSockets", NumberFamily>
> {
  return {
    verdicts: createCounter({
      name: "ati_signature_verdicts_total",
      help: "Sandbox signatures judged, by mode and reason.",
      labels: ["mode", "reason"],
    }),
    reloads: createCounter({
      name: "ati_proxy_reloads_total",
      help: "Reloads of keys, credentials and manifests, by result.",
      labels: ["result"],
    }),
    openRequests: createGauge({
      name: "ati_proxy_open_requests",
      help: "Requests whose answer is not through yet, WebSockets among them.",
    }),
    openWebSockets: createGauge({
      name: "ati_proxy_open_websockets",
      help: "WebSockets that are open.",
    }),
  };
}

/** Makes the families about the process itself. */
export function describeProcess(input: ProxyMetricsInput): Family[] {
  const { version, runtime = "unknown", now = Date.now, droppedLogLines, usage } = input;
  const startSeconds = now() / 1000;
  const build = createGauge({
    name: "ati_build_info",
    help: "Version of atikit and of the runtime; always 1.",
    labels: ["version", "runtime"],
  });
  build.child(version, runtime).value = 1;
  return [
    build,
    createReading("counter", {
      name: "ati_proxy_log_lines_dropped_total",
      help: "Log lines dropped because their reader was too slow.",
    }, droppedLogLines ?? (() => 0)),
    createReading("gauge", {
      name: "process_start_time_seconds",
      help: "When the process began to serve, in seconds since 1970.",
    }, () => startSeconds),
    ...describeUsage(usage),
  ];
}

function describeUsage(usage: ProxyMetricsInput["usage"]): Family[] {
  if (usage === undefined) return [];
  return [
    createReading("gauge", {
      name: "process_resident_memory_bytes",
      help: "Memory of the process, in bytes.",
    }, () => usage().residentBytes),
    createReading("counter", {
      name: "process_cpu_seconds_total",
      help: "Processor time of the process, in seconds.",
    }, () => usage().cpuSeconds),
  ];
}
