import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MAX_QUEUED_SPANS } from "../../lib/limits.ts";
import { createExporter } from "../../lib/telemetry/exporter.ts";
import type { Exporter } from "../../lib/telemetry/exporter.ts";
import { createCounter, createHistogram, observe } from "../../lib/telemetry/metric.ts";
import type { Family, NumberFamily } from "../../lib/telemetry/metric.ts";
import type { Span } from "../../lib/telemetry/otlp_traces.ts";
import type { TelemetrySettings } from "../../lib/telemetry/settings.ts";
import { startCollector } from "./_collector.ts";
import type { Collector } from "./_collector.ts";

const CANARY = "canary-of-the-collector";
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

interface Setup {
  readonly exporter: Exporter;
  readonly records: string[];
  count(result: "exported" | "dropped"): number;
}

function open(
  collector: Pick<Collector, "url">,
  options: Partial<TelemetrySettings> & { families?: Family[]; timeoutMs?: number } = {},
): Setup {
  const { families = [], timeoutMs = 5000, ...settings } = options;
  const records: string[] = [];
  const signal = { headers: [["x-key", CANARY]] as const, timeoutMs };
  const exporter = createExporter({
    settings: {
      traces: { url: `${collector.url}/v1/traces`, ...signal },
      metrics: { url: `${collector.url}/v1/metrics`, ...signal },
      resource: { "service.name": "test" },
      sampler: "always_on",
      ratio: 1,
      spanDelayMs: 5,
      metricIntervalMs: 1_000_000,
      wantsProtobuf: false,
      ...settings,
    },
    version: "9.9.9",
    families,
    fetch: (input, init) => fetch(input, init),
    now: Date.now,
    log: (level, message, fields) => records.push(`${level} ${message} ${JSON.stringify(fields)}`),
  });
  ends.push(() => exporter.close());
  const [counts] = exporter.families as [NumberFamily];
  return { exporter, records, count: (result) => counts.child(result).value };
}

async function collect(...args: Parameters<typeof startCollector>): Promise<Collector> {
  const collector = await startCollector(...args);
  ends.push(() => collector.close());
  return collector;
}

function makeSpan(index = 0): Span {
  return {
    name: `span ${index}`,
    kind: "server",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    parentId: "a".repeat(16),
    isParentRemote: true,
    flags: 3,
    traceState: "a=1",
    startMs: 1_700_000_000_123,
    endMs: 1_700_000_000_456,
    attributes: { text: "té\u2028xt", number: 200, absent: undefined },
    hasFailed: true,
  };
}

test("a span arrives as OTLP's JSON mapping has it", async () => {
  const collector = await collect();
  const { exporter, count } = open(collector);
  exporter.record?.(makeSpan());
  exporter.record?.({
    ...makeSpan(1),
    parentId: undefined,
    isParentRemote: false,
    hasFailed: false,
  });
  await collector.waitFor(() => collector.spans().length === 2, "spans");
  const [first, second] = collector.spans();
  assert.deepEqual(first, {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    parentSpanId: "a".repeat(16),
    traceState: "a=1",
    flags: 0x303,
    name: "span 0",
    kind: 2,
    startTimeUnixNano: "1700000000123000000",
    endTimeUnixNano: "1700000000456000000",
    attributes: { text: "té\u2028xt", number: 200 },
    status: { code: 2 },
  });
  assert.equal(second?.parentSpanId, undefined);
  assert.deepEqual([second?.flags, second?.status], [0x103, {}]);
  const [post] = collector.posts;
  assert.equal(post?.headers["content-type"], "application/json");
  assert.equal(post?.headers["x-key"], CANARY);
  assert.deepEqual(collector.resource(), { "service.name": "test" });
  await exporter.close();
  assert.equal(count("exported"), 2);
});

test("metrics arrive as totals, in the unit that was asked for", async () => {
  const collector = await collect();
  const counter = createCounter({
    name: "c_total",
    help: "C.",
    labels: ["x"],
    otlp: { name: "c", unit: "{c}", attributes: ["the.x"] },
  });
  const histogram = createHistogram({
    name: "h_seconds",
    help: "H.",
    bounds: [0.1, 1],
    otlp: { name: "h", unit: "ms", attributes: [], scale: 1000 },
  });
  const hidden = createCounter({ name: "hidden_total", help: "Hidden." });
  hidden.child().value = 1;
  counter.child("a").value = 7;
  for (const seconds of [0.05, 0.5, 0.5, 2]) observe(histogram.child(), histogram.bounds, seconds);
  const { exporter } = open(collector, {
    families: [counter, histogram, hidden],
    metricIntervalMs: 10,
  });
  await collector.waitFor(() => collector.points("h").length > 0, "points");
  const [point] = collector.points("c");
  assert.deepEqual([point?.attributes, point?.asDouble], [{ "the.x": "a" }, 7]);
  assert.ok(BigInt(point?.startTimeUnixNano ?? 0) <= BigInt(point?.timeUnixNano ?? 0));
  const [sizes] = collector.points("h");
  assert.deepEqual([sizes?.count, sizes?.sum], ["4", 3050]);
  assert.deepEqual([sizes?.bucketCounts, sizes?.explicitBounds], [["1", "2", "1"], [100, 1000]]);
  assert.doesNotMatch(collector.posts[0]?.text ?? "", /hidden/);
  counter.child("a").value = 9;
  await exporter.close();
  assert.equal(collector.points("c")[0]?.asDouble, 9, "the last totals go out at the end");
});

