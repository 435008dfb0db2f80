import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";

import { canonicalizeTarget } from "../../lib/passthrough/canonical_path.ts";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { forward } from "../../lib/passthrough/forward.ts";
import type { StreamEnd } from "../../lib/ports.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { startOrigin } from "./_origin.ts";
import type { Origin } from "./_origin.ts";
import { makeRoute } from "./_provider.ts";

/** A real server of this runtime that forwards everything to `origin`, and how each exchange ended. */
async function startRelay(
  t: { after: TestContext["after"] },
  origin: Origin,
): Promise<{ url: string; ends: StreamEnd[] }> {
  const runtime = await testRuntime();
  const { upstream, close } = await runtime.openUpstream(createFetchUpstream);
  const ends: StreamEnd[] = [];
  const route = makeRoute({
    base_url: origin.url,
    max_request_bytes: 1_000_000,
    max_response_bytes: 1_000_000,
  });
  const listener = await runtime.listen(async (request, info) => {
    const result = canonicalizeTarget(info?.rawTarget ?? new URL(request.url).pathname);
    if (!result.ok) return new Response(result.reason, { status: 400 });
    const onClose = (end: StreamEnd): void => void ends.push(end);
    try {
      return await forward({ route, request, target: result.target, onClose }, { upstream });
    } catch (error) {
      return new Response((error as { code?: string }).code ?? "unknown", { status: 502 });
    }
  }, { hostname: "127.0.0.1", port: 0 });
  t.after(async () => {
    await listener.close(0);
    await close();
  });
  return { url: `http://127.0.0.1:${listener.port}`, ends };
}

test("forward() keeps the declared length of a large upload on every runtime", async (t) => {
  const origin = await startOrigin(t, (request, response) => request.pipe(response));
  const { url } = await startRelay(t, origin);
  const body = new Uint8Array(300_000).map((_, index) => index % 251);
  const response = await fetch(`${url}/x/upload`, { method: "POST", body });
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), body);
  assert.equal(origin.requests[0]?.headers["content-length"], "300000");
  assert.equal(origin.requests[0]?.headers["transfer-encoding"], undefined);
});

test("forward() relays a large download whole", async (t) => {
  const body = new Uint8Array(300_000).map((_, index) => index % 251);
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "content-length": body.length });
    response.end(body);
  });
  const { url, ends } = await startRelay(t, origin);
  const response = await fetch(`${url}/x/download`);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), body);
  // Bun's server sends whatever streams in chunks and drops the length, its own fetch's body included.
  const length = "Bun" in globalThis ? null : "300000";
  assert.equal(response.headers.get("content-length"), length);
  assert.deepEqual(ends, [{ bytesSent: 300_000, bytesReceived: 0, error: undefined }]);
});

test("forward() relays compressed bytes as they are on every runtime", async (t) => {
  const plain = "hello ".repeat(500);
  const packed = gzipSync(plain);
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
    response.end(packed);
  });
  const { url } = await startRelay(t, origin);
  const response = await fetch(`${url}/x/packed`, { headers: { "accept-encoding": "gzip" } });
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.equal(response.headers.get("content-length"), String(packed.length));
  const bytes = new Uint8Array(await response.arrayBuffer());
  // The client here may decode on its own, or not: either way it has what was packed.
  const text = bytes.length === packed.length ? gunzipSync(bytes) : bytes;
  assert.equal(new TextDecoder().decode(text), plain);
});

test("forward() ends an exchange once, also when the client goes away", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    if (request.url === "/short") response.end();
  });
  const { url, ends } = await startRelay(t, origin);
  assert.equal(await (await fetch(`${url}/x/short`)).text(), "data: 1\n\n");
  assert.deepEqual(ends, [{ bytesSent: 9, bytesReceived: 0, error: undefined }]);

  const abort = new AbortController();
  const response = await fetch(`${url}/x/long`, { signal: abort.signal });
  await response.body!.getReader().read();
  const gone = new Promise((resolve) => origin.requests[1]!.socket.on("close", resolve));
  abort.abort();
  await gone;
  assert.equal(ends.length, 2);
  assert.equal(ends[1]?.error, "ERR_CLIENT_ABORTED");
});

test("forward() answers an unreachable upstream without its address", async (t) => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", () => resolve()));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  const { url, ends } = await startRelay(t, { url: `http://127.0.0.1:${port}`, requests: [] });
  const response = await fetch(`${url}/x/a`);
  assert.equal(await response.text(), "ERR_UPSTREAM_CONNECT");
  assert.deepEqual(ends, []);
});
