/** The real runtime for tests. @module */

import process from "node:process";
import { openRuntime } from "../../lib/runtime/mod.ts";
import type { Runtime } from "../../lib/ports.ts";

/** The runtime the tests run on: real files, sockets and processes. */
export function testRuntime(): Promise<Runtime> {
  return openRuntime();
}

/** Program and arguments that run a TypeScript file on the runtime the tests run on. */
export function runtimeCommand(
  file: string,
): readonly [program: string, args: readonly string[]] {
  if ("Deno" in globalThis) {
    return [process.execPath, ["run", "-A", "--no-check", "--quiet", file]];
  }
  if ("Bun" in globalThis) return [process.execPath, [file]];
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const stripsTypes = major > 22 || (major === 22 && minor >= 18);
  return [
    process.execPath,
    [...(stripsTypes ? [] : ["--import", import.meta.resolve("tsx")]), file],
  ];
}
