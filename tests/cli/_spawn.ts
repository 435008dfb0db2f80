/** `cli.ts` as a process of its own, on the runtime that runs the tests. @module */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../helpers/runtime.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLI = `${ROOT}cli.ts`;
const LIMIT_MS = 60_000;

/** The command that starts the command line here, to be followed by its arguments. */
export const COMMAND: readonly string[] = runtimeCommand(CLI).flat();

/** What a process is given. */
export interface SpawnInput {
  /** Variables; of the tests' own environment only what programs need is handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; none is an empty one. */
  readonly input?: string;
  /** Working folder. */
  readonly cwd?: string;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export interface Running {
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
  /** Sends a signal; nothing happens when the process is gone. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGHUP"): void;
  /** Resolves with all output so far once one of the streams matches. */
  until(pattern: RegExp): Promise<string>;
}

/** Runs `ati` to its end. */
export async function ati(args: readonly string[], input: SpawnInput = {}): Promise<Ended> {
  return await run([...COMMAND, ...args], input);
}

/** Runs a program to its end. */
export async function run(command: readonly string[], input: SpawnInput = {}): Promise<Ended> {
  return await start(command, input).ended;
}

/** Starts `ati` and ends it when the test ends: by SIGTERM, so that it tidies up. */
export function startAti(t: TestContext, args: readonly string[], input: SpawnInput = {}): Running {
  const running = start([...COMMAND, ...args], input);
  t.after(async () => {
    running.signal("SIGTERM");
    await running.ended;
  });
  return running;
}

/** A fresh folder, removed when the test ends. */
export async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ati-cli-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a program; it is killed when it takes too long. */
export function start([command = "", ...args]: readonly string[], input: SpawnInput): Running {
  const { PATH = "", TMPDIR = tmpdir() } = process.env;
  const child = spawn(command, args, {
    cwd: input.cwd ?? ROOT,
    env: { PATH, TMPDIR, HOME: "/nonexistent", ...input.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const text = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8");
    child[stream].on("data", (chunk: string) => {
      text[stream] += chunk;
      for (const watch of watchers) watch();
    });
  }
  child.stdin.on("error", () => {}); // the program may end without reading it
  child.stdin.end(input.input ?? "");
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, ...text });
    });
  });
  return {
    pid: child.pid,
    ended,
    // Not child.kill(), after which Deno tells the signal instead of the exit code.
    signal(name) {
      if (child.exitCode === null && child.pid !== undefined) process.kill(child.pid, name);
    },
    until: (pattern) => waitFor(pattern, { text, watchers, ended }),
  };
}

function waitFor(
  pattern: RegExp,
  { text, watchers, ended }: {
    readonly text: Readonly<Record<"stdout" | "stderr", string>>;
    readonly watchers: Set<() => void>;
    readonly ended: Promise<Ended>;
  },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const watch = (): void => {
      if (!pattern.test(text.stdout) && !pattern.test(text.stderr)) return;
      watchers.delete(watch);
      resolve(text.stdout + text.stderr);
    };
    watchers.add(watch);
    watch();
    ended.then(
      ({ stderr }) => reject(new Error(`Ended before ${pattern} was seen: ${stderr}`)),
      reject,
    );
  });
}
