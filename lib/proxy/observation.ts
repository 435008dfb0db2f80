/**
 * Everything that watches a proxy, put together: metrics, their page, the observer, and export where it
 * is asked for. It outlives reloads.
 *
 * @module
 */

import type { Clock, Hashes, Log, Tunnel } from "../ports.ts";
import { countTunnels } from "./_outcome.ts";
import type { ProxyConfig, ProxyPorts } from "./config.ts";
import { createMetricsPage } from "./metrics_page.ts";
import type { MetricsPage } from "./metrics_page.ts";
import { createProxyMetrics } from "./metrics.ts";
import type { ProxyMetrics } from "./metrics.ts";
import { createObserver } from "./observe.ts";
import type { Observer } from "./observe.ts";

/** What watches a proxy. */
export interface Observation {
  /** The numbers. */
  readonly metrics: ProxyMetrics;
  /** Answers `GET /metrics`. */
  readonly metricsPage: MetricsPage;
  /** Begins and ends the record of requests. */
  readonly observer: Observer;
  /** The upstream call for WebSockets, counted. */
  readonly tunnel: Tunnel | undefined;
  /** Exports what is left, for two seconds at most. */
  close(): Promise<void>;
}

/** Ports with nothing left open. */
type Ports = Pick<ProxyPorts, "fetch" | "processFacts" | "tunnel"> & {
  readonly log: Log;
  readonly hashes: Hashes;
  readonly now: Clock;
};

/** Starts watching. The code of the export is loaded only where it is configured. */
export async function openObservation(config: ProxyConfig, ports: Ports): Promise<Observation> {
  const { log, now, hashes, tunnel } = ports;
  const { version, telemetry: settings } = config;
  const metrics = createProxyMetrics({ ...ports.processFacts, version, now });
  const telemetry = settings && (await import("./telemetry.ts")).openTelemetry({
    settings,
    version,
    runtime: ports.processFacts?.runtime,
    metrics,
    fetch: ports.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    now,
    log,
  });
  return {
    metrics,
    metricsPage: createMetricsPage({ metrics, token: config.metricsToken, hashes }),
    observer: createObserver({ log, now, metrics, tracing: telemetry?.tracing }),
    tunnel: tunnel && countTunnels(tunnel, metrics.openWebSockets),
    close: async () => await telemetry?.close(),
  };
}
