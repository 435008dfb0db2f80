import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import { dialPeer, startPeerUpstream } from "../helpers/websocket_peer.ts";
import type { PeerUpstream } from "../helpers/websocket_peer.ts";
import {
  createAtiDirectory,
  removeDirectory,
  startServer,
  startUpstream,
  upstreamManifest,
} from "../proxy/_server.ts";
import type { TestServer, TestUpstream } from "../proxy/_server.ts";
import { ask, bridgeTls } from "./_front_client.ts";
import type { Answer, AskOptions, Protocol } from "./_front_client.ts";
import { FRONT_HOST, FRONTS, isInstalled, startFront } from "./_fronts.ts";
import type { Front } from "./_fronts.ts";

const SECRET = "ab".repeat(32);
const BIG_BYTES = 8 * 1024 * 1024;
const EVENTS = 4;
const EVENT_MS = 150;
const PROTOCOLS: readonly Protocol[] = ["HTTP/1.1", "HTTP/2"];
const TIMEOUT = { timeout: 120_000 };
let upstream: TestUpstream;
let sockets: PeerUpstream;
let server: TestServer;
let directory = "";
/** Paths that the upstream was asked for, and those whose client left too early. */
const asked: string[] = [];
const left: string[] = [];

before(async () => {
  upstream = await startUpstream(answer);
  sockets = await startPeerUpstream((handshake) => {
    const peer = handshake.accept();
    void (async () => {
      for (let frame = await peer.read(); frame !== undefined; frame = await peer.read()) {
        if (frame.payload.toString() === "bye") peer.sendClose(4001, "own reason");
        else if (frame.opcode !== 8) peer.send(frame.opcode, frame.payload, { fin: frame.fin });
      }
    })();
  });
  const raw = "strip_prefix = false\nallow_encoded_slash = true\nallow_empty_segments = true\n";
  const small = "strip_prefix = false\nmax_request_bytes = 1000\nread_timeout_seconds = 1\n";
  directory = createAtiDirectory({
    "manifests/a.toml": upstreamManifest("a", upstream.url, raw),
    "manifests/s.toml": upstreamManifest("s", upstream.url, small),
    "manifests/lost.toml": upstreamManifest("lost", upstream.url),
    "manifests/ws.toml": upstreamManifest("ws", sockets.url, "forward_websockets = true"),
    credentials: JSON.stringify({
      a_key: "upstream-a",
      s_key: "upstream-s",
      ws_key: "upstream-ws",
      sandbox_signing_shared_secret: SECRET,
    }),
  });
  server = await startServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
    ATI_METRICS_TOKEN: "metrics-0123456789",
  });
}, TIMEOUT);

after(async () => {
  await server?.kill();
  await upstream?.close();
  await sockets?.close();
  removeDirectory(directory);
});

/** The upstream: what it does stands in the last segment of the path. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  asked.push(path);
  response.on("close", () => {
    if (!response.writableFinished) left.push(path);
  });
  if (path.endsWith("/hang")) return;
  if (path.endsWith("/events")) return sendEvents(response);
  if (path.endsWith("/orders")) response.setHeader("x-accel-redirect", "/a/stolen");
  if (path.endsWith("/fields")) response.setHeader("x-large", "x".repeat(12_000));
  if (path.endsWith("/big")) {
    response.setHeader("content-type", "text/html");
    return void response.end(Buffer.alloc(BIG_BYTES, 97));
  }
  let bytes = 0;
  request.on("data", (chunk: Buffer) => bytes += chunk.length).on("end", () => {
    response.end(JSON.stringify({ target: path, bytes, headers: request.headers }));
  });
}

function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${sent++}\n\n`);
    if (sent === EVENTS) response.end();
    if (sent === EVENTS) clearInterval(timer);
  }, EVENT_MS);
  response.on("close", () => clearInterval(timer));
}

/** Sends a signed request. */
async function askSigned(
  front: Front,
  protocol: Protocol,
  target: string,
  options: AskOptions & { readonly version?: 1 | 2 } = {},
): Promise<Answer> {
  const { version = 1, ...sent } = options;
  const at = target.includes("?") ? target.indexOf("?") : target.length;
  const signature = await signSandboxRequest({
    method: sent.method ?? "GET",
    path: target.slice(0, at),
    query: target.slice(at),
    body: sent.body,
  }, { secret: parseSigningSecret(SECRET), version });
  const headers = { "x-sandbox-signature": signature, ...sent.headers };
  return await ask(front, protocol, target, { ...sent, headers });
}

