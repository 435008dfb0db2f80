/**
 * The benchmarks: `npm run bench [-- operations proxy start]`. Loopback only, about half a minute.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { nativeHashes } from "../lib/runtime/hashes.ts";
import { measureOperations } from "./operations.ts";
import type { Measurement } from "./operations.ts";
import { measureProxy } from "./proxy.ts";
import { measureStart } from "./start.ts";

const PARTS: Readonly<Record<string, () => Measurement[] | Promise<Measurement[]>>> = {
  operations: () => measureOperations(nativeHashes),
  proxy: measureProxy,
  start: measureStart,
};

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const wanted = process.argv.slice(2);
const parts = Object.entries(PARTS).filter(([name]) =>
  wanted.length === 0 || wanted.includes(name)
);
if (parts.length === 0) {
  console.error(`Usage: npm run bench [-- ${Object.keys(PARTS).join(" ")}]`);
  process.exitCode = 2;
} else if (!existsSync("dist/ati.cjs")) {
  console.error("Build first: npm run build");
  process.exitCode = 2;
} else {
  console.log(`Node ${process.versions.node}, ${process.platform} ${process.arch}`);
  for (const [name, measure] of parts) {
    console.log(`\n${name}`);
    for (const { name: what, figure } of await measure()) {
      console.log(`  ${what.padEnd(28)}${figure}`);
    }
  }
}
