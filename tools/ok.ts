/**
 * Every gate of the project, one line each; output of a gate is shown when it fails.
 *
 *     tsx tools/ok.ts [name of a gate ...]
 *
 * Ends with `N passed, N failed`: the tests of all runtimes, and each other gate as one.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ensureRuntimes, npmCommand, programPath } from "../tests/runtimes/install.ts";

interface Gate {
  readonly name: string;
  readonly command: readonly string[];
  /** True: output goes to the screen as it comes, and its last line counts passed and failed. */
  readonly counts?: boolean;
}

const GATE_TIMEOUT_MS = 900_000;

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
let current: number | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    // The gate's whole group: npm, its shell and the tests, which end their own children.
    if (current !== undefined) process.kill(-current, "SIGTERM");
    process.exit(130);
  });
}
process.exitCode = await runGates(process.argv.slice(2));

async function runGates(wanted: readonly string[]): Promise<number> {
  ensureRuntimes((line) => console.log(line));
  const gates = listGates().filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  let passed = 0;
  let failed = gates.length === 0 ? 1 : 0;
  for (const gate of gates) {
    const started = performance.now();
    const { code, output } = await runGate(gate);
    const [, good = "0", bad = "0"] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
    const ok = code === 0 && (!gate.counts || Number(good) > 0);
    passed += gate.counts ? Number(good) : Number(ok);
    failed += gate.counts && Number(bad) > 0 ? Number(bad) : Number(!ok);
    if (!ok && !gate.counts) console.log(output);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${ok ? "ok  " : "FAIL"}  ${gate.name}  (${seconds} s)`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function listGates(): readonly Gate[] {
  const deno = programPath("deno");
  const tsc = [process.execPath, "node_modules/typescript/bin/tsc", "-p"];
  const entries = Object.values(
    (JSON.parse(readFileSync("deno.json", "utf8")) as { exports: Record<string, string> }).exports,
  );
  return [
    { name: "format", command: [deno, "fmt", "--check"] },
    { name: "lint", command: [deno, "lint"] },
    { name: "types", command: [...tsc, "tsconfig.json"] },
    { name: "types-core", command: [...tsc, "tsconfig.core.json"] },
    { name: "docs", command: [deno, "doc", "--lint", ...entries] },
    { name: "jsr", command: [deno, "publish", "--dry-run", "--allow-dirty"] },
    { name: "test", command: [...npmCommand(), "test"], counts: true },
  ];
}

function runGate({ command, counts }: Gate): Promise<{ code: number | null; output: string }> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  current = child.pid;
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGTERM"), GATE_TIMEOUT_MS);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (counts) process.stdout.write(text);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      current = undefined;
      resolve({ code, output });
    });
  });
}
