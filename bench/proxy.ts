/** The proxy as a whole: a small signed GET, forwarded with its credential. @module */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { parseSigningSecret } from "../lib/signature/secret.ts";
import { signSandboxRequest } from "../lib/signature/sign.ts";
import { putLoad } from "./_load.ts";
import type { LoadResult } from "./_load.ts";
import type { Measurement } from "./operations.ts";

const LOAD = { durationMs: 3000, connections: 32 };
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const BODY = JSON.stringify({ text: "x".repeat(1000) });

/** Measures the upstream alone, and through the proxy in a process of its own. */
export async function measureProxy(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), "atikit-bench-"));
  const upstream = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": BODY.length });
    response.end(BODY);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port } = upstream.address() as AddressInfo;
  const proxy = startProxy(folder, port);
  try {
    const proxyPort = await readPort(proxy.stderr as Readable);
    const secret = parseSigningSecret(SECRET);
    const line = { method: "GET", path: "/echo/small" };
    const signature = await signSandboxRequest(line, { secret });
    const direct = await putLoad({ ...LOAD, port, request: formatRequest("/small", "") });
    const header = `X-Sandbox-Signature: ${signature}\r\n`;
    const request = formatRequest(line.path, header);
    const forwarded = await putLoad({ ...LOAD, port: proxyPort, request });
    return [
      { name: "upstream alone", figure: formatLoad(direct) },
      { name: "through the proxy", figure: formatLoad(forwarded) },
    ];
  } finally {
    proxy.kill("SIGKILL");
    upstream.close();
    upstream.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

function startProxy(folder: string, upstreamPort: number): ChildProcess {
  mkdirSync(join(folder, "manifests"));
  writeFileSync(
    join(folder, "manifests", "echo.toml"),
    [
      "[provider]",
      'name = "echo"',
      'description = "The upstream of the benchmark"',
      'handler = "passthrough"',
      `base_url = "http://127.0.0.1:${upstreamPort}"`,
      'path_prefix = "/echo"',
      'auth_type = "bearer"',
      'auth_key_name = "echo"',
    ].join("\n"),
  );
  const flags = ["--port", "0", "--ati-dir", folder, "--env-keys", "--enable-passthrough"];
  return spawn(
    process.execPath,
    ["dist/ati.cjs", "proxy", ...flags, "--sig-verify-mode", "enforce"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ATI_KEY_ECHO: "a-credential-of-the-benchmark",
        ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET: SECRET,
      },
    },
  );
}

/** The port in the start-up record; the rest of the log is read on and thrown away. */
function readPort(log: Readable): Promise<number> {
  let text = "";
  return new Promise((resolve, reject) => {
    log.setEncoding("utf8").on("data", (chunk: string) => {
      if (text.length < 10_000) text += chunk;
      const [, port] = /"addr":"127\.0\.0\.1:(\d+)"/.exec(text) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
    log.on("end", () => reject(new Error(`Cannot start the proxy: ${text}`)));
  });
}

function formatRequest(path: string, header: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n`;
}

function formatLoad({ perSecond, p50Ms, p99Ms, failed }: LoadResult): string {
  const rate = `${Math.round(perSecond).toLocaleString("en")} /s`;
  const latency = `p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms`;
  return `${rate}  ${latency}${failed > 0 ? `  ${failed} FAILED` : ""}`;
}
