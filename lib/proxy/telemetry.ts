/**
 * Spans of the requests, and their export. Loaded only where export is asked for.
 *
 * A span holds what the log line holds: no secret, no query, no header field.
 *
 * @module
 */

import type { ErrorCode } from "../errors.ts";
import type { Clock, FetchLike, Log } from "../ports.ts";
import type { Route } from "../passthrough/route_table.ts";
import { createExporter } from "../telemetry/exporter.ts";
import type { Span } from "../telemetry/otlp_traces.ts";
import { createSampler } from "../telemetry/sampler.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import { REFUSED_PATH } from "./exchange.ts";
import type { Exchange, ExchangeEnd } from "./exchange.ts";
import { labelMethod } from "./metrics.ts";
import type { ProxyMetrics } from "./metrics.ts";
import type { Tracing } from "./observe.ts";

/** What telemetry is made of. */
export interface TelemetryInput {
  /** Where to and how. */
  readonly settings: TelemetrySettings;
  /** Version of atikit. */
  readonly version: string;
  /** Runtime and its version. */
  readonly runtime?: string | undefined;
  /** The numbers to export. */
  readonly metrics: ProxyMetrics;
  /** The runtime's `fetch`. */
  readonly fetch: FetchLike;
  /** Clock. */
  readonly now: Clock;
  /** Told when export begins to fail, and when it works again. */
  readonly log: Log;
}

/** Telemetry under way. */
export interface ProxyTelemetry {
  /** Takes spans; absent where they are not exported. */
  readonly tracing: Tracing | undefined;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

/** Starts the export. */
export function openTelemetry(input: TelemetryInput): ProxyTelemetry {
  const { settings, metrics, version, log } = input;
  if (settings.wantsProtobuf) {
    log("info", "telemetry is sent as JSON", { asked_for: "http/protobuf" });
  }
  const resource = {
    "service.version": version,
    "service.instance.id": crypto.randomUUID(),
    "telemetry.sdk.name": "atikit",
    "telemetry.sdk.language": "webjs",
    "telemetry.sdk.version": version,
    ...describeRuntime(input.runtime),
    ...settings.resource,
  };
  const exporter = createExporter({
    ...input,
    settings: { ...settings, resource },
    families: metrics.families,
  });
  metrics.add(exporter.families);
  const { record } = exporter;
  return {
    tracing: record && {
      sample: createSampler(settings.sampler, settings.ratio),
      record(exchange, end): void {
        record(describeServer(exchange, end));
        const client = describeClient(exchange, end);
        if (client !== undefined) record(client);
      },
    },
    close: exporter.close,
  };
}

function describeRuntime(runtime: string | undefined): Record<string, string> {
  const [name, version] = runtime?.split(" ") ?? [];
  if (name === undefined || version === undefined) return {};
  return { "process.runtime.name": name, "process.runtime.version": version };
}

function describeServer(exchange: Exchange, end: ExchangeEnd): Span {
  const { context, refusal, path } = exchange;
  const { status, stream } = end;
  const isFault = status >= 500;
  return {
    ...describeBoth(exchange, end),
    name: "http.server.request",
    kind: "server",
    spanId: context.spanId,
    parentId: context.parentId,
    isParentRemote: context.parentId !== undefined,
    startMs: exchange.startedMs,
    attributes: {
      "http.request.method": nameMethod(exchange),
      "http.response.status_code": status,
      "http.route": end.label,
      "url.path": path === REFUSED_PATH ? undefined : path,
      "http.request.body.size": stream?.bytesReceived,
      "http.response.body.size": stream?.bytesSent,
      "error.type": isFault ? refusal?.code ?? String(status) : stream?.error,
      "ati.request_id": exchange.requestId,
    },
    hasFailed: isFault || isUpstreamFault(stream?.error),
  };
}

function describeClient(exchange: Exchange, end: ExchangeEnd): Span | undefined {
  const { forwarded, context, decision, refusal } = exchange;
  if (forwarded === undefined || decision?.kind !== "passthrough") return undefined;
  // A request that was refused got no answer from the upstream; the status is ours.
  const status = refusal === undefined ? end.status : undefined;
  const failure = refusal?.code ?? end.stream?.error;
  return {
    ...describeBoth(exchange, end),
    name: "passthrough.request",
    kind: "client",
    spanId: forwarded.spanId,
    parentId: context.spanId,
    isParentRemote: false,
    startMs: forwarded.startedMs,
    attributes: {
      "route": end.label,
      ...describeUpstream(decision.route),
      "http.request.method": nameMethod(exchange),
      "http.response.status_code": status,
      "error.type": failure ?? (status !== undefined && status >= 400 ? String(status) : undefined),
    },
    hasFailed: failure !== undefined || (status !== undefined && status >= 400),
  };
}

function describeBoth(
  { context }: Exchange,
  { endedMs }: ExchangeEnd,
): Pick<Span, "traceId" | "flags" | "traceState" | "endMs"> {
  const { traceId, flags, state } = context;
  return { traceId, flags, traceState: state, endMs: endedMs };
}

function describeUpstream({ origin }: Route): Record<string, string | number> {
  const { hostname, host, port, protocol } = new URL(origin);
  const scheme = protocol.slice(0, -1);
  return {
    "upstream": host,
    "url.scheme": scheme,
    "server.address": hostname,
    "server.port": port === "" ? (scheme === "https" ? 443 : 80) : Number(port),
  };
}

/** The word of the semantic conventions for methods that are not named. */
function nameMethod({ method }: Exchange): string {
  const label = labelMethod(method);
  return label === "other" ? "_OTHER" : label;
}

function isUpstreamFault(code: ErrorCode | undefined): boolean {
  return code !== undefined && code !== "ERR_CLIENT_ABORTED";
}
