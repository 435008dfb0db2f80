import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { RUNTIME } from "../runtime/_program.ts";
import {
  createAtiDirectory,
  removeDirectory,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer } from "./_server.ts";

const TEST_MS = 60_000;

interface Held {
  readonly server: TestServer;
  readonly directory: string;
  /** Answers of the upstream that wait for the test to end them; but for `/silent` they have sent "a". */
  readonly open: ServerResponse[];
  waitForOpen(count: number): Promise<void>;
}

/** A server in front of an upstream that keeps its answers open. */
async function withHeldUpstream(run: (held: Held) => Promise<void>): Promise<void> {
  const open: ServerResponse[] = [];
  const upstream = await startUpstream((request, response) => {
    if (request.url !== "/silent") response.write("a");
    open.push(response);
  });
  const directory = createAtiDirectory({
    "manifests/slow.toml": upstreamManifest("slow", upstream.url),
    "credentials": '{"slow_key":"one","sandbox_signing_shared_secret":"00"}',
  });
  const server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" });
  const waitForOpen = async (count: number): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (open.length < count) {
      assert.ok(Date.now() < deadline, `${open.length} of ${count} requests reached the upstream`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    await run({ server, directory, open, waitForOpen });
  } finally {
    await server.kill();
    await upstream.close();
    removeDirectory(directory);
  }
}

test(
  "SIGTERM lets a request finish, takes no new one, and exits with 0",
  { timeout: TEST_MS },
  () =>
    withHeldUpstream(async ({ server, open, waitForOpen }) => {
      const response = await server.get("/slow/a");
      await waitForOpen(1);
      process.kill(server.child.pid!, "SIGTERM");
      await server.waitFor("draining: no new connections");
      await assert.rejects(async () => {
        // The listening socket is closed a moment after the line was written.
        for (let attempt = 0; attempt < 100; attempt++) {
          await (await server.get("/health")).body?.cancel();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      assert.equal(server.child.exitCode, null);
      open[0]?.end("b");
      assert.equal(await response.text(), "ab");
      assert.equal(await server.exited, 0, server.output());
      assert.match(server.output(), /ATI proxy server stopped/);
      const record = server.records().find(({ path }) => path === "/slow/a");
      assert.deepEqual([record?.["status"], record?.["bytes_sent"]], [200, 2]);
    }),
);

test(
  "a second SIGTERM cuts off what is still open",
  { timeout: TEST_MS },
  () =>
    withHeldUpstream(async ({ server, waitForOpen }) => {
      const response = await server.get("/slow/a");
      await waitForOpen(1);
      process.kill(server.child.pid!, "SIGTERM");
      await server.waitFor("draining: no new connections");
      process.kill(server.child.pid!, "SIGTERM");
      await assert.rejects(response.text());
      assert.equal(await server.exited, 0, server.output());
    }),
);

test(
  "50 requests in flight survive a reload of everything",
  { timeout: TEST_MS },
  () =>
    withHeldUpstream(async ({ server, directory, open, waitForOpen }) => {
      const pending = Array.from({ length: 50 }, () => server.get("/slow/a"));
      await waitForOpen(50);
      writeFileSync(join(directory, "credentials"), '{"slow_key":"two"}');
      process.kill(server.child.pid!, "SIGHUP");
      await server.waitFor("reloaded");
      for (const response of open) response.end("b");
      const texts = await Promise.all(pending.map(async (each) => await (await each).text()));
      assert.deepEqual(new Set(texts), new Set(["ab"]));
      assert.equal(texts.length, 50);
    }),
);

test("a client that goes away ends the upstream's request too, and is logged once as such", {
  timeout: TEST_MS,
}, () =>
  withHeldUpstream(async ({ server, open, waitForOpen }) => {
    const waitForRecord = async (path: string): Promise<Record<string, unknown>> => {
      const deadline = Date.now() + 20_000;
      for (;;) {
        const [record] = server.records().filter((each) => each["path"] === path);
        if (record !== undefined) return record;
        assert.ok(Date.now() < deadline, `no record of ${path}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    for (const [index, path] of ["/slow/silent", "/slow/begun"].entries()) {
      const abort = new AbortController();
      const given = fetch(server.url + path, { signal: abort.signal }).catch(() => undefined);
      await waitForOpen(index + 1);
      const closed = new Promise((resolve) => open[index]?.once("close", resolve));
      if (path === "/slow/begun") await given;
      abort.abort();
      await closed;
      const record = await waitForRecord(path);
      const expected = path === "/slow/silent"
        ? { status: 499, error_code: "ERR_CLIENT_ABORTED", aborted: undefined }
        : { status: 499, error_code: undefined, aborted: true };
      const { status, error_code, aborted } = record;
      assert.deepEqual({ status, error_code, aborted }, expected, path);
      await given;
    }
    await (await server.get("/health")).text();
    const lines = server.records().filter(({ route }) => route === "slow");
    assert.equal(lines.length, 2);
  }));

test("a client that goes away inside a small upload is logged as such", {
  timeout: TEST_MS,
}, () =>
  withHeldUpstream(async ({ server }) => {
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("POST /slow/u HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\nabcd");
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.destroy();
    const deadline = Date.now() + 20_000;
    while (!server.records().some(({ path }) => path === "/slow/u")) {
      assert.ok(Date.now() < deadline, "no record");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const record = server.records().find(({ path }) => path === "/slow/u");
    // The upstream here answers before it has read the body; on Deno and Bun a small body goes out whole.
    const expected = RUNTIME !== "node"
      ? { status: 499, error_code: "ERR_CLIENT_ABORTED", aborted: undefined }
      : { status: 499, error_code: undefined, aborted: true };
    const { status, error_code, aborted } = record ?? {};
    assert.deepEqual({ status, error_code, aborted }, expected);
  }));
