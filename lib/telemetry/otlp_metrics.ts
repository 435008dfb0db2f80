/** Metric families as OTLP has them: everything counted since the start. @module */

import { encodeAttributes, encodeScope, encodeTime } from "./_otlp_values.ts";
import type { OtlpAttribute, OtlpSource } from "./_otlp_values.ts";
import type { Family, HistogramFamily, NumberFamily, OtlpNaming } from "./metric.ts";

/** `AggregationTemporality`: each export holds the totals. */
const CUMULATIVE = 2;

/** The time that totals stand for, in Unix milliseconds. */
export interface MetricTimes {
  /** When counting began. */
  readonly startMs: number;
  /** When the totals were read. */
  readonly nowMs: number;
}

/**
 * Encodes the families that OpenTelemetry is told of as the JSON text of an
 * `ExportMetricsServiceRequest`.
 */
export function encodeMetrics(
  families: Iterable<Family>,
  times: MetricTimes,
  source: OtlpSource,
): string {
  const metrics = [...families].flatMap((family) =>
    family.otlp === undefined ? [] : [encodeFamily(family, family.otlp, times)]
  );
  return JSON.stringify({
    resourceMetrics: [{
      resource: { attributes: encodeAttributes(source.resource) },
      scopeMetrics: [{ scope: encodeScope(source), metrics }],
    }],
  });
}

function encodeFamily(family: Family, otlp: OtlpNaming, times: MetricTimes): unknown {
  const head = { name: otlp.name, description: family.help, unit: otlp.unit };
  if (family.type === "histogram") {
    const dataPoints = encodeHistograms(family, otlp, times);
    return { ...head, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
  }
  const dataPoints = encodeNumbers(family, otlp, times);
  if (family.type === "gauge") return { ...head, gauge: { dataPoints } };
  return {
    ...head,
    sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints },
  };
}

function encodeNumbers(family: NumberFamily, otlp: OtlpNaming, times: MetricTimes): unknown[] {
  return [...family.children()].map(({ labels, value }) => ({
    ...encodePoint(labels, otlp, times),
    asDouble: value * (otlp.scale ?? 1),
  }));
}

function encodeHistograms(
  { children, bounds }: HistogramFamily,
  otlp: OtlpNaming,
  times: MetricTimes,
): unknown[] {
  const scale = otlp.scale ?? 1;
  const explicitBounds = bounds.map((bound) => bound * scale);
  return [...children()].map(({ labels, counts, sum }) => ({
    ...encodePoint(labels, otlp, times),
    count: String(counts.reduce((total, count) => total + count, 0)),
    sum: sum * scale,
    bucketCounts: Array.from(counts, String),
    explicitBounds,
  }));
}

function encodePoint(
  labels: readonly string[],
  otlp: OtlpNaming,
  { startMs, nowMs }: MetricTimes,
): { attributes: OtlpAttribute[]; startTimeUnixNano: string; timeUnixNano: string } {
  const attributes = Object.fromEntries(
    otlp.attributes.map((name, index) => [name, labels[index]]),
  );
  return {
    attributes: encodeAttributes(attributes),
    startTimeUnixNano: encodeTime(startMs),
    timeUnixNano: encodeTime(nowMs),
  };
}
