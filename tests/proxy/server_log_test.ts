import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { createAtiDirectory, removeDirectory, serverCommand } from "./_server.ts";

const TEST_MS = 60_000;
/** Long enough that some thousand lines fill pipe and queue. */
const LONG_PATH = `/${"x".repeat(8000)}`;
const REQUESTS = 1600;
const AT_ONCE = 32;

/** A pipe with a name that is read when the test says so, and not before. */
interface Pipe {
  readonly path: string;
  /** Everything that can be read at once. */
  drain(): string;
  close(): void;
}

function createPipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), "atikit-pipe-"));
  const path = join(folder, "stderr");
  execFileSync("mkfifo", [path]);
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = new Uint8Array(64 * 1024);
  return {
    path,
    drain(): string {
      let text = "";
      for (;;) {
        try {
          const length = readSync(handle, buffer, 0, buffer.length, null);
          if (length === 0) return text;
          text += new TextDecoder("latin1").decode(buffer.subarray(0, length));
        } catch (error) {
          if ((error as { code?: string }).code === "EAGAIN") return text;
          throw error;
        }
      }
    },
    close(): void {
      closeSync(handle);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitUntil(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!isTrue()) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("requests go on while nobody reads the log, and what was dropped is counted", {
  timeout: TEST_MS,
}, async () => {
  const pipe = createPipe();
  const directory = createAtiDirectory({});
  const [program, args] = serverCommand();
  const child = spawn("sh", ["-c", 'exec "$0" "$@" 2>"$LOG_PIPE"', program, ...args], {
    env: {
      ...process.env,
      PORT: "0",
      ATI_DIR: directory,
      LOG_PIPE: pipe.path,
      ATI_LOG_LEVEL: "info",
    },
    stdio: "ignore",
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    let text = "";
    await waitUntil(() => (text += pipe.drain()).includes("server starting"), "no start-up record");
    const port = /"addr":"127\.0\.0\.1:(\d+)"/.exec(text)?.[1];
    const url = `http://127.0.0.1:${port}${LONG_PATH}`;

    let answered = 0;
    const ask = async (): Promise<void> => {
      while (answered < REQUESTS) {
        answered += 1;
        const response = await fetch(url);
        await response.body?.cancel();
        assert.equal(response.status, 404);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));

    text = "";
    await waitUntil(() => {
      text += pipe.drain();
      return text.length > 1_000_000 && text.endsWith("\n");
    }, "the queued lines never came");
    await (await fetch(`http://127.0.0.1:${port}/health`)).body?.cancel();
    await waitUntil(
      () => (text += pipe.drain()).includes("log lines dropped"),
      "no count of drops",
    );
    const lines = text.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
    const dropped = lines.map((line) => JSON.parse(line))
      .findLast(({ message }) => message === "log lines dropped");
    assert.ok(dropped.dropped_total > 0 && dropped.dropped_total < REQUESTS);
  } finally {
    child.kill("SIGKILL");
    await exited;
    pipe.close();
    removeDirectory(directory);
  }
});
