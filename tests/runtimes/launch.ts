/** Runs a test file on a runtime and counts what happened. @module */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { programPath, programVersion } from "./install.ts";

/** A runtime the suite runs on. */
export type RuntimeName = "node" | "node26" | "deno" | "bun";

/** Every runtime, in the order in which they are shown. */
export const RUNTIMES: readonly RuntimeName[] = ["node", "node26", "deno", "bun"];

/** A runtime that is there. */
export interface Launcher {
  /** Which one. */
  readonly runtime: RuntimeName;
  /** Path of its program. */
  readonly program: string;
  /** For example `node 20.20.2`. */
  readonly label: string;
}

/** What happened in one file. */
export interface FileResult {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, and one more for a file that did not run as a whole. */
  readonly failed: number;
  /** Tests that did not run. */
  readonly skipped: number;
  /** Everything a person needs to see of the failures; empty when there are none. */
  readonly output: string;
}

/** What a report says of one test, whichever runtime wrote it. */
interface ReportLine {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** The failure, where the runtime does not print it itself. */
  readonly text?: string;
}

/** Longest time a file may take; the load tests stream gigabytes through four servers. */
const FILE_TIMEOUT_MS = 150_000;
const LOAD_TIMEOUT_MS = 400_000;
const MAX_OUTPUT_CHARS = 1_000_000;
const PASSED_LINE_REGEXP =
  /^(?:\(pass\) .*|.* \.\.\. ok \([\d.]+[mµ]?s\)|running \d+ tests? from .*)\n/gm;
const TESTCASE_REGEXP = /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const running = new Set<number>();

/**
 * Finds a runtime.
 *
 * @throws {Error} When it has not been fetched.
 */
export function openLauncher(runtime: RuntimeName): Launcher {
  const program = runtime === "node" ? process.execPath : programPath(runtime);
  return { runtime, program, label: `${runtime.replace("26", "")} ${programVersion(program)}` };
}

/**
 * Runs one file in a process of its own, so that a file that hangs or crashes is the only one lost.
 * Whatever it leaves behind in its process group is ended.
 *
 * @param launcher The runtime.
 * @param file Path relative to the working folder, with `/`.
 */
export async function launchFile(launcher: Launcher, file: string): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "atikit-tests-"));
  const reportFile = join(folder, "report");
  const timeoutMs = file.startsWith("tests/load/") ? LOAD_TIMEOUT_MS : FILE_TIMEOUT_MS;
  try {
    const args = toArguments(launcher.runtime, reportFile, `./${file}`);
    const { code, output, timedOut } = await runProgram(launcher.program, args, timeoutMs);
    const report = existsSync(reportFile) ? readFileSync(reportFile, "utf8") : "";
    const lines = launcher.runtime.startsWith("node") ? parseLines(report) : parseJunit(report);
    const count = (outcome: string) => lines.filter((line) => line.outcome === outcome).length;
    const problem = timedOut
      ? `${file}: stopped, it was not finished after ${timeoutMs / 1000} s`
      : lines.length === 0
      ? `${file}: ran no test`
      : code !== 0 && count("failed") === 0
      ? `${file}: ended with code ${code} though no test failed`
      : undefined;
    const failed = count("failed") + (problem === undefined ? 0 : 1);
    const texts = lines.flatMap(({ name, text }) => text === undefined ? [] : `${name}\n${text}`);
    const parts = [problem ?? file, ...texts, output.replaceAll(PASSED_LINE_REGEXP, "")];
    return {
      passed: count("passed"),
      failed,
      skipped: count("skipped"),
      output: failed === 0 ? "" : parts.join("\n\n"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends everything that is still running. */
export function stopTests(): void {
  for (const pid of running) killGroup(pid);
}

function toArguments(runtime: RuntimeName, reportFile: string, file: string): readonly string[] {
  if (runtime === "deno") {
    return ["test", "-A", "--no-check", `--junit-path=${reportFile}`, file];
  }
  if (runtime === "bun") {
    const reporter = ["--reporter=junit", `--reporter-outfile=${reportFile}`];
    return ["test", `--timeout=${FILE_TIMEOUT_MS}`, ...reporter, file];
  }
  return [
    // Node 26 reads TypeScript by itself, and is to prove that it does.
    ...(runtime === "node" ? ["--import", "tsx"] : []),
    "--test-reporter=./tests/runtimes/reporter.mjs",
    `--test-reporter-destination=${reportFile}`,
    file,
  ];
}

interface ProgramResult {
  readonly code: number | string;
  readonly output: string;
  readonly timedOut: boolean;
}

async function runProgram(
  program: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<ProgramResult> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1" };
  // Set by npm, by a terminal or by an enclosing test run; each changes what a child prints or does.
  for (const name of ["FORCE_COLOR", "NODE_TEST_CONTEXT", "NODE_OPTIONS"]) delete env[name];
  const child = spawn(program, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const { pid } = child;
  let output = "";
  let timedOut = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      if (output.length < MAX_OUTPUT_CHARS) output += chunk;
    });
  }
  if (pid !== undefined) running.add(pid);
  const timer = setTimeout(() => {
    timedOut = true;
    if (pid !== undefined) killGroup(pid);
  }, timeoutMs);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.on("error", reject);
      // What a test left behind would keep the pipes open for ever.
      child.on("exit", () => pid !== undefined && killGroup(pid));
      child.on("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
    });
    return { code, output, timedOut };
  } finally {
    clearTimeout(timer);
    if (pid !== undefined) running.delete(pid);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** Reads the lines of `reporter.mjs`; the last one may be cut short. */
function parseLines(report: string): ReportLine[] {
  return report.split("\n").slice(0, -1).map((line) => JSON.parse(line) as ReportLine);
}

/** Reads the JUnit XML of Deno and Bun, which print failures themselves. */
function parseJunit(report: string): ReportLine[] {
  return [...report.matchAll(TESTCASE_REGEXP)].map(([, attributes = "", body = ""]) => ({
    name: /(?:^|\s)name="([^"]*)"/.exec(attributes)?.[1] ?? "",
    outcome: /<(?:failure|error)\b/.test(body)
      ? "failed"
      : /<skipped\b/.test(body)
      ? "skipped"
      : "passed",
  }));
}
