/** What is measured: the upstream alone, nginx in front of it, and our proxy on each runtime. @module */

import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { freePort } from "./_download.ts";
import { findNginx, startNginx } from "./_nginx.ts";
import { findProgram, startProcess } from "./_process.ts";
import type { SignatureMode } from "../lib/proxy/settings.ts";

const START_MS = 10_000;
const RUNTIMES = "tests/runtimes/node_modules/.bin";

/** What every subject forwards to, and what our proxy is set up with. */
export interface Setup {
  /** Folder for files; removed by whoever made it. */
  readonly folder: string;
  /** Port of the upstream. */
  readonly upstreamPort: number;
  /** Shared secret of sandbox signatures, hex. */
  readonly signingSecret: string;
  /** Public key of session tokens, a PEM file. */
  readonly publicKeyFile: string;
  /** A session token that the key verifies. */
  readonly token: string;
}

/** A server under load. */
export interface Subject {
  /** For the command line. */
  readonly key: string;
  /** For the table. */
  readonly name: string;
  /** True for our proxy: it checks what the others do not. */
  readonly isOurs: boolean;
  /** Starts it; resolves when it listens. */
  start(mode: SignatureMode): Promise<{ readonly child: ChildProcess; readonly port: number }>;
}

/** Those that can be started on this machine, nginx first. */
export function findSubjects(setup: Setup): readonly Subject[] {
  return [...nginxSubject(setup), ...ourSubjects(setup)];
}

/** Waits until somebody listens on a port of 127.0.0.1. */
export async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_MS;
  while (!(await takesConnection(port))) {
    if (performance.now() > until || child.exitCode !== null) {
      throw new Error(`Cannot start: nothing listens on port ${port}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function takesConnection(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function nginxSubject({ folder, upstreamPort }: Setup): readonly Subject[] {
  const nginx = findNginx();
  if (nginx === undefined) return [];
  return [{
    key: "nginx",
    name: "nginx proxy_pass",
    isOurs: false,
    async start() {
      const port = await freePort();
      const child = startNginx(nginx, "measured", {
        folder: join(folder, "nginx-proxy"),
        port,
        http:
          `upstream origin { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 100000000; }`,
        server: `
    location ~ ^/(?:echo|token)(/.*)$ {
      proxy_pass http://origin$1$is_args$args;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer a-credential-of-the-benchmark";
      proxy_buffering off;
      proxy_request_buffering off;
    }`,
      });
      child.stderr?.resume();
      await untilListening(port, child);
      return { child, port };
    },
  }];
}

function ourSubjects(setup: Setup): readonly Subject[] {
  const here = process.versions.node.split(".")[0];
  const runtimes: readonly (readonly [key: string, name: string, command: Command | undefined])[] =
    [
      ["node", `Node ${here}`, [process.execPath, "dist/ati.cjs"]],
      ["node26", "Node 26", inFront(fetched("node"), ["dist/ati.cjs"])],
      ["bun", "Bun", inFront(fetched("bun"), ["cli.ts"])],
      ["deno", "Deno", inFront(fetched("deno"), ["run", "-A", "--no-check", "cli.ts"])],
    ];
  return runtimes.flatMap(([key, name, command]) => {
    if (command === undefined || (key === "node26" && here === "26")) return [];
    return [{
      key,
      name: `ati proxy, ${name}`,
      isOurs: true,
      start: (mode) => start(command, mode, setup),
    }];
  });
}

type Command = readonly string[];

// `npm test` has fetched them; otherwise those on the path have their turn.
function fetched(name: string): string | undefined {
  const path = join(RUNTIMES, name);
  if (existsSync(path)) return path;
  return name === "node" ? undefined : findProgram(name);
}

function inFront(
  program: string | undefined,
  args: readonly string[],
): readonly string[] | undefined {
  return program === undefined ? undefined : [program, ...args];
}

async function start(
  command: readonly string[],
  mode: SignatureMode,
  setup: Setup,
): Promise<{ child: ChildProcess; port: number }> {
  const directory = join(setup.folder, "ati");
  mkdirSync(join(directory, "manifests"), { recursive: true });
  for (const [name, auth] of [["echo", "signature"], ["token", "jwt"]] as const) {
    writeFileSync(join(directory, "manifests", `${name}.toml`), formatManifest(name, auth, setup));
  }
  const flags = ["--port", "0", "--ati-dir", directory, "--env-keys", "--enable-passthrough"];
  const signature = ["--sig-verify-mode", mode, "--sig-drift-seconds", "86400"];
  const child = startProcess("measured", [...command, "proxy", ...flags, ...signature], {
    ATI_KEY_ORIGIN: "a-credential-of-the-benchmark",
    ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET: setup.signingSecret,
    ATI_JWT_PUBLIC_KEY: setup.publicKeyFile,
  });
  return { child, port: await readPort(child.stderr as Readable) };
}

function formatManifest(name: string, auth: string, { upstreamPort }: Setup): string {
  return `[provider]
name = "${name}"
description = "The upstream of the benchmark"
handler = "passthrough"
base_url = "http://127.0.0.1:${upstreamPort}"
path_prefix = "/${name}"
auth_type = "bearer"
auth_key_name = "origin"
auth = "${auth}"
forward_websockets = true
`;
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
