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

  it("writes every character, and lines of any length, as UTF-8", async () => {
    const lines = [
      "",
      "a",
      "\u00e9\u20ac\ud83d\ude00\u2028\u0000",
      "lone \ud800 and \udfff",
      "\udc00\ud800",
      "\ud83d",
      ...[21_844, 21_845, 21_846, 65_535, 65_536, 200_000].flatMap((length) =>
        ["x", "\u00e9", "\u20ac"].map((unit) => unit.repeat(length))
      ),
      "\ud83d\ude00".repeat(50_000),
      `${"x".repeat(65_530)}\ud83d\ude00`,
    ];
    // Once one by one, once all at once: blocks are used again, and grow.
    for (const isGathered of [false, true, false]) {
      const written: Uint8Array[] = [];
      const sink = createLineSink(async (bytes) => {
        // What is handed over must stay as it is until the write is through.
        await new Promise((resolve) => setTimeout(resolve, 1));
        written.push(Uint8Array.from(bytes));
      });
      for (const line of lines) {
        assert.equal(sink.write(line), true);
        if (!isGathered) await sink.flush(1000);
      }
      await sink.flush(5000);
      const expected = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
      const total = written.reduce((sum, { length }) => sum + length, 0);
      assert.equal(total, expected.length);
      let at = 0;
      for (const piece of written) {
        assert.ok(piece.every((byte, index) => byte === expected[at + index]));
        at += piece.length;
      }
    }
  });

  it("keeps the lines of a write that is under way while others come", async () => {
    const gates: (() => void)[] = [];
    const written: string[] = [];
    const sink = createLineSink((bytes) =>
      new Promise((resolve) =>
        gates.push(() => {
          written.push(new TextDecoder().decode(bytes));
          resolve();
        })
      )
    );
    for (let turn = 0; turn < 6; turn++) {
      sink.write(`${turn}`.repeat(turn % 2 === 0 ? 10 : 70_000));
      await sink.flush(0);
    }
    const flushed = sink.flush(5000);
    while (written.join("").length < 3 * 11 + 3 * 70_001) {
      gates.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await flushed;
    const lines = written.join("").trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line[0]), ["0", "1", "2", "3", "4", "5"]);
    assert.ok(lines.every((line) => line === line[0]?.repeat(line.length)));
    assert.equal(sink.dropped(), 0);
  });

  it("counts each line it could not write, waiting and under way, and each after that", async () => {
    let fail = (): void => {};
    const sink = createLineSink(() =>
      new Promise((_resolve, reject) => fail = () => reject(new Error("EPIPE")))
    );
    sink.write("a");
    sink.write("b");
    await sink.flush(0);
    sink.write("c");
    fail();
    await sink.flush(1000);
    assert.equal(sink.dropped(), 3);
    assert.equal(sink.write("d"), false);
    assert.equal(sink.dropped(), 4);
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
