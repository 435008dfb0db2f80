/**
 * The benchmarks: `npm run bench [-- operations start proxy]`. Loopback only, two to six minutes.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { nativeHashes } from "../lib/runtime/hashes.ts";
import { measureOperations } from "./operations.ts";
import type { Measurement } from "./operations.ts";
import { measureProxy } from "./proxy.ts";
import { measureStart } from "./start.ts";

/** What is measured is printed as it comes; progress goes to standard error. */
const PARTS: Readonly<Record<string, () => Promise<string>>> = {
  operations: async () => formatLines(await measureOperations(nativeHashes)),
  start: () => Promise.resolve(formatLines(measureStart())),
  proxy: () => measureProxy((line) => console.error(`  measuring: ${line}`)),
};

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const wanted = process.argv.slice(2);
const parts = Object.entries(PARTS).filter(([name]) =>
  wanted.length === 0 || wanted.includes(name)
);
if (parts.length === 0) {
  console.error(`Usage: npm run bench [-- ${Object.keys(PARTS).join(" | ")}]`);
  process.exitCode = 2;
} else if (!existsSync("dist/ati.cjs")) {
  console.error("Build first: npm run build");
  process.exitCode = 2;
} else {
  const [cpu] = cpus();
  console.log(
    `Node ${process.versions.node}, ${process.platform} ${process.arch}, ` +
      `${cpus().length} cores, ${cpu?.model.trim() ?? "unknown processor"}`,
  );
  for (const [name, measure] of parts) console.log(`\n## ${name}\n\n${await measure()}`);
}

function formatLines(measurements: readonly Measurement[]): string {
  return measurements.map(({ name, figure }) => `${name.padEnd(30)}${figure}`).join("\n");
}
