/**
 * Builds `build/ati`, one executable file that needs no runtime: Bun's compiler, the whole command.
 *
 *     npm run build:binary
 *
 * The compiler comes with the runtimes that the tests use and is fetched from npm the first time. The
 * file is for this platform; a `--target` of Bun's (`bun-linux-arm64`, `bun-darwin-arm64`, …) fetches
 * that runtime from the network.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ensureRuntimes, programPath } from "../tests/runtimes/install.ts";

const TIMEOUT_MS = 120_000;
const MIB = 1024 * 1024;

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const suffix = process.platform === "win32" ? ".exe" : "";
const file = join("build", `ati${suffix}`);
ensureRuntimes((line) => console.error(line));
mkdirSync("build", { recursive: true });
const { status, stdout, stderr } = spawnSync(programPath("bun"), [
  "build",
  "--compile",
  "--minify",
  // Parsed ahead: three quarters of the start.
  "--bytecode",
  "--format=cjs",
  // Bun calls upstreams by its own `fetch`.
  "--external=undici",
  `--outfile=${file}`,
  ...process.argv.slice(2),
  "cli.ts",
], { encoding: "utf8", timeout: TIMEOUT_MS });
if (status !== 0) {
  console.error(`Cannot build ${file}:\n${stdout}${stderr}`);
  process.exitCode = 1;
} else console.log(`${file} is ready: ${Math.round(statSync(file).size / MIB)} MiB`);
