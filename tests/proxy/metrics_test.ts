import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_METRIC_ROUTES } from "../../lib/limits.ts";
import { createProxyMetrics, labelMethod } from "../../lib/proxy/metrics.ts";
import type { ProxyMetrics } from "../../lib/proxy/metrics.ts";
import { formatPrometheus } from "../../lib/telemetry/prometheus.ts";
import { readExposition, valueOf } from "../telemetry/_exposition.ts";

const START_MS = 1_700_000_000_500;

function create(): ProxyMetrics {
  return createProxyMetrics({ version: "9.9.9", runtime: "node 1.2.3", now: () => START_MS });
}

function show(metrics: ProxyMetrics): string {
  return formatPrometheus(metrics.families);
}

test("createProxyMetrics() tells build, start and process from the beginning", () => {
  const text = formatPrometheus(
    createProxyMetrics({
      version: "9.9.9",
      runtime: "node 1.2.3",
      now: () => START_MS,
      droppedLogLines: () => 5,
      usage: () => ({ residentBytes: 1024, cpuSeconds: 1.5 }),
    }).families,
  );
  assert.equal(valueOf(text, "ati_build_info", { version: "9.9.9", runtime: "node 1.2.3" }), 1);
  assert.equal(valueOf(text, "process_start_time_seconds"), START_MS / 1000);
  assert.equal(valueOf(text, "ati_proxy_log_lines_dropped_total"), 5);
  assert.equal(valueOf(text, "process_resident_memory_bytes"), 1024);
  assert.equal(valueOf(text, "process_cpu_seconds_total"), 1.5);
  assert.equal(valueOf(text, "ati_proxy_open_requests"), 0);
  assert.equal(valueOf(text, "ati_proxy_open_websockets"), 0);
  assert.equal(valueOf(show(create()), "process_cpu_seconds_total"), undefined);
});

test("route().count() keeps methods and statuses in a handful of series", () => {
  const metrics = create();
  const chat = metrics.route("chat");
  for (const method of ["GET", "GET", "get", "PATCH", "PROPFIND", "X".repeat(256)]) {
    chat.count(method, 200);
  }
  for (const status of [101, 204, 299, 302, 499, 500, 599, 999, 0]) chat.count("POST", status);
  const text = show(metrics);
  const value = (method: string, status_class: string): number | undefined =>
    valueOf(text, "ati_proxy_requests_total", { route: "chat", method, status_class });
  assert.deepEqual([value("GET", "2xx"), value("PATCH", "2xx"), value("other", "2xx")], [2, 1, 3]);
  assert.deepEqual(["1xx", "2xx", "3xx", "4xx", "5xx"].map((one) => value("POST", one)), [
    2,
    2,
    1,
    1,
    3,
  ]);
  assert.equal(labelMethod("PROPFIND"), "other");
});

test("route().time() fills buckets from 1 ms to 300 s", () => {
  const metrics = create();
  for (const seconds of [0, 0.001, 0.3, 300, 301]) metrics.route("chat").time(200, seconds);
  const text = show(metrics);
  const bucket = (le: string): number | undefined =>
    valueOf(text, "ati_proxy_request_duration_seconds_bucket", {
      route: "chat",
      status_class: "2xx",
      le,
    });
  assert.deepEqual(["0.001", "0.25", "0.5", "300", "+Inf"].map(bucket), [2, 2, 3, 4, 5]);
});

test("the rest of a route's numbers", () => {
  const metrics = create();
  const chat = metrics.route("chat");
  chat.addBytes(10, 1);
  chat.addBytes(0, 2);
  chat.fail("connect");
  chat.deny("path_denied");
  chat.deny("path_denied");
  metrics.countReload(true);
  metrics.countReload(false);
  const text = show(metrics);
  const bytes = (direction: string): number | undefined =>
    valueOf(text, "ati_proxy_bytes_total", { route: "chat", direction });
  assert.deepEqual([bytes("sent"), bytes("received")], [10, 3]);
  assert.equal(valueOf(text, "ati_upstream_errors_total", { route: "chat", kind: "connect" }), 1);
  const denial = { route: "chat", reason: "path_denied" };
  assert.equal(valueOf(text, "ati_passthrough_denied_total", denial), 2);
  assert.equal(valueOf(text, "ati_proxy_reloads_total", { result: "success" }), 1);
  assert.equal(valueOf(text, "ati_proxy_reloads_total", { result: "failure" }), 1);
});

test("countVerdict() puts every drift into one series", () => {
  const metrics = create();
  for (let seconds = 0; seconds < 1000; seconds++) {
    metrics.countVerdict("Log", `expired_timestamp_drift=${seconds}s`);
  }
  metrics.countVerdict("Log", "valid");
  metrics.countVerdict("Enforce", "valid");
  metrics.countVerdict("Log", "valid");
  const family = readExposition(show(metrics)).get("ati_signature_verdicts_total");
  assert.deepEqual(
    family?.samples.map(({ labels, value }) => [labels["mode"], labels["reason"], value]),
    [
      ["Log", "expired_timestamp_drift", 1000],
      ["Log", "valid", 2],
      ["Enforce", "valid", 1],
    ],
  );
});

test("routes beyond the most share one series", () => {
  const metrics = create();
  for (let index = 0; index < MAX_METRIC_ROUTES + 50; index++) {
    metrics.route(`route-${index}`).count("GET", 200);
  }
  const family = readExposition(show(metrics)).get("ati_proxy_requests_total");
  assert.equal(family?.samples.length, MAX_METRIC_ROUTES + 1);
  const shared = { route: "/__further_routes", method: "GET", status_class: "2xx" };
  assert.equal(valueOf(show(metrics), "ati_proxy_requests_total", shared), 50);
});
