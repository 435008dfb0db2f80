import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { programPath } from "../runtimes/install.ts";
import { parseFences } from "./_markdown.ts";
import { listFiles, readText, ROOT } from "./_tree.ts";

const DOCUMENTS = [...listFiles(".", /^[A-Z]+\.md$/), ...listFiles("docs", /\.md$/)];
const SOURCES = ["mod.ts", "server.ts", ...listFiles("lib", /\.ts$/)];
const TIMEOUT_MS = 120_000;
const DEFAULT_PORT = "8090";

test("every TypeScript example in source and documents type-checks and runs", () => {
  const files = [...SOURCES, ...DOCUMENTS].filter((file) => /^\W*```ts$/m.test(readText(file)));
  const expected = files.reduce((sum, file) => sum + countExamples(file), 0);
  const folder = mkdtempSync(join(tmpdir(), "atikit-examples-"));
  try {
    const report = join(folder, "report.xml");
    const args = [
      "test",
      "--doc",
      "-A",
      "--quiet",
      "--parallel",
      `--junit-path=${report}`,
      ...files,
    ];
    const { status, stdout, stderr } = spawnSync(programPath("deno"), args, {
      cwd: ROOT,
      encoding: "utf8",
      timeout: TIMEOUT_MS,
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    const ran = readFileSync(report, "utf8").split("<testcase ").length - 1;
    assert.ok(ran >= expected && expected > 30, `${ran} of ${expected} examples ran`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("every shell example in the documents runs as written, in order, in an empty home", async (t) => {
  for (const document of DOCUMENTS) {
    const blocks = parseFences(readText(document)).filter(({ language, code }) =>
      // Installing and testing the project is what runs this test.
      language === "sh" && !/^npm (?:install|test|run ok)/m.test(code)
    );
    if (blocks.length === 0) continue;
    await t.test(document, async () => {
      const script = blocks.map(({ line, code }) => `AT=${line}\n${code}`).join("\n");
      const { code, output } = await runShell(script);
      assert.equal(
        code,
        0,
        `${document}: stopped at line ${/^AT (\d+)$/m.exec(output)?.[1]}\n${output}`,
      );
    });
  }
});

/** Examples in comments or, in a document, in fences. */
function countExamples(file: string): number {
  return readText(file).match(/^\W*```ts$/gm)?.length ?? 0;
}

/** Runs a script with `ati` on the path, an empty home, and a free port in place of the default one. */
async function runShell(script: string): Promise<{ code: number | null; output: string }> {
  const home = mkdtempSync(join(tmpdir(), "atikit-shell-"));
  mkdirSync(join(home, "bin"));
  const shim = `#!/bin/sh\nexec "${join(ROOT, "node_modules/.bin/tsx")}" "${
    join(ROOT, "cli.ts")
  }" "$@"\n`;
  writeFileSync(join(home, "bin/ati"), shim);
  chmodSync(join(home, "bin/ati"), 0o755);
  symlinkSync(join(ROOT, "manifests"), join(home, "manifests"));
  // A reader waits until the proxy in the other terminal says that it listens; curl waits likewise.
  writeFileSync(join(home, ".curlrc"), "retry = 20\nretry-connrefused\nretry-delay = 1\nsilent\n");
  const port = await findFreePort();
  const guard = `set -euo pipefail\ntrap 'echo "AT $AT" >&2' ERR\n`;
  const child = spawn("bash", ["-c", guard + script.replaceAll(DEFAULT_PORT, String(port))], {
    cwd: home,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: `${join(home, "bin")}:${process.env["PATH"]}`,
      HOME: home,
      TMPDIR: home,
      PORT: String(port),
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const timer = setTimeout(() => killGroup(child.pid), TIMEOUT_MS);
  try {
    const [code] = await once(child, "exit") as [number | null];
    return { code, output };
  } finally {
    clearTimeout(timer);
    // What the script left in the background, a proxy for example, ends here.
    killGroup(child.pid);
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