function json({ body }: Answer): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

/** Waits, for a bounded time, until the upstream has seen that a client left. */
async function waitForLeaving(path: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!left.includes(path)) {
    assert.ok(Date.now() < deadline, `the upstream still works for ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Why the tests of a program cannot run here. */
function whyNot(name: string): string | false {
  const missing = [name, "openssl"].find((program) => !isInstalled(program));
  if (missing === undefined) return false;
  console.log(`${missing} is not installed here: what ${name} does in front is left out`);
  return `${missing} is not installed`;
}

test("the shipped files have what is put in place here", () => {
  for (const { name, configure } of FRONTS) {
    const text = configure({ folder: "/front", proxyPort: 1, port: 2, plainPort: 3 });
    assert.match(text, /127\.0\.0\.1:1\b/, name);
    assert.doesNotMatch(text, /127\.0\.0\.1:8080|listen \S*(?:80|443)\b/, name);
  }
});

for (const kind of FRONTS) {
  describe(kind.name, { skip: whyNot(kind.name) }, () => {
    const folder = mkdtempSync(join(tmpdir(), "atikit-front-"));
    let front: Front;
    before(async () => {
      front = await startFront(kind, { folder, proxyPort: server.port });
    }, TIMEOUT);
    after(async () => {
      await front?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const protocol of PROTOCOLS) describe(protocol, () => checkHttp(() => front, protocol));
    test("a WebSocket goes through, its own end included", TIMEOUT, () => checkSockets(front));
  });
}

/** Targets that a front must not touch: the proxy sends them on as they are, or refuses them. */
const KEPT = [
  "/a/x%2Fy",
  "/a//x",
  "/a/x/",
  "/a/x;p=1,2",
  "/a/x.",
  "/a/%C3%A9",
  "/a/$&'()*+,;=:@!",
  "/a/x%20y%3F%23",
  "/a/x?q=%7E&r=~&s=%2f%2F+a%20b&;t=//..",
  "/a/x?a=b?c/d",
  "/a/x??",
];
const REFUSED = ["/a/x/../y", "/a/x/%2e%2e/y", "/a/./x", "//a/x"];
const METRICS = [
  ...[
    "/metrics",
    "/%6detrics",
    "//metrics",
    "/METRICS",
    "/metrics/",
    "/./metrics",
    "/x/../metrics",
  ],
  ...["/metrics?x", "/metrics;x", "/metrics%2f", "/%2fmetrics", "/metrics%20"],
];

function checkHttp(open: () => Front, protocol: Protocol): void {
  test("targets arrive as they were sent, signatures of both versions hold", TIMEOUT, async () => {
    for (const version of [1, 2] as const) {
      for (const target of KEPT) {
        const given = await askSigned(open(), protocol, target, { version });
        assert.equal(given.status, 200, `${target} of version ${version}: ${given.body}`);
        assert.equal(json(given)["target"], target);
      }
      // One spelling: the proxy decodes what needs no encoding, after the signature was checked.
      const tilde = await askSigned(open(), protocol, "/a/%7Eu/~v", { version });
      assert.equal(json(tilde)["target"], "/a/~u/~v");
      for (const target of REFUSED) {
        const given = await askSigned(open(), protocol, target, { version });
        assert.deepEqual([given.status, json(given)["reason"]], [400, "invalid_path"], target);
      }
    }
    const body = '{"stream":true}';
    const post = { method: "POST", body, version: 2 } as const;
    assert.equal((await askSigned(open(), protocol, "/a/v2?x=%7E", post)).status, 200);
    assert.equal((await ask(open(), protocol, "/a/x")).status, 403);
  });

  test("nobody reaches the metrics", TIMEOUT, async () => {
    for (const target of METRICS) {
      for (const headers of [{}, { host: "localhost" }]) {
        if (protocol === "HTTP/2" && "host" in headers) continue;
        const given = await askSigned(open(), protocol, target, { headers });
        assert.doesNotMatch(given.body.toString(), /ati_/, target);
        if (!("host" in headers)) assert.ok([400, 403, 404].includes(given.status), target);
      }
    }
  });

  test("events and bodies stream, with and without a length", TIMEOUT, async () => {
    const events = await askSigned(open(), protocol, "/a/events");
    assert.ok((events.times.at(-1) ?? 0) >= EVENT_MS * (EVENTS - 2), String(events.times));
    const down = await askSigned(open(), protocol, "/a/big", {
      headers: { "accept-encoding": "gzip" },
    });
    assert.deepEqual([down.status, down.body.length], [200, BIG_BYTES]);
    assert.equal(down.headers["content-encoding"], undefined);
    for (const isChunked of [false, true]) {
      const up = { method: "PUT", body: Buffer.alloc(BIG_BYTES, 98), isChunked };
      assert.equal(json(await askSigned(open(), protocol, "/a/up", up))["bytes"], BIG_BYTES);
    }
  });

  test("refusals and failures of the proxy arrive as they are", TIMEOUT, async () => {
    for (const isChunked of [false, true]) {
      const sent = { method: "PUT", body: Buffer.alloc(2000, 98), isChunked };
      const given = await askSigned(open(), protocol, "/s/up", sent);
      assert.deepEqual([given.status, json(given)["reason"]], [413, "request_too_large"]);
    }
    const lost = await askSigned(open(), protocol, "/lost/x");
    assert.deepEqual([lost.status, json(lost)["reason"]], [503, "credential_missing"]);
    const late = await askSigned(open(), protocol, "/s/hang");
    assert.deepEqual([late.status, json(late)["reason"]], [504, "upstream_timeout"]);
    assert.equal((await askSigned(open(), protocol, "/a/fields")).status, 200);
  });

  test("a client that leaves ends its request upstream", TIMEOUT, async () => {
    const slug = `${open().name}/${protocol.length}`;
    await askSigned(open(), protocol, `/a/${slug}/hang`, { leave: "at once" }).catch(() => {});
    await waitForLeaving(`/a/${slug}/hang`);
    const early = { leave: "at first bytes" } as const;
    await askSigned(open(), protocol, `/a/${slug}/events`, early).catch(() => {});
    await waitForLeaving(`/a/${slug}/events`);
  });

  test("neither client nor upstream gives the front orders", TIMEOUT, async () => {
    const headers = { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "other.example" };
    const { headers: seen } = json(await askSigned(open(), protocol, "/a/x", { headers }));
    const fields = seen as Record<string, string>;
    assert.equal(fields["x-forwarded-for"], "127.0.0.1");
    assert.equal(fields["x-forwarded-host"]?.split(":")[0], FRONT_HOST);
    assert.equal(fields["x-forwarded-proto"], "https");

    const before = asked.length;
    const given = await askSigned(open(), protocol, "/a/orders");
    assert.equal(json(given)["target"], "/a/orders");
    assert.deepEqual(asked.slice(before), ["/a/orders"]);
  });
}

async function checkSockets(front: Front): Promise<void> {
  const bridge = await bridgeTls(front);
  try {
    const signature = await signSandboxRequest({ method: "GET", path: "/ws/chat" }, {
      secret: parseSigningSecret(SECRET),
    });
    const fields = { host: FRONT_HOST, "x-sandbox-signature": signature };
    const { status, peer } = await dialPeer(bridge.port, "/ws/chat", fields);
    assert.equal(status, 101);
    peer.send(1, "hello");
    assert.equal(await peer.readText(), "1:hello");
    peer.send(2, Buffer.alloc(1024 * 1024, 98));
    assert.equal((await peer.read())?.payload.length, 1024 * 1024);
    peer.send(1, "bye");
    assert.equal(await peer.readText(), "8:4001:own reason");
    peer.sendClose(4001, "own reason");
    assert.equal(await peer.readText(), "end");

    const unsigned = await dialPeer(bridge.port, "/ws/chat", { host: FRONT_HOST });
    assert.equal(unsigned.status, 403);
    unsigned.body().catch(() => {});
  } finally {
    bridge.close();
  }
}
