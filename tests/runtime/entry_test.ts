import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { testRuntime } from "../helpers/runtime.ts";
import { createEntry, isMainModule } from "../../lib/runtime/mod.ts";
import { firstLine, RUNTIME, startProgram, untilExit } from "./_program.ts";

describe("createEntry()", () => {
  it("listens by itself, once, when the module is the program", async () => {
    await withProgram(startProgram("_entry_program.ts"), async (child) => {
      const line = await firstLine(child);
      assert.match(line, /^listens itself on \d+$/);
      const response = await fetch(`http://127.0.0.1:${line.split(" ").at(-1)}/`);
      assert.equal(await response.text(), "served");
    });
  });

  if (RUNTIME === "deno") {
    it("leaves listening to deno serve", async () => {
      const port = await freePort();
      const path = fileURLToPath(new URL("_entry_program.ts", import.meta.url));
      const args = ["serve", "-A", "--no-check", "--quiet", "--host", "127.0.0.1", "--port"];
      const child = spawn(process.execPath, [...args, String(port), path], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
      await withProgram(child, async () => {
        assert.equal(await untilServed(port), "served");
        assert.equal(output, "");
      });
    });
  }

  it("hands out the handler, and does not listen, when the module is imported", async () => {
    const runtime = await testRuntime();
    let hasListened = false;
    const entry = createEntry(runtime, {
      isMain: false,
      handler: () => new Response("served"),
      listen: () => hasListened = true,
    });
    const info = RUNTIME === "deno" ? { remoteAddr: {} } : undefined;
    const response = await entry.fetch?.(new Request("http://localhost/"), info);
    assert.equal(await response?.text(), "served");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(hasListened, false);
  });

  it("exports no handler that Bun would serve beside the program", async () => {
    const runtime = { ...await testRuntime(), name: "bun" as const };
    const options = { handler: () => new Response(), listen: () => {} };
    assert.deepEqual(createEntry(runtime, { ...options, isMain: true }), {});
    const imported = createEntry(runtime, { ...options, isMain: false });
    assert.deepEqual(Object.keys(imported), ["fetch", "websocket"]);
  });
});

describe("isMainModule()", () => {
  it("believes the runtime where it tells", () => {
    assert.equal(isMainModule({ main: true, url: "file:///x" } as unknown as ImportMeta), true);
    assert.equal(isMainModule({ main: false, url: "file:///x" } as unknown as ImportMeta), false);
  });

  it("compares with the program's path where it does not", () => {
    const script = process.argv[1];
    const meta = (url: string): ImportMeta => ({ url }) as ImportMeta;
    assert.equal(isMainModule(meta("file:///no/such/file.ts")), false);
    assert.equal(isMainModule(meta("data:text/javascript,0")), false);
    assert.equal(isMainModule(meta(`file://${script}`)), true);
  });
});

async function withProgram(
  child: ChildProcess,
  use: (child: ChildProcess) => Promise<void>,
): Promise<void> {
  try {
    await use(child);
  } finally {
    child.kill("SIGKILL");
    await untilExit(child);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function untilServed(port: number): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/`)).text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20)); // not up yet
    }
  }
}
