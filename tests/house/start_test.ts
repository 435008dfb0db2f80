import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import process from "node:process";
import type { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { npmCommand } from "../runtimes/install.ts";
import { ROOT } from "./_tree.ts";

const START_TIMEOUT_MS = 60_000;
const [npm, ...npmArgs] = npmCommand();
let program: ChildProcessByStdio<null, Readable, Readable>;
let commands: readonly string[] = [];
let state = "";

before(async () => {
  program = spawn(npm, [...npmArgs, "start"], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(output)), START_TIMEOUT_MS);
    for (const stream of [program.stdout, program.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (/Ctrl-C stops it/.test(output)) {
          clearTimeout(timer);
          resolve();
        }
      });
    }
    program.on("exit", () => reject(new Error(output)));
  });
  commands = output.split("\n").filter((line) => /^(?:curl|t=)/.test(line));
  state = /^ +State +(\S+)/m.exec(output)?.[1] ?? "";
});

after(() => {
  try {
    if (program.pid !== undefined) process.kill(-program.pid, "SIGKILL");
  } catch {
    // The last test has ended it.
  }
});

/** Runs a printed command as a reader does: pasted into a shell. */
function paste(pattern: RegExp): Record<string, unknown> {
  const command = commands.find((line) => pattern.test(line)) ?? "";
  assert.notEqual(command, "", commands.join("\n"));
  const text = execFileSync("bash", ["-c", command], { encoding: "utf8", timeout: 20_000 });
  return JSON.parse(text) as Record<string, unknown>;
}

test("npm start prints a request that says who the token makes you", () => {
  const answer = paste(/\/whoami/);
  assert.equal(typeof answer["sub"], "string");
  assert.ok(Number(answer["expires_in_seconds"]) > 0);
});

test("npm start prints a request that is refused for want of a signature", () => {
  assert.equal(paste(/^curl .*\/echo\/hello$/)["reason"], "missing_signature");
});

test("npm start prints a signed request that reaches the upstream with the credential", () => {
  const answer = JSON.stringify(paste(/openssl/));
  assert.match(answer, /"authorization":"Bearer [^"]+"/i);
  assert.doesNotMatch(answer, /x-sandbox-signature/i);
});

test("Ctrl-C ends npm start and removes what it made", async () => {
  assert.ok(existsSync(state), state);
  // npm may be gone before what it started: only then are the pipes of both closed.
  const closed = once(program, "close");
  process.kill(-(program.pid ?? 0), "SIGINT");
  await closed;
  assert.equal(existsSync(state), false);
});
