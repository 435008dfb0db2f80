import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { MAX_UPSTREAM_POOLS } from "../../lib/limits.ts";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import type { Upstream, UpstreamRequest } from "../../lib/ports.ts";
import { createBoundedCache } from "../../lib/runtime/_bounded_cache.ts";
import { openHttpUpstream } from "../../lib/runtime/upstream_http.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { makeUpstreamRequest } from "../passthrough/_origin.ts";

test("createBoundedCache() makes a value once and retires the first made", () => {
  const retired: string[] = [];
  const cache = createBoundedCache<string>(2, (value) => void retired.push(value));
  assert.equal(cache.get("a", () => "one"), "one");
  assert.equal(cache.get("a", () => "another"), "one");
  cache.get("b", () => "two");
  assert.deepEqual(retired, []);
  cache.get("c", () => "three");
  assert.deepEqual(retired, ["one"]);
  assert.equal(cache.get("b", () => "another"), "two");
  assert.deepEqual([cache.takeAll(), cache.takeAll(), retired], [["two", "three"], [], ["one"]]);
});

/** An upstream that counts its connections; `/held` waits for `release`. */
async function startCounting() {
  const sockets = new Set<Socket>();
  let release = (): void => {};
  const server = createServer((request, response) => {
    if (request.url === "/held") {
      response.write("a");
      release = () => response.end("b");
    } else response.end("ok");
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    release: () => release(),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function ask(upstream: Upstream, url: string, change: Partial<UpstreamRequest>) {
  const answer = await upstream(makeUpstreamRequest(url, {
    deadlines: { connectMs: 5000, headersMs: 0, idleMs: 0, totalMs: 0 },
    keepAliveMs: 60_000,
    ...change,
  }));
  return answer.respond({ status: 200, statusText: "", headers: [] });
}

const runtime = await testRuntime();
const WAYS = {
  "the runtime's own call": () => runtime.openUpstream(createFetchUpstream),
  "the fallback over node:http": () => Promise.resolve(openHttpUpstream()),
};

for (const [what, open] of Object.entries(WAYS)) {
  test(`1000 reloads with other deadlines leave few connections, and cut none: ${what}`, {
    timeout: 60_000,
  }, async () => {
    const peer = await startCounting();
    const { upstream, close } = await open();
    try {
      const held = await ask(upstream, `${peer.url}/held`, { keepAliveMs: 59_999 });
      let most = 0;
      for (let round = 0; round < 1000; round++) {
        const response = await ask(upstream, peer.url, {
          keepAliveMs: 60_000 + round,
          deadlines: { connectMs: 5000 + round, headersMs: 0, idleMs: 0, totalMs: 0 },
        });
        assert.equal(await response.text(), "ok");
        most = Math.max(most, peer.sockets.size);
      }
      // Those kept, the one held, and a few whose end is on its way.
      assert.ok(most <= MAX_UPSTREAM_POOLS + 16, `${most} connections`);
      peer.release();
      assert.equal(await held.text(), "ab");
    } finally {
      await close();
      peer.close();
    }
  });
}
