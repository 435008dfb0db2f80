/** Starts programs of this folder on the runtime the tests run on. @module */

import { spawn } from "node:child_process";
import type { ChildProcess, StdioOptions } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../helpers/runtime.ts";

/** Which runtime this is. */
export const RUNTIME: "node" | "deno" | "bun" = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : "node";

/** Command and arguments that run a program of this folder. */
export function programCommand(file: string, args: readonly string[] = []): string[] {
  const [program, before] = runtimeCommand(fileURLToPath(new URL(file, import.meta.url)));
  return [program, ...before, ...args];
}

/** Runs a program of this folder. */
export function startProgram(
  file: string,
  args: readonly string[] = [],
  stdio: StdioOptions = ["pipe", "pipe", "inherit"],
): ChildProcess {
  const [command, ...rest] = programCommand(file, args);
  return spawn(command as string, rest, { stdio });
}

/** The exit code, `null` after a signal. */
export function untilExit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

/** The first line on standard output. */
export function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk);
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    child.once("exit", () => reject(new Error(`Ended before its first line: ${text}`)));
  });
}
