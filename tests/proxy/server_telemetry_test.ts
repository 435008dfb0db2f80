import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import { startCollector } from "../telemetry/_collector.ts";
import type { Collector, ReceivedSpan } from "../telemetry/_collector.ts";
import {
  createAtiDirectory,
  removeDirectory,
  runServer,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const CANARY = "canary-of-the-collector";
/** So long that what arrives before was sent because the server stops. */
const NEVER_MS = "1000000";

let upstream: TestUpstream;
let directory: string;

before(async () => {
  upstream = await startUpstream((request, response) => {
    if (request.url?.startsWith("/fault")) return void request.socket.destroy();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.headers));
  });
  directory = createAtiDirectory({
    "manifests/up.toml": upstreamManifest("up", upstream.url, 'deny_paths = ["/denied"]'),
    "credentials": '{"up_key":"canary-upstream-credential"}',
  });
});

after(async () => {
  await upstream.close();
  removeDirectory(directory);
});

interface Bench {
  readonly server: TestServer;
  readonly collector: Collector;
  /** Ends the server in order, and waits for it. */
  stop(): Promise<void>;
}

async function withCollector(
  env: Readonly<Record<string, string>>,
  run: (bench: Bench) => Promise<void>,
  answer?: Parameters<typeof startCollector>[0],
): Promise<void> {
  const collector = await startCollector(answer);
  const server = await startServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${CANARY}`,
    OTEL_BSP_SCHEDULE_DELAY: "20",
    OTEL_METRIC_EXPORT_INTERVAL: "50",
    ...env,
  });
  const stop = async (): Promise<void> => {
    process.kill(server.child.pid!, "SIGTERM");
    await server.exited;
  };
  try {
    await run({ server, collector, stop });
    assert.doesNotMatch(server.output(), /canary/);
  } finally {
    await server.kill();
    await collector.close();
  }
}

const find = (spans: readonly ReceivedSpan[], name: string, path?: string): ReceivedSpan => {
  const span = spans.find((one) =>
    one.name === name && (path === undefined || one.attributes["url.path"] === path)
  );
  assert.ok(span, `${name} ${path}`);
  return span;
};

test(
  "a forwarded request is two spans in the caller's trace",
  { timeout: 60_000 },
  () =>
    withCollector({ OTEL_SERVICE_NAME: "edge" }, async ({ server, collector }) => {
      const response = await server.get("/up/a/b?secret=canary-query", {
        traceparent: `00-${TRACE}-${SPAN}-01`,
        tracestate: "rojo=1",
        cookie: "canary=1",
      });
      const sent = await response.json() as Record<string, string>;
      await collector.waitFor(() => collector.spans().length >= 2, "two spans");
      const [own, call] = ["http.server.request", "passthrough.request"].map((name) =>
        find(collector.spans(), name)
      ) as [ReceivedSpan, ReceivedSpan];
      assert.deepEqual([own.traceId, call.traceId], [TRACE, TRACE]);
      assert.deepEqual([own.parentSpanId, call.parentSpanId], [SPAN, own.spanId]);
      assert.deepEqual([own.kind, call.kind], [2, 3]);
      assert.equal(sent["traceparent"], `00-${TRACE}-${call.spanId}-01`);
      assert.equal(sent["tracestate"], "rojo=1");
      assert.equal(own.traceState, "rojo=1");
      const id = response.headers.get("x-ati-request-id");
      assert.deepEqual({ ...own.attributes, "http.response.body.size": 0 }, {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "up",
        "url.path": "/up/a/b",
        "http.request.body.size": 0,
        "http.response.body.size": 0,
        "ati.request_id": id,
      });
      const { host, port } = new URL(upstream.url);
      assert.deepEqual(call.attributes, {
        "route": "up",
        "upstream": host,
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": Number(port),
        "http.request.method": "GET",
        "http.response.status_code": 200,
      });
      assert.deepEqual([own.status, call.status], [{}, {}]);
      assert.ok(own.startTimeUnixNano <= call.startTimeUnixNano);
      assert.ok(call.endTimeUnixNano <= own.endTimeUnixNano);
      assert.doesNotMatch(collector.posts.map(({ text }) => text).join(), /canary/);
      assert.equal(collector.posts[0]?.headers["x-key"], CANARY);
      const resource = collector.resource();
      assert.equal(resource["service.name"], "edge");
      assert.match(String(resource["process.runtime.name"]), /^(?:node|deno|bun)$/);
      const record = server.records().find((one) => one["request_id"] === id);
      assert.deepEqual([record?.["trace_id"], record?.["span_id"]], [TRACE, own.spanId]);
    }),
);

test("a WebSocket is two spans when it has ended", TEST_OPTIONS, async () => {
  const collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "20" };
  try {
    await withBench({ env }, async ({ open, record }) => {
      const traceparent = `00-${TRACE}-${SPAN}-01`;
      const { client, upstream: far, handshake } = await open({ traceparent });
      client.send(1, "hello");
      assert.equal(await far.readText(), "1:hello");
      assert.deepEqual(collector.spans(), []);
      far.sendClose(1000);
      client.destroy();
      await collector.waitFor(() => collector.spans().length >= 2, "two spans");
      const own = find(collector.spans(), "http.server.request", "/ws/chat");
      const call = find(collector.spans(), "passthrough.request");
      for (const { traceId, attributes } of [own, call]) {
        assert.deepEqual([traceId, attributes["http.response.status_code"]], [TRACE, 101]);
      }
      assert.deepEqual(handshake.head.all("traceparent"), [`00-${TRACE}-${call.spanId}-01`]);
      assert.equal((await record())["span_id"], own.spanId);
    });
  } finally {
    await collector.close();
  }
});

test(
  "what is refused and what fails is told by its kind",
  { timeout: 60_000 },
  () =>
    withCollector({}, async ({ server, collector }) => {
      for (const path of ["/up/denied", "/up/fault", "/nobody"]) {
        await (await server.get(path)).text();
      }
      await collector.waitFor(() => collector.spans().length >= 4, "four spans");
      const spans = collector.spans();
      assert.equal(spans.filter(({ name }) => name === "passthrough.request").length, 1);
      const denied = find(spans, "http.server.request", "/up/denied");
      assert.equal(denied.attributes["http.response.status_code"], 403);
      assert.deepEqual([denied.status, denied.attributes["error.type"]], [{}, undefined]);
      assert.equal(denied.parentSpanId, undefined);
      const failed = find(spans, "http.server.request", "/up/fault");
      const call = find(spans, "passthrough.request");
      for (const span of [failed, call]) {
        assert.deepEqual([span.status, span.attributes["error.type"]], [
          { code: 2 },
          "ERR_UPSTREAM_FAILED",
        ]);
      }
      assert.equal(call.attributes["http.response.status_code"], undefined);
      const unmatched = find(spans, "http.server.request", "/nobody");
      assert.equal(unmatched.attributes["http.route"], "/__passthrough_or_unmatched");
    }),
);

test(
  "the metrics are those of /metrics, as totals",
  { timeout: 60_000 },
  () =>
    withCollector({ OTEL_TRACES_EXPORTER: "none" }, async ({ server, collector }) => {
      for (const path of ["/up/a", "/up/b", "/up/denied", "/up/fault"]) {
        await (await server.get(path)).text();
      }
      await collector.waitFor(
        () => collector.points("ati.upstream.errors").length > 0,
        "upstream errors",
      );
      const values = (name: string): unknown[] =>
        collector.points(name).map((
          { attributes, asDouble, count },
        ) => [attributes, asDouble ?? count]);
      const route = { "http.route": "up" };
      const method = { "http.request.method": "GET" };
      assert.deepEqual(values("ati.proxy.requests"), [
        [{ ...route, ...method, "http.response.status_class": "2xx" }, 2],
        [{ ...route, ...method, "http.response.status_class": "4xx" }, 1],
        [{ ...route, ...method, "http.response.status_class": "5xx" }, 1],
      ]);
      assert.deepEqual(values("ati.proxy.request_duration_ms"), [
        [{ ...route, "http.response.status_class": "2xx" }, "2"],
        [{ ...route, "http.response.status_class": "4xx" }, "1"],
        [{ ...route, "http.response.status_class": "5xx" }, "1"],
      ]);
      assert.deepEqual(values("ati.upstream.errors"), [[
        { provider: "up", error_kind: "send" },
        1,
      ]]);
      assert.deepEqual(values("ati.passthrough.denied"), [[
        { route: "up", reason: "path_denied" },
        1,
      ]]);
      const bounds = collector.points("ati.proxy.request_duration_ms")[0]?.explicitBounds ?? [];
      assert.deepEqual([bounds[0], bounds.at(-1)], [1, 300_000]);
      assert.ok(collector.posts.every(({ path }) => path === "/v1/metrics"));
    }),
);

test(
  "a sampler that takes nothing sends nothing, and says so upstream",
  { timeout: 60_000 },
  () =>
    withCollector({ OTEL_TRACES_SAMPLER: "always_off" }, async ({ server, collector }) => {
      const response = await server.get("/up/a", { traceparent: `00-${TRACE}-${SPAN}-01` });
      const sent = await response.json() as Record<string, string>;
      assert.match(
        sent["traceparent"] ?? "",
        new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`),
      );
      await collector.waitFor(() => collector.points("ati.proxy.requests").length > 0, "metrics");
      assert.deepEqual(collector.spans(), []);
    }),
);

