/**
 * The test command: every `*_test.ts` below `tests/` on Node (the one running, and Node 26), Deno
 * and Bun, each file in a process of its own.
 *
 *     tsx tests/run.ts [node|node26|deno|bun ...] [part of a path ...]
 *
 * Prints a line for each runtime and `N passed, N failed` at the end; the exit code is 1 when a test
 * failed, when a file ran no test, or when a runtime ran none.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ensureRuntimes } from "./runtimes/install.ts";
import { launchFile, openLauncher, RUNTIMES, stopTests } from "./runtimes/launch.ts";
import type { FileResult, Launcher, RuntimeName } from "./runtimes/launch.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/**
 * Folders that one run is enough for: the rules of the house do not depend on the runtime that checks
 * them, and the load tests start a server on each runtime themselves.
 */
const NODE_ONLY: readonly string[] = ["tests/house/", "tests/load/"];
/** Files at once. Many of them wait for children and sockets most of the time. */
const PARALLEL = 2;

/** The files of one runtime, and what came of them. */
interface Run extends Launcher {
  readonly files: readonly string[];
  readonly results: FileResult[];
  durationMs: number;
}

process.chdir(ROOT);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    stopTests();
    process.exit(130);
  });
}
process.exitCode = await runSuite(process.argv.slice(2));

async function runSuite(args: readonly string[]): Promise<number> {
  const named = RUNTIMES.filter((runtime) => args.includes(runtime));
  const filters = args.filter((arg) => !(RUNTIMES as readonly string[]).includes(arg));
  const files = listTests("tests").filter((file) =>
    filters.length === 0 || filters.some((filter) => file.includes(filter))
  );
  const plan = (named.length > 0 ? named : RUNTIMES).map((runtime) => ({
    runtime,
    files: files.filter((file) => runtime === "node" || !isNodeOnly(file)),
  })).filter((one) => one.files.length > 0);
  if (plan.length === 0) return finish([], "no test file matches");
  // Those folders need the other programs even when the suite itself runs on Node alone.
  if (plan.some(({ runtime, files }) => runtime !== "node" || files.some(isNodeOnly))) {
    ensureRuntimes((line) => console.log(line));
  }
  console.log(`${files.length} test files; ${NODE_ONLY.join(" and ")} run on node only`);
  const runs = plan.map(({ runtime, files }) => openRun(runtime, files));
  await runAll(runs);
  const idle = runs.filter((run) => sum(run, "passed") + sum(run, "failed") === 0);
  return finish(runs, ...idle.map(({ label }) => `${label} ran no test`));
}

function openRun(runtime: RuntimeName, files: readonly string[]): Run {
  return { ...openLauncher(runtime), files, results: [], durationMs: 0 };
}

async function runAll(runs: readonly Run[]): Promise<void> {
  const queue = runs.flatMap((run) => run.files.map((file) => ({ run, file })));
  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { run, file } = job;
      const started = performance.now();
      const result = await launchFile(run, file);
      run.durationMs += performance.now() - started;
      run.results.push(result);
      if (result.output !== "") console.log(`\n--- ${run.label}: ${result.output}`);
      if (run.results.length === run.files.length) console.log(describe(run));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function describe(run: Run): string {
  const passed = String(sum(run, "passed")).padStart(5);
  const failed = String(sum(run, "failed")).padStart(3);
  const skipped = sum(run, "skipped");
  const extra = skipped > 0 ? `  ${skipped} skipped` : "";
  const seconds = (run.durationMs / 1000).toFixed(1);
  return `${run.label.padEnd(14)}${passed} passed  ${failed} failed${extra}  (${seconds} s)`;
}

function sum(run: Run, key: "passed" | "failed" | "skipped"): number {
  return run.results.reduce((total, result) => total + result[key], 0);
}

function finish(runs: readonly Run[], ...problems: readonly string[]): number {
  for (const problem of problems) console.log(problem);
  const passed = runs.reduce((total, run) => total + sum(run, "passed"), 0);
  const failed = runs.reduce((total, run) => total + sum(run, "failed"), problems.length);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function isNodeOnly(file: string): boolean {
  return NODE_ONLY.some((folder) => file.startsWith(folder));
}

/** Test files below a folder, sorted; `node_modules` is nobody's test. */
function listTests(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : listTests(path);
      return entry.name.endsWith("_test.ts") ? [path] : [];
    });
}
