/** How long the command takes to start, against the runtime doing nothing. @module */

import { spawnSync } from "node:child_process";
import process from "node:process";
import { median } from "./_measure.ts";
import type { Measurement } from "./operations.ts";

const RUNS = 15;
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);

/** Measures the built command and an empty program, turn by turn. */
export function measureStart(): Measurement[] {
  const commands: Readonly<Record<string, readonly string[]>> = {
    "node, doing nothing": ["-e", "0"],
    "ati version": ["dist/ati.cjs", "version"],
    "ati token issue": ["dist/ati.cjs", "token", "issue", "--sub", "agent-7", "--scope", "help"],
  };
  const times = new Map<string, number[]>();
  for (let run = 0; run < RUNS; run++) {
    for (const [name, args] of Object.entries(commands)) {
      const started = performance.now();
      const { status, stderr } = spawnSync(process.execPath, args, {
        encoding: "utf8",
        env: { ATI_JWT_SECRET: SECRET },
      });
      if (status !== 0) throw new Error(`Cannot measure ${name}: ${stderr}`);
      times.set(name, [...(times.get(name) ?? []), performance.now() - started]);
    }
  }
  return [...times].map(([name, values]) => ({
    name,
    figure: `${median(values).toFixed(0)} ms, at best ${Math.min(...values).toFixed(0)} ms`,
  }));
}
