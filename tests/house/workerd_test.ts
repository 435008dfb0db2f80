import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { on, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { generateHs256Secret } from "../../lib/jwt/generate.ts";
import { importSecret } from "../../lib/jwt/keys.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import { programPath } from "../runtimes/install.ts";
import { bundleForWeb } from "./_bundle.ts";

const START_TIMEOUT_MS = 30_000;
const CREDENTIAL = "credential-that-only-the-upstream-sees";
const jwtSecret = generateHs256Secret();
const signingSecret = generateHs256Secret();
const folder = mkdtempSync(join(tmpdir(), "atikit-workerd-"));
/** Says what reached it, as an upstream sees it. */
const upstream = createServer((request, response) => {
  const chunks: Uint8Array[] = [];
  request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url, headers } = request;
    const body = Buffer.concat(chunks).toString();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ method, url, headers, body }));
  });
});
let workerd: ChildProcess | undefined;
let base = "";

before(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port } = upstream.address() as AddressInfo;
  const { code } = await bundleForWeb('export { default } from "./tests/house/_worker.ts";', "esm");
  writeFileSync(join(folder, "worker.js"), code);
  writeFileSync(join(folder, "config.capnp"), toConfig(`http://127.0.0.1:${port}`));
  // With port 0 workerd says on descriptor 3 which one it took.
  workerd = spawn(
    programPath("workerd"),
    ["serve", join(folder, "config.capnp"), "--control-fd=3"],
    { stdio: ["ignore", "inherit", "inherit", "pipe"] },
  );
  base = `http://127.0.0.1:${await readPort(workerd.stdio[3] as Readable)}`;
});

after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  if (workerd !== undefined && workerd.exitCode === null) {
    workerd.kill("SIGKILL");
    await once(workerd, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

test("a token issued inside workerd validates there and here", async () => {
  const { token, sub } = await getJson("/worker/token") as { token: string; sub: string };
  assert.equal(sub, "worker");
  const { verificationKey } = await importSecret(jwtSecret);
  const policy = { keys: [verificationKey], audiences: ["ati-proxy"] };
  assert.equal((await validateToken(token, policy)).sub, "worker");
  const bearer = { authorization: `Bearer ${token}` };
  const response = await fetch(`${base}/whoami`, { headers: bearer });
  assert.equal(response.status, 200);
  assert.equal((await response.json() as { sub: string }).sub, "worker");
});

test("a signature made inside workerd is valid there for its own path only", async () => {
  const { header, good, other } = await getJson("/worker/signature") as Record<string, unknown>;
  assert.match(String(header), /^t=\d+,s=[0-9a-f]{64}$/);
  assert.deepEqual([good, other], [true, false]);
});

test("a signed request is forwarded by workerd with the credential", async () => {
  const response = await fetch(`${base}/echo/v1/say?x=1`, {
    method: "POST",
    headers: { "x-sandbox-signature": await sign("POST", "/echo/v1/say") },
    body: "hello",
  });
  assert.equal(response.status, 200);
  const seen = await response.json() as {
    url: string;
    method: string;
    body: string;
    headers: Record<string, string>;
  };
  assert.deepEqual([seen.method, seen.url, seen.body], ["POST", "/v1/say?x=1", "hello"]);
  assert.equal(seen.headers["authorization"], `Bearer ${CREDENTIAL}`);
  assert.equal(seen.headers["x-sandbox-signature"], undefined);
});

test("workerd refuses an unsigned request and does not say its credential", async () => {
  const response = await fetch(`${base}/echo/v1/say`);
  assert.equal(response.status, 403);
  const text = await response.text();
  assert.equal((JSON.parse(text) as { reason: string }).reason, "missing_signature");
  assert.ok(!text.includes(CREDENTIAL));
});

async function sign(method: string, path: string): Promise<string> {
  return await signSandboxRequest({ method, path }, { secret: parseSigningSecret(signingSecret) });
}

async function getJson(path: string): Promise<unknown> {
  const response = await fetch(`${base}${path}`);
  assert.equal(response.status, 200, await response.clone().text());
  return await response.json();
}

/** The port in workerd's message, which is one line of JSON. */
async function readPort(control: Readable): Promise<number> {
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  let text = "";
  for await (const [chunk] of on(control, "data", { signal })) {
    text += String(chunk);
    const [, port] = /"port":\s*(\d+)/.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error("Cannot read the port of workerd");
}

function toConfig(upstreamUrl: string): string {
  const values = {
    UPSTREAM: upstreamUrl,
    JWT_SECRET: jwtSecret,
    SIGNING_SECRET: signingSecret,
    CREDENTIAL,
  };
  const bindings = Object.entries(values).map(([name, text]) =>
    `(name = "${name}", text = "${text}")`
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [${bindings.join(", ")}],
      globalOutbound = "loopback"
    )),
    # The upstream is on this machine; nothing else is to be reached.
    (name = "loopback", network = (allow = ["local"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`;
}
