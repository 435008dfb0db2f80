/**
 * A Python interpreter with packages, for tests against another implementation. Runs under Node only.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const INSTALL_TIMEOUT_MS = 240_000;
const STALE_LOCK_MS = 300_000;
const POLL_MS = 250;

/** How a Python run ended. */
export interface PythonResult {
  /** Exit code; -1 when a signal ended it or it did not start. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/**
 * The path of an interpreter in which the packages (pinned, as for `pip install`) can be imported,
 * or `undefined` with the reason printed. The environment is made once a machine and package list;
 * several test processes at once wait for the one that makes it.
 */
export async function pythonWith(packages: string[]): Promise<string | undefined> {
  if ("Deno" in globalThis || "Bun" in globalThis) {
    return unavailable("it runs under Node only, one run is enough");
  }
  const version = await run("python3", ["-c", "import sys; print(sys.version)"], 10_000);
  if (version.code !== 0) return unavailable("python3 is missing");
  const user = process.getuid?.() ?? "any";
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([version.stdout, process.arch, user, [...packages].sort()]))
    .digest("hex").slice(0, 16);
  const folder = join(tmpdir(), `atikit-python-${user}-${fingerprint}`);
  const interpreter = join(folder, "bin", "python3");
  try {
    const reason = await underLock(`${folder}.lock`, () => makeEnvironment(folder, packages));
    return reason === undefined ? interpreter : unavailable(reason);
  } catch (error) {
    return unavailable(error instanceof Error ? error.message : "the environment cannot be made");
  }
}

/** Runs a script (its text) with the interpreter, `input` on standard input, at most 30 s. */
export function runPython(
  interpreter: string,
  script: string,
  input: string | Uint8Array = "",
): Promise<PythonResult> {
  return run(interpreter, ["-c", script], 30_000, input);
}

async function makeEnvironment(folder: string, packages: string[]): Promise<string | undefined> {
  const ready = await stat(join(folder, "ready")).catch(() => undefined);
  // The temporary folder is shared: another user's environment would run another user's code.
  if (ready !== undefined && ready.uid === process.getuid?.()) return undefined;
  // Built aside and renamed, so that a broken-off installation is never taken for a whole one.
  const aside = await mkdtemp(`${folder}-`);
  try {
    const venv = await run("python3", ["-m", "venv", aside], 60_000);
    if (venv.code !== 0) return "python3 -m venv fails";
    const python = join(aside, "bin", "python3");
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages];
    const pip = await run(python, args, INSTALL_TIMEOUT_MS);
    if (pip.code !== 0) return `pip cannot install ${packages.join(" ")}`;
    await mkdir(join(aside, "ready"));
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    return undefined;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function underLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + INSTALL_TIMEOUT_MS + 60_000;
  while (!await takeLock(lock)) {
    if (Date.now() > deadline) throw new Error("another process holds the lock for too long");
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  // A lock whose maker died is older than any installation may take.
  const age = await stat(lock).then((facts) => Date.now() - facts.mtimeMs, () => 0);
  if (age > STALE_LOCK_MS) await rm(lock, { recursive: true, force: true });
  return false;
}

function run(
  command: string,
  args: string[],
  timeoutMs: number,
  input: string | Uint8Array = "",
): Promise<PythonResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { timeout: timeoutMs, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", () => resolve({ code: -1, stdout, stderr }));
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on("error", () => {/* the child ended before it read everything */});
    child.stdin.end(input);
  });
}

function unavailable(reason: string): undefined {
  console.log(`Interop with Python is not checked: ${reason}`);
  return undefined;
}