test("what is left goes out when the server stops", { timeout: 60_000 }, () =>
  withCollector(
    { OTEL_BSP_SCHEDULE_DELAY: NEVER_MS, OTEL_METRIC_EXPORT_INTERVAL: NEVER_MS },
    async ({ server, collector, stop }) => {
      await (await server.get("/up/a")).text();
      assert.equal(collector.posts.length, 0);
      await stop();
      assert.equal(collector.spans().length, 2);
      assert.equal(collector.points("ati.proxy.requests")[0]?.asDouble, 1);
    },
  ));

test(
  "a collector that never answers holds nothing up",
  { timeout: 60_000 },
  () =>
    withCollector({}, async ({ server, collector, stop }) => {
      await (await server.get("/up/a")).text();
      await collector.waitFor(() => collector.posts.length >= 2, "posts");
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => server.get("/up/a").then((one) => one.text())),
      );
      assert.equal(answers.length, 200);
      const begun = Date.now();
      await stop();
      assert.ok(Date.now() - begun < 8000, `${Date.now() - begun} ms`);
    }, () => true),
);

test(
  "without an endpoint nothing is exported, whatever else is set",
  { timeout: 60_000 },
  () =>
    withCollector({
      OTEL_EXPORTER_OTLP_ENDPOINT: "",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    }, async ({ server, collector, stop }) => {
      await (await server.get("/up/a", { traceparent: `00-${TRACE}-${SPAN}-01` })).text();
      const text = await (await server.get("/metrics")).text();
      assert.doesNotMatch(text, /ati_telemetry_/, "there is no exporter");
      await stop();
      assert.deepEqual(collector.posts, []);
    }),
);

test("a protocol that is not spoken stops the start; Protocol Buffers are noted", {
  timeout: 60_000,
}, async () => {
  const refused = runServer({
    ATI_DIR: directory,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  });
  assert.equal(await refused.exited, 1);
  assert.match(refused.output(), /OTEL_EXPORTER_OTLP_PROTOCOL/);
  await withCollector({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }, async ({ server }) => {
    await server.waitFor("telemetry is sent as JSON");
  });
});
