import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createAtiDirectory, removeDirectory, runServer, startServer } from "./_server.ts";

const TEST_MS = 60_000;
const SERVER = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "server.ts");

test("server.ts as a module reads nothing until the first request, then serves", async () => {
  const { default: server } = await import("../../server.ts");
  const directory = createAtiDirectory({});
  process.env["ATI_DIR"] = directory;
  process.env["ATI_LOG_LEVEL"] = "error";
  try {
    const response = await server.fetch?.(new Request("http://localhost/health"));
    assert.equal(response?.status, 200);
    assert.equal((await response?.json() as Record<string, unknown>)["status"], "ok");
  } finally {
    delete process.env["ATI_DIR"];
    delete process.env["ATI_LOG_LEVEL"];
    removeDirectory(directory);
  }
});

// `deno serve` is a way to run it that the other runtimes do not have.
if ("Deno" in globalThis) {
  const serve = (...permissions: string[]) =>
    [
      process.execPath,
      ["serve", ...permissions, "--no-check", "--port", "0", "--host", "127.0.0.1", SERVER],
    ] as const;

  test("deno serve listens for server.ts, with few permissions", { timeout: TEST_MS }, async () => {
    const directory = createAtiDirectory({});
    const command = serve("--allow-env", "--allow-net", "--allow-read");
    const server = await startServer({ ATI_DIR: directory }, command);
    try {
      assert.equal((await server.get("/health")).status, 200);
      assert.equal((await server.get("/whoami")).status, 200);
      process.kill(server.child.pid!, "SIGHUP");
      await server.waitFor("reloaded");
      process.kill(server.child.pid!, "SIGTERM");
      assert.equal(await server.exited, 0);
      const starts = server.records().filter(({ message }) => /starting/.test(String(message)));
      assert.equal(starts.length, 1);
    } finally {
      await server.kill();
      removeDirectory(directory);
    }
  });

  test("deno serve does not listen with a broken configuration", { timeout: TEST_MS }, async () => {
    const { exited, output } = runServer({ ATI_DIR: "/nonexistent" }, serve("-A"));
    assert.equal(await exited, 1);
    assert.match(output(), /^error: No manifests directory/m);
  });
}
