/** A machine in memory for `main()`: what it is asked is recorded, what it answers is given. @module */

import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { webHashes } from "../../lib/encoding/hashes.ts";
import { AtiError } from "../../lib/errors.ts";
import { main } from "../../lib/cli/main.ts";
import type { Runtime, SignalName, SpawnOptions, SpawnResult } from "../../lib/ports.ts";
import { createMemoryFiles, type MemoryFiles } from "../helpers/memory_files.ts";

/** What the machine holds. */
export interface FakeInput {
  /** Environment variables; `HOME` is `/home/u` unless given. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Standard input when it is a pipe. */
  readonly input?: string;
  /** What is typed at a hidden prompt. */
  readonly typed?: string;
  /** The streams that are terminals; default none. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
  /** Columns of the terminal. */
  readonly columns?: number;
  /** Runs a program: exit code and output, or an error to throw. */
  readonly spawn?: (call: SpawnCall) => FakeExit | AtiError;
  /** Processes that take signals. */
  readonly pids?: readonly number[];
}

/** One call of the spawn port. */
export interface SpawnCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How a fake program ends. */
export interface FakeExit {
  readonly code: number | null;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** The machine and its records. */
export interface FakeRuntime {
  readonly runtime: Runtime;
  readonly files: MemoryFiles;
  readonly calls: SpawnCall[];
  readonly signals: (readonly [pid: number, signal: SignalName])[];
  readonly prompts: string[];
  stdout(): string;
  stderr(): string;
}

/** What a command line did. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes a machine. */
export function createFakeRuntime(input: FakeInput = {}): FakeRuntime {
  const env = new Map(Object.entries({ HOME: "/home/u", ...input.env }));
  const files = createMemoryFiles(input.files);
  const written = { stdout: "", stderr: "" };
  const fake: FakeRuntime = {
    runtime: undefined as unknown as Runtime,
    files,
    calls: [],
    signals: [],
    prompts: [],
    stdout: () => written.stdout,
    stderr: () => written.stderr,
  };
  const unavailable = () => {
    throw new Error("Not in the fake runtime");
  };
  const runtime: Runtime = {
    name: "node",
    version: "20.18.1",
    pid: 4242,
    cwd: () => "/srv",
    env: { get: (name) => env.get(name), names: () => [...env.keys()] },
    files,
    terminal: {
      write: (stream, text) => {
        written[stream] += text;
      },
      flush: () => Promise.resolve(),
      isTerminal: (stream) => input.terminals?.includes(stream) ?? false,
      columns: () => input.columns,
      readInput: () => Promise.resolve(encodeUtf8(input.input ?? "")),
      readHidden: (prompt) => {
        fake.prompts.push(prompt);
        return Promise.resolve(input.typed);
      },
    },
    signals: {
      on: () => () => {},
      send: (pid, signal) => {
        fake.signals.push([pid, signal]);
        return input.pids?.includes(pid) ?? true;
      },
    },
    spawn: (command, args, options) => spawnFake(fake, input, { command, args, options }),
    schedule: () => () => {},
    hashes: webHashes,
    openLog: unavailable,
    listen: unavailable,
    openUpstream: unavailable,
  };
  return Object.assign(fake, { runtime });
}

/** Runs one command line on a fresh machine. */
export async function runFake(args: readonly string[], input: FakeInput = {}): Promise<Run> {
  return await runOn(createFakeRuntime(input), args);
}

/** Runs one command line on a machine; its output is that of all runs so far. */
export async function runOn(fake: FakeRuntime, args: readonly string[]): Promise<Run> {
  const code = await main(args, fake.runtime);
  return { code, stdout: fake.stdout(), stderr: fake.stderr() };
}

/** The one error object on standard error. */
export function errorOf(run: Run): Record<string, unknown> {
  return JSON.parse(run.stderr).error;
}

function spawnFake(
  fake: FakeRuntime,
  input: FakeInput,
  { command, args, options }: {
    readonly command: string;
    readonly args: readonly string[];
    readonly options: SpawnOptions | undefined;
  },
): Promise<SpawnResult> {
  const call = { command, args, env: options?.env ?? {} };
  fake.calls.push(call);
  const exit = input.spawn?.(call) ??
    new AtiError("ERR_SPAWN", `Cannot run ${command}: ENOENT`, { reason: "not_found" });
  if (exit instanceof AtiError) return Promise.reject(exit);
  return Promise.resolve({
    code: exit.code,
    stdout: encodeUtf8(exit.stdout ?? ""),
    stderr: encodeUtf8(exit.stderr ?? ""),
  });
}
