/** What a process and its children have used, as Linux tells it. @module */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Clock ticks of `/proc/PID/stat` a second; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const STOP_MS = 3000;

/** Where a process runs: the one that is measured has a core of its own, where there are two. */
export type Place = "measured" | "beside";

/** What was used so far. */
export interface Usage {
  /** Processor time of the process and its children, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Largest resident size they had at once, at most, in MiB. */
  readonly peakMiB: number;
  /** Resident size now, in MiB. */
  readonly residentMiB: number;
}

/** Starts a program with its standard error readable. */
export function startProcess(
  place: Place,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [program = "", ...args] = [...pinTo(place), ...command];
  return spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
  });
}

/** Words before a command that keep it on one core; none where that cannot be. */
export function pinTo(place: Place): readonly string[] {
  const taskset = findProgram("taskset");
  if (taskset === undefined || availableParallelism() < 2) return [];
  return [taskset, "-c", place === "measured" ? "0" : "1"];
}

/** Ends a program we started and waits for that. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exit;
  clearTimeout(timer);
}

/** The path of a program, or `undefined` where it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** What a process and its children used, or `undefined` where nobody tells. */
export function readUsage(pid: number): Usage | undefined {
  if (process.platform !== "linux") return undefined;
  let ticks = 0;
  let peakKiB = 0;
  let residentKiB = 0;
  for (const one of [pid, ...childrenOf(pid)]) {
    const stat = readFileSync(`/proc/${one}/stat`, "latin1");
    // The name before the last parenthesis may hold anything; times are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
    const status = readFileSync(`/proc/${one}/status`, "latin1");
    peakKiB += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
    residentKiB += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }
  return {
    cpuMicroseconds: (ticks / TICKS_PER_SECOND) * 1e6,
    peakMiB: peakKiB / 1024,
    residentMiB: residentKiB / 1024,
  };
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").trim().split(" ")
      .filter((word) => word !== "").map(Number)
  );
}
