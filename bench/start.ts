/** How long the command takes to start, against the runtime doing nothing. @module */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { median } from "./_measure.ts";
import type { Measurement } from "./operations.ts";

const RUNS = 25;
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const ISSUE = ["token", "issue", "--sub", "agent-7", "--scope", "help"];
/** Made by `npm run build:binary`. */
const BINARY = "build/ati";

/** Measures the built command, the executable file where it was made, and an empty program, turn by turn. */
export function measureStart(): Measurement[] {
  const commands: Record<string, readonly string[]> = {
    "node, doing nothing": [process.execPath, "-e", "0"],
    "ati version": [process.execPath, "dist/ati.cjs", "version"],
    "ati token issue": [process.execPath, "dist/ati.cjs", ...ISSUE],
  };
  if (existsSync(BINARY)) {
    commands["build/ati version"] = [BINARY, "version"];
    commands["build/ati token issue"] = [BINARY, ...ISSUE];
  }
  const times = new Map<string, number[]>();
  for (let run = 0; run < RUNS; run++) {
    for (const [name, command] of Object.entries(commands)) {
      times.set(name, [...(times.get(name) ?? []), runOnce(name, command)]);
    }
  }
  return [...times].map(([name, values]) => ({
    name,
    figure: `${median(values).toFixed(0)} ms, at best ${Math.min(...values).toFixed(0)} ms`,
  }));
}

function runOnce(name: string, [program = "", ...args]: readonly string[]): number {
  const started = performance.now();
  // The variables that slow Node's own start, such as NODE_EXTRA_CA_CERTS, are left out.
  const { status, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ATI_JWT_SECRET: SECRET },
  });
  if (status !== 0) throw new Error(`Cannot measure ${name}: ${stderr}`);
  return performance.now() - started;
}
