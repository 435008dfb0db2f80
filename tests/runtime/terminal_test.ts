import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { readHiddenLine } from "../../lib/runtime/_hidden_line.ts";
import { programCommand, startProgram, untilExit } from "./_program.ts";

class FakeTerminal extends EventEmitter {
  readonly modes: boolean[] = [];
  isPaused = true;
  setRawMode(raw: boolean): void {
    this.modes.push(raw);
  }
  resume(): void {
    this.isPaused = false;
  }
  pause(): void {
    this.isPaused = true;
  }
}

describe("readHiddenLine()", () => {
  const cases: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ["reads up to Enter", ["pass", "word\r"], "password"],
    ["takes a pasted line", ["pasted\nnext line\n"], "pasted"],
    ["knows backspace", ["abx\x7fc\bd\r"], "abd"],
    ["deletes whole characters", ["a😀\x7fb\r"], "ab"],
    ["starts over on Ctrl-U", ["wrong\x15right\r"], "right"],
    ["ignores arrow keys and bracketed paste", ["a\x1b[D\x1b[200~b\x1b[201~\x1bOAc\r"], "abc"],
    ["returns an empty line", ["\r"], ""],
    ["cancels on Ctrl-C", ["secret\x03"], undefined],
    ["cancels on Ctrl-D in an empty line", ["\x04"], undefined],
    ["takes Ctrl-D as nothing inside a line", ["a\x04b\r"], "ab"],
  ];
  for (const [title, keys, expected] of cases) {
    it(title, async () => {
      const input = new FakeTerminal();
      let shown = "";
      const line = readHiddenLine(input, (text) => shown += text, "Value: ");
      for (const key of keys) input.emit("data", new TextEncoder().encode(key));
      assert.equal(await line, expected);
      assert.equal(shown, "Value: \n");
      assert.deepEqual(input.modes, [true, false]);
      assert.equal(input.isPaused, true);
      assert.equal(input.listenerCount("data") + input.listenerCount("end"), 0);
    });
  }

  it("decodes a character that arrives in two pieces", async () => {
    const input = new FakeTerminal();
    const line = readHiddenLine(input, () => {}, "");
    input.emit("data", Uint8Array.of(0xc3));
    input.emit("data", Uint8Array.of(0xa9, 0x0d));
    assert.equal(await line, "é");
  });

  it("cancels when the input ends", async () => {
    const input = new FakeTerminal();
    const line = readHiddenLine(input, () => {}, "");
    input.emit("data", "half");
    input.emit("end");
    assert.equal(await line, undefined);
    assert.deepEqual(input.modes, [true, false]);
  });
});

describe("processTerminal", () => {
  it("write() is out before the process exits, however long", async () => {
    const child = startProgram("_terminal_program.ts", ["long"]);
    let size = 0;
    child.stdout?.on("data", (chunk: Uint8Array) => size += chunk.length);
    const ended = new Promise((resolve) => child.stdout?.once("end", resolve));
    assert.equal(await untilExit(child), 7);
    await ended;
    assert.equal(size, 2_000_000);
  });

  it("write() ends quietly when the reader went away", async () => {
    const [command, ...args] = programCommand("_terminal_program.ts", ["lines"]);
    const script = '{ "$@"; echo "code $?" >&3; } 3>&2 | head -n 1';
    const child = spawn("sh", ["-c", script, "sh", `${command}`, ...args]);
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => errors += new TextDecoder().decode(chunk));
    await new Promise((resolve) => child.once("close", resolve));
    assert.equal(output, "line\n");
    assert.equal(errors, "code 7\n");
  });

  it("readInput() takes the largest input and refuses one byte more", async () => {
    for (const [input, answer] of [["0123456789", "10"], ["0123456789a", "ERR_FILE_READ"]]) {
      const child = startProgram("_terminal_program.ts", ["input"]);
      child.stdin?.end(input);
      let output = "";
      child.stdout?.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
      const ended = new Promise((resolve) => child.stdout?.once("end", resolve));
      assert.equal(await untilExit(child), 7);
      await ended;
      assert.equal(output, answer);
    }
  });

  it("isTerminal(), columns() and readHidden() know that pipes are none", async () => {
    const child = startProgram("_terminal_program.ts", ["facts"]);
    child.stdin?.end();
    let output = "";
    child.stdout?.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
    const ended = new Promise((resolve) => child.stdout?.once("end", resolve));
    await untilExit(child);
    await ended;
    assert.equal(output, "false false undefined undefined");
  });
});
