import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { createCounter, createHistogram, observe } from "../../lib/telemetry/metric.ts";
import { encodeMetrics } from "../../lib/telemetry/otlp_metrics.ts";
import { encodeSpans } from "../../lib/telemetry/otlp_traces.ts";

/** OpenTelemetry's own message definitions, where Python has them (`pip install opentelemetry-proto`). */
const PYTHON = process.env["ATI_TEST_PYTHON"] ?? "python3";
const PROGRAM = `
import json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
spans, metrics = [json.loads(line) for line in sys.stdin]
span = json_format.ParseDict(spans, ExportTraceServiceRequest()).resource_spans[0].scope_spans[0].spans[0]
names = {}
for one in json_format.ParseDict(metrics, ExportMetricsServiceRequest()).resource_metrics[0].scope_metrics[0].metrics:
    names[one.name] = one.WhichOneof("data")
points = one.histogram.data_points[0]
print(json.dumps([span.kind, span.start_time_unix_nano, span.flags, span.status.code, names,
    points.count, list(points.bucket_counts), list(points.explicit_bounds)]))
`;
const hasDefinitions = spawnSync(PYTHON, ["-c", "import opentelemetry.proto"]).status === 0;
const SOURCE = { resource: { "service.name": "a" }, version: "9.9.9" };

test("what is sent is what OpenTelemetry's own definitions say", {
  skip: !hasDefinitions && "Python has no opentelemetry-proto",
}, () => {
  const spans = encodeSpans([{
    name: "a",
    kind: "client",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    isParentRemote: true,
    flags: 1,
    startMs: 1_700_000_000_123,
    endMs: 1_700_000_000_124,
    attributes: { text: "x", number: 3 },
    hasFailed: true,
  }], SOURCE);
  const counter = createCounter({
    name: "c_total",
    help: "C.",
    otlp: { name: "c", unit: "1", attributes: [] },
  });
  counter.child().value = 2;
  const histogram = createHistogram({
    name: "h",
    help: "H.",
    bounds: [0.5],
    otlp: { name: "h", unit: "ms", attributes: [], scale: 1000 },
  });
  observe(histogram.child(), histogram.bounds, 0.25);
  const metrics = encodeMetrics([counter, histogram], { startMs: 1, nowMs: 2 }, SOURCE);
  const { stdout, stderr } = spawnSync(PYTHON, ["-c", PROGRAM], {
    input: `${spans}\n${metrics}\n`,
    encoding: "utf8",
  });
  assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), [
    3,
    1_700_000_000_123_000_000,
    0x301,
    2,
    { c: "sum", h: "histogram" },
    1,
    [1, 0],
    [500],
  ]);
});
