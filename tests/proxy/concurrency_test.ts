import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { connectRaw } from "../runtime/_raw.ts";
import type { RawConnection } from "../runtime/_raw.ts";
import { createAtiDirectory, removeDirectory, startServer, startUpstream } from "./_server.ts";
import { upstreamManifest } from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const CAP = 2;

let directory = "";
let upstream: TestUpstream;
let server: TestServer;
/** Answers that have begun and not ended. */
const held: ServerResponse[] = [];

before(async () => {
  upstream = await startUpstream((request, response) => {
    if (request.url === "/reset") return void request.socket.destroy();
    if (request.url === "/quick") return void response.end("quick");
    response.write("begun\n");
    held.push(response);
  });
  directory = createAtiDirectory({
    "manifests/few.toml": upstreamManifest("few", upstream.url, `max_concurrent_requests = ${CAP}`),
    "manifests/any.toml": upstreamManifest("any", upstream.url),
    "credentials": JSON.stringify({ few_key: "few-credential", any_key: "any-credential" }),
  });
  server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

/** Begins a request whose answer goes on until told. */
async function hold(path = "/few/hold"): Promise<RawConnection> {
  const client = await connectRaw(server.port);
  client.socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  await client.until((text) => text.includes("begun") || text.includes("route_busy"));
  return client;
}

async function holdAll(): Promise<RawConnection[]> {
  const clients = [];
  for (let count = 0; count < CAP; count++) clients.push(await hold());
  for (const client of clients) assert.match(client.received(), / 200 /);
  return clients;
}

/** Waits until a place is free again; the proxy learns of an end some moments after the client. */
async function untilFree(): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { status } = await server.get("/few/quick");
    if (status === 200) return;
    assert.ok(status === 503 && Date.now() < deadline, "the place is given back");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("requests beyond max_concurrent_requests get 503 and Retry-After", async () => {
  const clients = await holdAll();
  const busy = await server.get("/few/quick");
  assert.equal(busy.status, 503);
  assert.equal(busy.headers.get("retry-after"), "1");
  assert.equal((await busy.json() as { reason: string }).reason, "route_busy");
  assert.equal((await server.get("/any/quick")).status, 200, "other routes are not concerned");
  for (const response of held.splice(0)) response.end();
  await Promise.all(clients.map(({ closed }) => closed));
  await untilFree();
});

test("a place is given back when the client goes away", TEST_OPTIONS, async () => {
  for (let round = 0; round < 3; round++) {
    for (const { socket } of await holdAll()) socket.destroy();
    await untilFree();
    // All of them: two more fit again.
    for (const { socket } of await holdAll()) socket.destroy();
    await untilFree();
  }
  held.splice(0);
});

test("a place is given back when the upstream breaks off, before or inside its answer", async () => {
  for (let round = 0; round <= CAP; round++) {
    assert.equal((await server.get("/few/reset")).status, 502);
  }
  const clients = await holdAll();
  for (const response of held.splice(0)) response.destroy();
  await Promise.all(clients.map(({ closed }) => closed));
  await untilFree();
});

test("what is under way counts across reloads, also against another cap", async () => {
  const clients = await holdAll();
  const manifest = join(directory, "manifests/few.toml");
  for (const [round, cap] of [CAP, 1, CAP + 1].entries()) {
    const extra = `max_concurrent_requests = ${cap}`;
    writeFileSync(manifest, upstreamManifest("few", upstream.url, extra));
    process.kill(server.child.pid!, "SIGHUP");
    await server.waitFor("reloaded", round);
    const expected = cap > CAP ? 200 : 503;
    assert.equal((await server.get("/few/quick")).status, expected, `a cap of ${cap}`);
  }
  for (const { socket } of clients) socket.destroy();
  held.splice(0);
});

test(
  "a WebSocket takes a place until it is closed",
  TEST_OPTIONS,
  () =>
    withBench({ manifest: "max_concurrent_requests = 1" }, async ({ open, server }) => {
      const { client, upstream } = await open();
      assert.equal((await server.get("/ws")).status, 503);
      client.sendClose(1000);
      assert.match(await upstream.readText(), /^8:1000/);
      upstream.sendClose(1000);
      await client.closed;
      const deadline = Date.now() + 10_000;
      while ((await server.get("/ws")).status === 503) assert.ok(Date.now() < deadline);
    }),
);
