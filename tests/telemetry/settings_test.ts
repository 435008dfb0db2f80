import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { ConfigError } from "../../lib/errors.ts";
import { parseTelemetrySettings } from "../../lib/telemetry/settings.ts";
import type { TelemetrySettings } from "../../lib/telemetry/settings.ts";

const BASE = "OTEL_EXPORTER_OTLP_";

function parse(variables: Readonly<Record<string, string>>): TelemetrySettings | undefined {
  return parseTelemetrySettings({
    get: (name) => variables[name],
    names: () => Object.keys(variables),
  });
}

const withEndpoint = (more: Record<string, string> = {}) =>
  parse({ [`${BASE}ENDPOINT`]: "http://collector:4318", ...more });

test("parseTelemetrySettings() is off unless an endpoint is named", () => {
  for (
    const variables of [
      {},
      { [`${BASE}ENDPOINT`]: "  " },
      { OTEL_SERVICE_NAME: "a", OTEL_TRACES_SAMPLER: "nonsense" },
      { [`${BASE}ENDPOINT`]: "http://c:4318", OTEL_SDK_DISABLED: "TRUE" },
      {
        [`${BASE}ENDPOINT`]: "http://c:4318",
        OTEL_TRACES_EXPORTER: "none",
        OTEL_METRICS_EXPORTER: "prometheus",
      },
    ]
  ) assert.equal(parse(variables), undefined, inspect(variables));
});

test("parseTelemetrySettings() has OpenTelemetry's defaults", () => {
  const signal = { headers: [], timeoutMs: 10_000 };
  assert.deepEqual(withEndpoint(), {
    traces: { url: "http://collector:4318/v1/traces", ...signal },
    metrics: { url: "http://collector:4318/v1/metrics", ...signal },
    resource: { "service.name": "ati-proxy" },
    sampler: "parentbased_always_on",
    ratio: 1,
    spanDelayMs: 5000,
    metricIntervalMs: 60_000,
    wantsProtobuf: false,
  });
});

test("parseTelemetrySettings() appends to the common endpoint and takes a signal's own as it is", () => {
  for (
    const [base, url] of [
      ["http://c:4318/", "http://c:4318/v1/traces"],
      ["https://c/otlp", "https://c/otlp/v1/traces"],
      ["https://c/otlp///", "https://c/otlp/v1/traces"],
      ["https://c/otlp?tenant=1", "https://c/otlp/v1/traces?tenant=1"],
    ] as const
  ) assert.equal(withEndpoint({ [`${BASE}ENDPOINT`]: base })?.traces?.url, url);
  const own = parse({ [`${BASE}TRACES_ENDPOINT`]: "http://c:4318" });
  assert.equal(own?.traces?.url, "http://c:4318/");
  assert.equal(own?.metrics, undefined);
  const both = withEndpoint({ [`${BASE}METRICS_ENDPOINT`]: "http://d/m" });
  assert.deepEqual([both?.traces?.url, both?.metrics?.url], [
    "http://collector:4318/v1/traces",
    "http://d/m",
  ]);
});

test("parseTelemetrySettings() leaves a signal out that goes elsewhere", () => {
  const settings = withEndpoint({
    OTEL_TRACES_EXPORTER: "console",
    OTEL_METRICS_EXPORTER: "x, otlp",
  });
  assert.equal(settings?.traces, undefined);
  assert.ok(settings?.metrics);
});

test("parseTelemetrySettings() reads header and attribute lists, percent-decoded", () => {
  const settings = withEndpoint({
    [`${BASE}HEADERS`]: " Api-Key = a%3Db%2C%20c ,x-two=2,,",
    [`${BASE}METRICS_HEADERS`]: "x-own=1",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=t%C3%A9st,service.name=lost",
    OTEL_SERVICE_NAME: "edge",
  });
  assert.deepEqual(settings?.traces?.headers, [["api-key", "a=b, c"], ["x-two", "2"]]);
  assert.deepEqual(settings?.metrics?.headers, [["x-own", "1"]]);
  assert.deepEqual(settings?.resource, {
    "deployment.environment.name": "tést",
    "service.name": "edge",
  });
  const named = withEndpoint({ OTEL_RESOURCE_ATTRIBUTES: "service.name=kept" });
  assert.equal(named?.resource["service.name"], "kept");
});

test("parseTelemetrySettings() reads sampler, times and protocol", () => {
  const settings = withEndpoint({
    OTEL_TRACES_SAMPLER: "TraceIdRatio",
    OTEL_TRACES_SAMPLER_ARG: ".25",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_METRIC_EXPORT_INTERVAL: "200",
    [`${BASE}TIMEOUT`]: "300",
    [`${BASE}METRICS_TIMEOUT`]: "400",
    [`${BASE}TRACES_PROTOCOL`]: "http/protobuf",
  });
  assert.equal(settings?.sampler, "traceidratio");
  assert.equal(settings?.ratio, 0.25);
  assert.deepEqual([settings?.spanDelayMs, settings?.metricIntervalMs], [100, 200]);
  assert.deepEqual([settings?.traces?.timeoutMs, settings?.metrics?.timeoutMs], [300, 400]);
  assert.equal(settings?.wantsProtobuf, true);
  assert.equal(withEndpoint({ [`${BASE}PROTOCOL`]: "http/json" })?.wantsProtobuf, false);
});

test("parseTelemetrySettings() refuses what it cannot use, by the variable's name alone", () => {
  const canary = "canary";
  for (
    const [variable, ...values] of [
      [`${BASE}ENDPOINT`, canary, `ftp://${canary}`, `http://user:${canary}@c:4318`, "http://"],
      [`${BASE}TRACES_ENDPOINT`, `//${canary}`, `http://${canary}@c`],
      [`${BASE}PROTOCOL`, "grpc", canary],
      [`${BASE}METRICS_PROTOCOL`, "grpc"],
      [
        `${BASE}HEADERS`,
        canary,
        `=${canary}`,
        `a=%${canary}`,
        `a b=${canary}`,
        `a=${canary}%0d%0ax`,
      ],
      [`${BASE}TRACES_HEADERS`, `a=${canary}%00`, `a=%C3%A9${canary}`],
      ["OTEL_RESOURCE_ATTRIBUTES", canary, `a=%${canary}`],
      ["OTEL_TRACES_SAMPLER", canary, "jaeger_remote"],
      ["OTEL_TRACES_SAMPLER_ARG", canary, "1.1", "-0.1", "1e-3", "NaN", ""].filter(Boolean),
      ["OTEL_BSP_SCHEDULE_DELAY", canary, "0", "-1", "1.5", "2147483648", "99999999999"],
      ["OTEL_METRIC_EXPORT_INTERVAL", "0"],
      [`${BASE}TIMEOUT`, "1s"],
    ] as const
  ) {
    for (const value of values) {
      assert.throws(
        () => withEndpoint({ [variable as string]: value as string }),
        (error) =>
          error instanceof ConfigError && error.code === "ERR_CONFIG" &&
          error.message.includes(variable as string) && !inspect(error).includes(canary),
        `${variable}=${value}`,
      );
    }
  }
});
