/**
 * What the proxy counts: names and labels of its metrics, and where each number is kept.
 *
 * Labels are bounded by what the operator wrote and what the code knows: route names, a handful of
 * methods, classes of status, words of our own. Nothing a caller sends becomes a label.
 *
 * @module
 */

import { MAX_METRIC_ROUTES } from "../limits.ts";
import { observe } from "../telemetry/metric.ts";
import type { Family, HistogramChild, NumberChild } from "../telemetry/metric.ts";
import {
  createGlobalFamilies,
  createRouteFamilies,
  describeProcess,
  DURATION_BOUNDS,
} from "./_metric_families.ts";
import type { ProxyMetricsInput, RouteFamilies } from "./_metric_families.ts";

export type { ProcessFacts, ProxyMetricsInput } from "./_metric_families.ts";

/** Route label of everything that no route of ours takes. */
export const UNMATCHED_ROUTE = "/__passthrough_or_unmatched";
/** Route label of the routes beyond the most that are kept apart. */
const FURTHER_ROUTES = "/__further_routes";
const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OTHER_METHOD = "other";
const METHOD_LABELS: readonly string[] = [...METHODS, OTHER_METHOD];
const STATUS_CLASSES: readonly string[] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const DRIFT_REASON = "expired_timestamp_drift";

/** How an upstream failed, as a label. */
export type UpstreamErrorKind = "connect" | "timeout" | "send" | "body" | "too_large";

/** The numbers of one route. */
export interface RouteMetrics {
  /** Counts an answer. */
  count(method: string, status: number): void;
  /** Counts how long an answer took, in seconds. */
  time(status: number, seconds: number): void;
  /** Counts the bytes of relayed bodies. */
  addBytes(sent: number, received: number): void;
  /** Counts a failure of the upstream. */
  fail(kind: UpstreamErrorKind): void;
  /** Counts a request that was not forwarded. */
  deny(reason: string): void;
}

/** Everything that is counted. */
export interface ProxyMetrics {
  /** Requests that have no end yet. */
  readonly openRequests: NumberChild;
  /** WebSockets that are open. */
  readonly openWebSockets: NumberChild;
  /** The numbers of a route. */
  route(label: string): RouteMetrics;
  /** Counts a signature verdict. */
  countVerdict(mode: string, reason: string): void;
  /** Counts a reload. */
  countReload(isGood: boolean): void;
  /** Adds families to those that are shown. */
  add(families: readonly Family[]): void;
  /** Every family. */
  readonly families: Iterable<Family>;
}

/** Makes the metrics of a proxy. They outlive reloads. */
export function createProxyMetrics(input: ProxyMetricsInput): ProxyMetrics {
  const routeFamilies = createRouteFamilies();
  const { verdicts, reloads, openRequests, openWebSockets } = createGlobalFamilies();
  const families: Family[] = [
    ...Object.values(routeFamilies),
    ...[verdicts, openRequests, openWebSockets, reloads],
    ...describeProcess(input),
  ];
  const routes = new Map<string, RouteMetrics>();
  const verdictsByMode = new Map<string, Map<string, NumberChild>>();

  function route(label: string): RouteMetrics {
    const known = routes.get(label);
    if (known !== undefined) return known;
    if (routes.size >= MAX_METRIC_ROUTES && label !== FURTHER_ROUTES) return route(FURTHER_ROUTES);
    const metrics = createRouteMetrics(label, routeFamilies);
    routes.set(label, metrics);
    return metrics;
  }

  function addVerdict(mode: string, reason: string): NumberChild {
    const children = verdictsByMode.get(mode) ?? new Map<string, NumberChild>();
    const child = verdicts.child(mode, reason);
    verdictsByMode.set(mode, children.set(reason, child));
    return child;
  }

  return {
    families,
    openRequests: openRequests.child(),
    openWebSockets: openWebSockets.child(),
    route,
    countVerdict(mode, reason): void {
      // The reason tells by how much the clocks differ: as a label that would be a series a second.
      const word = reason.startsWith(DRIFT_REASON) ? DRIFT_REASON : reason;
      const known = verdictsByMode.get(mode)?.get(word);
      (known ?? addVerdict(mode, word)).value += 1;
    },
    countReload: (isGood) => void (reloads.child(isGood ? "success" : "failure").value += 1),
    add: (more) => void families.push(...more),
  };
}

function createRouteMetrics(route: string, families: RouteFamilies): RouteMetrics {
  const counts: (NumberChild | undefined)[] = [];
  const durations: (HistogramChild | undefined)[] = [];
  let sentBytes: NumberChild | undefined;
  let receivedBytes: NumberChild | undefined;
  return {
    count(method, status): void {
      const methodIndex = indexOfMethod(method);
      const classIndex = indexOfClass(status);
      const index = methodIndex * STATUS_CLASSES.length + classIndex;
      const child = counts[index] ??= families.requests.child(
        route,
        METHOD_LABELS[methodIndex] as string,
        STATUS_CLASSES[classIndex] as string,
      );
      child.value += 1;
    },
    time(status, seconds): void {
      const index = indexOfClass(status);
      const child = durations[index] ??= families.durations.child(
        route,
        STATUS_CLASSES[index] as string,
      );
      observe(child, DURATION_BOUNDS, seconds);
    },
    addBytes(sent, received): void {
      sentBytes ??= families.bytes.child(route, "sent");
      receivedBytes ??= families.bytes.child(route, "received");
      sentBytes.value += sent;
      receivedBytes.value += received;
    },
    fail: (kind) => void (families.errors.child(route, kind).value += 1),
    deny: (reason) => void (families.denials.child(route, reason).value += 1),
  };
}

/** The method as a label: one of the usual ones, or `other`. */
export function labelMethod(method: string): string {
  return METHOD_LABELS[indexOfMethod(method)] as string;
}

function indexOfMethod(method: string): number {
  const index = METHODS.indexOf(method);
  return index === -1 ? METHODS.length : index;
}

function indexOfClass(status: number): number {
  return Math.min(Math.max(Math.floor(status / 100), 1), STATUS_CLASSES.length) - 1;
}
