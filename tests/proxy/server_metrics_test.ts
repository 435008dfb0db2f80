import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { connectRaw, exchangeRaw } from "../runtime/_raw.ts";
import { readExposition, valueOf } from "../telemetry/_exposition.ts";
import { drip, say, sayAndReset, startFaultyUpstream } from "./_faults.ts";
import type { FaultyUpstream } from "./_faults.ts";
import { createAtiDirectory, removeDirectory, startServer, upstreamManifest } from "./_server.ts";
import type { TestServer } from "./_server.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const TOKEN = "canary-metrics-token-0123456789";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const FAULTS = {
  "four": say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour"),
  "head": say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
  "empty": say("HTTP/1.1 204 No Content\r\n\r\n"),
  "missing": say("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
  "chunked": say(`${CHUNKED}3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n`),
  "silence": () => {},
  "reset": sayAndReset(""),
  "broken": sayAndReset(`${CHUNKED}3\r\nabc\r\n`),
  "begun": drip(CHUNKED, "1\r\nx\r\n", 20),
  "long": say("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
};

let upstream: FaultyUpstream;
let server: TestServer;
let directory: string;

before(async () => {
  upstream = await startFaultyUpstream(FAULTS);
  const gone = await startFaultyUpstream({});
  await gone.close();
  directory = createAtiDirectory({
    "manifests/up.toml": upstreamManifest(
      "up",
      upstream.url,
      'read_timeout_seconds = 1\nmax_request_bytes = 100\nmax_response_bytes = 1000\ndeny_paths = ["/denied"]\nallow_methods = ["GET", "HEAD", "POST"]',
    ),
    "manifests/gone.toml": upstreamManifest("gone", gone.url),
    "manifests/bare.toml": upstreamManifest("bare", upstream.url),
    "credentials": '{"up_key":"one","gone_key":"two"}',
  });
  server = await startServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_METRICS_TOKEN: TOKEN,
  });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

async function scrape(from: TestServer = server): Promise<string> {
  const response = await from.get("/metrics");
  assert.equal(response.status, 200);
  return await response.text();
}

/** Scrapes until the text is as wanted; what ends after its answer takes a moment. */
async function scrapeUntil(
  isThere: (text: string) => boolean,
  from: TestServer = server,
): Promise<string> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const text = await scrape(from);
    if (isThere(text)) return text;
    assert.ok(Date.now() < deadline, JSON.stringify([...readSeries(text)]));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Every series of these families that is not 0, as `name{values}`, without what the scrapes add. */
function readSeries(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (
    const name of [
      "ati_proxy_requests_total",
      "ati_upstream_errors_total",
      "ati_passthrough_denied_total",
      "ati_proxy_bytes_total",
    ]
  ) {
    for (const { labels, value } of readExposition(text).get(name)?.samples ?? []) {
      if (labels["route"] === "/metrics") continue;
      const short = name.replace(/^ati_(?:proxy_)?/, "").replace(/_total$/, "");
      series.set(`${short} ${Object.values(labels).join(" ")}`, value);
    }
  }
  return series;
}

const get = (path: string) => async (): Promise<void> => {
  await (await server.get(path)).arrayBuffer().catch(() => {/* broken off, as it should be */});
};
const raw = (text: string) => async (): Promise<void> => {
  await exchangeRaw(server.port, text);
};
/** Sends a request and goes away: at once, or when `after` has come. */
const leave = (text: string, after?: string) => async (): Promise<void> => {
  const seen = upstream.requests.length;
  const connection = await connectRaw(server.port);
  connection.socket.write(text);
  if (after === undefined) {
    while (upstream.requests.length === seen) await new Promise((done) => setTimeout(done, 5));
  } else await connection.until((received) => received.includes(after));
  connection.socket.destroy();
};
const head = (method: string, path: string, more = ""): string =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;

/** What one request adds, whole: `*` stands for any number from 1 up. */
const CASES: readonly (readonly [
  name: string,
  send: () => Promise<void>,
  added: Readonly<Record<string, number | "*">>,
])[] = [
  ["an answer", get("/up/four"), { "requests up GET 2xx": 1, "bytes up sent": 4 }],
  ["a chunked answer", get("/up/chunked"), { "requests up GET 2xx": 1, "bytes up sent": 7 }],
  ["an empty answer", get("/up/empty"), { "requests up GET 2xx": 1 }],
  ["an error of the upstream's", get("/up/missing"), {
    "requests up GET 4xx": 1,
    "bytes up sent": 2,
  }],
  ["HEAD", raw(head("HEAD", "/up/head", "Connection: close\r\n")), { "requests up HEAD 2xx": 1 }],
  ["an upload", raw(head("POST", "/up/four", "Content-Length: 3\r\n") + "abc"), {
    "requests up POST 2xx": 1,
    "bytes up received": 3,
    "bytes up sent": 4,
  }],
  ["a denied path", get("/up/denied"), {
    "requests up GET 4xx": 1,
    "passthrough_denied up path_denied": 1,
  }],
  ["a method that is not allowed", raw(head("DELETE", "/up/four")), {
    "requests up DELETE 4xx": 1,
    "passthrough_denied up method_not_allowed": 1,
  }],
  ["an upload that is too large", raw(head("POST", "/up/four", "Content-Length: 101\r\n")), {
    "requests up POST 4xx": 1,
    "passthrough_denied up request_too_large": 1,
  }],
  ["a missing credential", get("/bare/four"), {
    "requests bare GET 5xx": 1,
    "passthrough_denied bare credential_missing": 1,
  }],
  ["an upstream that is not there", get("/gone/a"), {
    "requests gone GET 5xx": 1,
    "upstream_errors gone connect": 1,
  }],
  ["an upstream that says nothing", get("/up/silence"), {
    "requests up GET 5xx": 1,
    "upstream_errors up timeout": 1,
  }],
  [
    "an upstream that breaks off at once",
    raw(head("POST", "/up/reset", "Content-Length: 1\r\n") + "a"),
    {
      "requests up POST 5xx": 1,
      "upstream_errors up send": 1,
      "bytes up received": 0,
    },
  ],
  ["an upstream that breaks off in the middle", get("/up/broken"), {
    "requests up GET 2xx": 1,
    "upstream_errors up body": 1,
    "bytes up sent": 3,
  }],
  ["an answer that is too large", get("/up/long"), {
    "requests up GET 5xx": 1,
    "upstream_errors up too_large": 1,
  }],
  ["a client that leaves before the answer", leave(head("GET", "/up/silence")), {
    "requests up GET 4xx": 1,
  }],
  ["a client that leaves in the middle", leave(head("GET", "/up/begun"), "1\r\nx"), {
    "requests up GET 4xx": 1,
    "bytes up sent": "*",
  }],
  ["a page of the proxy's own", get("/health"), { "requests /health GET 2xx": 1 }],
  ["a page that needs a token", get("/whoami"), { "requests /whoami GET 2xx": 1 }],
  ["a reserved path", get("/tools/whatever/else"), { "requests /tools/* GET 4xx": 1 }],
  ["a path of nobody's", get("/nobody/a"), {
    "requests /__passthrough_or_unmatched GET 4xx": 1,
  }],
  ["a path that is none", raw(head("GET", "/%zz")), {
    "requests /__passthrough_or_unmatched GET 4xx": 1,
  }],
  ["a method of somebody's own", raw(head("PROPFIND", "/nobody/a")), {
    "requests /__passthrough_or_unmatched other 4xx": 1,
  }],
];

for (const [name, send, added] of CASES) {
  test(`the metrics tell of ${name}`, { timeout: 30_000 }, async () => {
    const before = readSeries(await scrape());
    await send();
    const wanted = Object.entries(added).filter(([, value]) => value !== 0);
    const text = await scrapeUntil((candidate) => {
      const now = readSeries(candidate);
      return valueOf(candidate, "ati_proxy_open_requests") === 1 &&
        wanted.every(([series]) => (now.get(series) ?? 0) > (before.get(series) ?? 0));
    });
    const grown = [...readSeries(text)].filter(([key, value]) => value !== (before.get(key) ?? 0));
    const differences = Object.fromEntries(grown.map(([key, value]) => {
      const difference = value - (before.get(key) ?? 0);
      return [key, added[key] === "*" && difference > 0 ? "*" : difference];
    }));
    assert.deepEqual(differences, Object.fromEntries(wanted));
  });
}

test("the metrics tell of a reload that worked and one that did not", {
  skip: process.platform === "win32",
}, async () => {
  process.kill(server.child.pid!, "SIGHUP");
  await server.waitFor("reloaded");
  writeFileSync(join(directory, "manifests/broken.toml"), "[provider");
  process.kill(server.child.pid!, "SIGHUP");
  await server.waitFor("reload failed: the last good configuration stays in force");
  const text = await scrape();
  assert.equal(valueOf(text, "ati_proxy_reloads_total", { result: "success" }), 1);
  assert.equal(valueOf(text, "ati_proxy_reloads_total", { result: "failure" }), 1);
});

test("the metrics tell of the process", async () => {
  const text = await scrape();
  const memory = valueOf(text, "process_resident_memory_bytes") ?? 0;
  assert.ok(memory > 10_000_000 && memory < 10_000_000_000, String(memory));
  assert.ok((valueOf(text, "process_cpu_seconds_total") ?? 0) > 0.01);
  const started = valueOf(text, "process_start_time_seconds") ?? 0;
  assert.ok(Math.abs(Date.now() / 1000 - started) < 600);
  const [build] = readExposition(text).get("ati_build_info")?.samples ?? [];
  assert.match(build?.labels["runtime"] ?? "", /^(?:node|deno|bun) \d+\./);
});

test("the metrics are closed to a proxy's caller without the token", async () => {
  const forwarded = { "x-forwarded-for": "192.0.2.1" };
  assert.equal((await server.get("/metrics", forwarded)).status, 401);
  const authorization = `Bearer ${TOKEN}`;
  assert.equal((await server.get("/metrics", { ...forwarded, authorization })).status, 200);
  assert.equal((await server.get("/metrics", { authorization: "Bearer wrong" })).status, 401);
  assert.doesNotMatch(server.output(), /canary/);
});

test(
  "the metrics tell of a WebSocket while it is open and when it ended",
  TEST_OPTIONS,
  () =>
    withBench({}, async ({ server: bench, open }) => {
      const ended = { route: "ws", method: "GET", status_class: "1xx" };
      const { client, upstream: far } = await open();
      client.send(1, "hello");
      assert.equal(await far.readText(), "1:hello");
      const during = await scrapeUntil(
        (text) => valueOf(text, "ati_proxy_open_websockets") === 1,
        bench,
      );
      assert.equal(valueOf(during, "ati_proxy_open_requests"), 2);
      assert.equal(valueOf(during, "ati_proxy_requests_total", ended), undefined);
      far.sendClose(1000);
      client.destroy();
      const text = await scrapeUntil(
        (candidate) => valueOf(candidate, "ati_proxy_requests_total", ended) === 1,
        bench,
      );
      assert.equal(valueOf(text, "ati_proxy_open_websockets"), 0);
      assert.equal(valueOf(text, "ati_proxy_open_requests"), 1);
      const bytes = { route: "ws", direction: "received" };
      assert.ok((valueOf(text, "ati_proxy_bytes_total", bytes) ?? 0) >= 5);
      const timed = readExposition(text).get("ati_proxy_request_duration_seconds")?.samples ?? [];
      assert.ok(timed.every(({ labels }) => labels["route"] !== "ws"), "it has no latency");
    }),
);
