import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { npmCommand } from "../runtimes/install.ts";
import { readJson, ROOT } from "./_tree.ts";

const TIMEOUT_MS = 120_000;
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const binary = join(ROOT, "build", process.platform === "win32" ? "ati.exe" : "ati");
const folder = mkdtempSync(join(tmpdir(), "atikit-binary-"));
const env = { ATI_DIR: folder, ATI_JWT_SECRET: SECRET, NO_COLOR: "1" };

function ati(...args: readonly string[]): string {
  const result = spawnSync(binary, args, { encoding: "utf8", timeout: TIMEOUT_MS, env });
  assert.equal(result.status, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

before(() => {
  const [program, ...args] = [...npmCommand(), "run", "build:binary"];
  const { status, stdout, stderr } = spawnSync(program as string, args, {
    cwd: ROOT,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("the executable file says its version and shows its help without a runtime", () => {
  const { version } = readJson<{ version: string }>("package.json");
  assert.equal(ati("version").trim(), `ati ${version}`);
  assert.match(ati("proxy", "--help"), /proxy server/);
});

test("the executable file keeps a key and issues a token that it accepts", () => {
  ati("init");
  ati("key", "set", "github_api_key", "a-credential-for-the-test");
  assert.match(ati("key", "list"), /github_api_key/);
  const token = ati("token", "issue", "--sub", "agent-7", "--scope", "tool:github:*").trim();
  const validated = JSON.parse(ati("token", "validate", token, "--json")) as { sub?: string };
  assert.equal(validated.sub, "agent-7");
});

test("the executable file serves as the proxy and ends on SIGTERM", async () => {
  mkdirSync(join(folder, "manifests"), { recursive: true });
  const child = spawn(binary, ["proxy", "--port", "0"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    let log = "";
    let address: string | undefined;
    for await (const chunk of child.stderr.setEncoding("utf8")) {
      log += chunk;
      address = /"addr":"(127\.0\.0\.1:\d+)"/.exec(log)?.[1];
      if (address !== undefined) break;
    }
    assert.ok(address !== undefined, log);
    const response = await fetch(`http://${address}/health`);
    assert.equal(((await response.json()) as { status?: string }).status, "ok");
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});
