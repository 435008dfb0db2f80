/** Child processes without a shell. @module */

import process from "node:process";
import { AtiError } from "../errors.ts";
import { DEFAULT_SPAWN_TIMEOUT_MS, MAX_SPAWN_OUTPUT_BYTES } from "../limits.ts";
import type { SpawnOptions, SpawnResult } from "../ports.ts";
import { errnoOf } from "./_errno.ts";

type ChildProcess = import("node:child_process").ChildProcess;
type Readable = import("node:stream").Readable;

/**
 * Runs a program to its end: no shell, empty standard input, both outputs collected.
 *
 * @param command Name looked up in `PATH`, or a path.
 * @param args Arguments, handed over as they are.
 * @param options Added variables, deadline and output cap.
 * @throws {AtiError} `ERR_SPAWN`, reason `not_found` when there is no such program, `timeout` when it
 * was killed for taking too long, `failed` for anything else (also too much output). The message names
 * the program, never its arguments or output.
 */
export function spawnProcess(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<SpawnResult> {
  const { timeoutMs = DEFAULT_SPAWN_TIMEOUT_MS, maxBytes = MAX_SPAWN_OUTPUT_BYTES } = options;
  return new Promise((resolve, reject) => {
    const child = start(command, args, options);
    // Give up at once: a grandchild may hold the pipes open long after the child is gone.
    const giveUp = (error: AtiError): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => giveUp(spawnError(command, "timeout", `it ran longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    const overflow = (): void => giveUp(spawnError(command, "failed", "its output is too long"));
    const stdout = collect(child.stdout, maxBytes, overflow);
    const stderr = collect(child.stderr, maxBytes, overflow);
    child.on("error", (error) => {
      const errno = errnoOf(error);
      giveUp(spawnError(command, errno === "ENOENT" ? "not_found" : "failed", errno));
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: stdout(), stderr: stderr() });
    });
  });
}

function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const { spawn } = process.getBuiltinModule("node:child_process");
  try {
    return spawn(command, [...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
  } catch (error) {
    const errno = errnoOf(error); // Bun and Deno throw where Node emits
    throw spawnError(command, errno === "ENOENT" ? "not_found" : "failed", errno);
  }
}

function spawnError(command: string, reason: string, why: string): AtiError {
  return new AtiError("ERR_SPAWN", `Cannot run ${command}: ${why}`, {
    reason,
    hint: reason === "not_found" ? `install ${command} or give its full path` : undefined,
  });
}

function collect(stream: Readable | null, maxBytes: number, overflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  stream?.on("data", (chunk: Buffer) => {
    total += chunk.length;
    if (total > maxBytes) overflow();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks);
}
