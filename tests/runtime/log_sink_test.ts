import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { MAX_QUEUED_LOG_BYTES, MAX_QUEUED_LOG_LINES } from "../../lib/limits.ts";
import { systemFiles as files } from "../../lib/runtime/files.ts";
import { createLineSink } from "../../lib/runtime/log_sink.ts";
import { programCommand, startProgram, untilExit } from "./_program.ts";

describe("createLineSink()", () => {
  it("writes lines in order, many in one write", async () => {
    const writes: string[] = [];
    const sink = createLineSink((bytes) => {
      writes.push(new TextDecoder().decode(bytes));
      return Promise.resolve();
    });
    for (const line of ["a", "b", "c"]) assert.equal(sink.write(line), true);
    await sink.flush(1000);
    assert.deepEqual(writes, ["a\nb\nc\n"]);
    assert.equal(sink.dropped(), 0);
  });

  it("drops and counts lines beyond the queue while the reader takes none", async () => {
    let release = (): void => {};
    const written: string[] = [];
    const sink = createLineSink((bytes) => {
      written.push(new TextDecoder().decode(bytes));
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    sink.write("first");
    await sink.flush(0);
    for (let line = 0; line < MAX_QUEUED_LOG_LINES; line++) assert.equal(sink.write("x"), true);
    assert.equal(sink.write("x"), false);
    assert.equal(sink.write("x"), false);
    assert.equal(sink.dropped(), 2);
    release();
    await sink.flush(0);
    assert.equal(sink.write("again"), true);
    assert.equal(written.length, 2);
    release();
  });

  it("drops lines beyond the queue's bytes", () => {
    const sink = createLineSink(() => new Promise(() => {}));
    assert.equal(sink.write("x".repeat(MAX_QUEUED_LOG_BYTES)), true);
    assert.equal(sink.write("x"), false);
    assert.equal(sink.dropped(), 1);
  });

  it("drops everything once writing failed, without an error", async () => {
    const sink = createLineSink(() => Promise.reject(new Error("EPIPE")));
    sink.write("lost");
    await sink.flush(1000);
    assert.equal(sink.write("lost too"), false);
    assert.equal(sink.dropped(), 2);
  });

  it("flush() gives up on a reader that takes nothing", async () => {
    const sink = createLineSink(() => new Promise(() => {}));
    sink.write("stuck");
    await sink.flush(20);
    assert.equal(sink.dropped(), 0);
  });
});

describe("openLog()", () => {
  it("goes on, and exits, when the reader of a pipe has stopped", async () => {
    const folder = await files.makeTemporaryDirectory("atikit-log-");
    const fifo = join(folder, "fifo");
    await untilExit(spawn("mkfifo", [fifo]));
    // Somebody has the pipe open for reading and never reads.
    const reader = openSync(fifo, constants.O_RDWR);
    const writer = openSync(fifo, constants.O_WRONLY);
    try {
      const child = startProgram("_log_program.ts", [], ["ignore", "pipe", writer]);
      assert.match(await outputOf(child), /^alive dropped=true\n$/);
    } finally {
      closeSync(reader);
      closeSync(writer);
      await files.remove(folder, { recursive: true });
    }
  });

  it("goes on, and exits, when the reader of a socket has stopped", async () => {
    // Node and Bun give their children sockets; what nobody reads stays in them.
    const child = startProgram("_log_program.ts", [], ["ignore", "pipe", "pipe"]);
    assert.match(await outputOf(child), /^alive dropped=true\n$/);
  });

  it("goes on when the reader is gone", async () => {
    const [command, ...args] = programCommand("_log_program.ts");
    const child = spawn(
      "sh",
      ["-c", '{ "$@" 2>&1 >&3 | true; } 3>&1', "sh", `${command}`, ...args],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    assert.match(await outputOf(child), /^alive dropped=true\n$/);
  });

  it("loses no line when the reader reads", async () => {
    const child = startProgram("_log_program.ts", ["few"], ["ignore", "pipe", "pipe"]);
    let log = "";
    child.stderr?.on("data", (chunk: Uint8Array) => {
      log += new TextDecoder().decode(chunk);
    });
    assert.equal(await outputOf(child), "alive dropped=false\n");
    assert.deepEqual(
      log.trimEnd().split("\n").map(Number),
      Array.from({ length: 500 }, (_, i) => i),
    );
  });
});

async function outputOf(child: ReturnType<typeof spawn>): Promise<string> {
  let output = "";
  child.stdout?.on("data", (chunk: Uint8Array) => {
    output += new TextDecoder().decode(chunk);
  });
  const ended = new Promise((resolve) => child.stdout?.once("end", resolve));
  const code = await untilExit(child);
  await ended;
  assert.equal(code, 0);
  return output;
}