test("spans go out in batches, one post at a time", async () => {
  const collector = await collect((response) => {
    setTimeout(() => response.end("{}"), 20);
    return true;
  });
  const { exporter, count } = open(collector, { metrics: undefined });
  for (let index = 0; index < 1200; index++) exporter.record?.(makeSpan(index));
  await collector.waitFor(() => count("exported") === 1200, "1200 spans");
  assert.deepEqual(
    collector.spans().map(({ name }) => name).toSorted(),
    [
      ...Array.from({ length: 1200 }, (_, index) => `span ${index}`),
    ].toSorted(),
  );
  assert.deepEqual([collector.posts.length, collector.mostOpen()], [3, 1]);
});

test("a collector that takes nothing costs a bounded queue", async () => {
  const collector = await collect(() => true);
  const { exporter, count } = open(collector, { metrics: undefined });
  for (let index = 0; index < 10_000; index++) exporter.record?.(makeSpan(index));
  // One batch is under way; beside it waits a queue's worth.
  assert.equal(count("dropped"), 10_000 - 512 - MAX_QUEUED_SPANS);
  const begun = Date.now();
  await exporter.close();
  assert.ok(Date.now() - begun < 4000);
  assert.equal(count("dropped"), 10_000);
});

test("what the collector is too busy for is sent again, when it says", async () => {
  const collector = await collect((response, number) => {
    if (number > 2) return false;
    response.writeHead([429, 503][number - 1] ?? 503, { "retry-after": number === 1 ? "1" : "0" });
    response.end();
    return true;
  });
  const { exporter, count, records } = open(collector, { metrics: undefined });
  exporter.record?.(makeSpan());
  await collector.waitFor(() => count("exported") === 1, "the span");
  const [first, second, third] = collector.posts;
  assert.ok(second && first && second.atMs - first.atMs >= 950);
  assert.ok(third && third.atMs - second.atMs < 900, "a pause of 0 is one");
  assert.equal(first.text, third.text);
  assert.deepEqual(records, []);
});

test("what the collector refuses is not sent again, and said once", async () => {
  let status = 400;
  const collector = await collect((response) => {
    response.writeHead(status, { location: "/elsewhere" });
    response.end(status === 200 ? "{}" : CANARY);
    return true;
  });
  const { exporter, count, records } = open(collector, { metrics: undefined });
  for (const refused of [400, 401, 500, 307]) {
    status = refused;
    const before = count("dropped");
    exporter.record?.(makeSpan());
    await collector.waitFor(() => count("dropped") === before + 1, `refusal ${refused}`);
  }
  assert.equal(collector.posts.length, 4, "no second try, no redirect followed");
  status = 200;
  exporter.record?.(makeSpan());
  await collector.waitFor(() => count("exported") === 1, "the span");
  assert.deepEqual(records, [
    'warn telemetry cannot be exported {"signal":"traces","reason":"status_400"}',
    'info telemetry is exported again {"signal":"traces"}',
  ]);
});

test("a collector that is not there costs nothing but the spans, and ends when told", async () => {
  const gone = await startCollector();
  await gone.close();
  const { exporter, count, records } = open(gone);
  for (let index = 0; index < 600; index++) exporter.record?.(makeSpan(index));
  const begun = Date.now();
  await exporter.close();
  assert.ok(Date.now() - begun < 4000, `${Date.now() - begun} ms`);
  assert.equal(count("dropped"), 600);
  exporter.record?.(makeSpan());
  assert.equal(count("dropped"), 601, "nothing is taken after the end");
  assert.ok(records.some((record) => record.includes('"signal":"traces","reason":"network"')));
  assert.doesNotMatch(records.join(), /canary|127\.0\.0\.1/);
});

test("a collector that does not answer is given up", async () => {
  const collector = await collect(() => true);
  const { exporter, records } = open(collector, { metrics: undefined, timeoutMs: 30 });
  exporter.record?.(makeSpan());
  await collector.waitFor(() => collector.posts.length === 2, "a second try");
  await exporter.close();
  assert.deepEqual(records, [
    'warn telemetry cannot be exported {"signal":"traces","reason":"timeout"}',
  ]);
});

test("a signal that is not exported costs nothing", async () => {
  const collector = await collect();
  const { exporter } = open(collector, { traces: undefined, metricIntervalMs: 5 });
  assert.equal(exporter.record, undefined);
  assert.deepEqual(exporter.families, []);
  await collector.waitFor(() => collector.posts.length > 0, "metrics");
  assert.ok(collector.posts.every(({ path }) => path === "/v1/metrics"));
});
