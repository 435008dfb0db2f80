/** nginx and Caddy with the files that are shipped, on loopback, in front of a proxy. @module */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { connect as connectTls } from "node:tls";
import { readText } from "./_tree.ts";

const START_MS = 20_000;

/** The name that the files are written for. */
export const FRONT_HOST = "edge.example.com";

/** A server that runs in front of the proxy. */
export interface Front {
  readonly name: string;
  /** Port with TLS. */
  readonly port: number;
  /** Port without. */
  readonly plainPort: number;
  /** Everything it has written. */
  output(): string;
  stop(): Promise<void>;
}

/** What a front is started with. */
export interface FrontInput {
  /** An empty folder for its files. */
  readonly folder: string;
  /** Port of the proxy. */
  readonly proxyPort: number;
}

/** How a front is started. */
export interface FrontKind {
  readonly name: string;
  start(input: FrontInput): Promise<Front>;
}

/** The fronts there are files for. */
export const FRONTS: readonly FrontKind[] = [
  { name: "nginx", start: startNginx },
  { name: "caddy", start: startCaddy },
];

/** True when a program can be run here. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ["version"], { timeout: START_MS }).error === undefined;
}

/** Makes a certificate for {@link FRONT_HOST}: `cert.pem` and `key.pem` in the folder. */
export function makeCertificate(folder: string): void {
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-days", "2", "-subj", `/CN=${FRONT_HOST}`, "-addext", `subjectAltName=DNS:${FRONT_HOST}`],
    ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
  ], { encoding: "utf8", timeout: START_MS });
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
}

async function startNginx({ folder, proxyPort }: FrontInput): Promise<Front> {
  const [port, plainPort] = await findPorts();
  makeCertificate(folder);
  const site = readText("deploy/nginx/ati.conf")
    .replace("127.0.0.1:8080", `127.0.0.1:${proxyPort}`)
    .replaceAll(/^ *listen \[::\].*\n/gm, "")
    .replace("listen 80;", `listen 127.0.0.1:${plainPort};`)
    .replace("listen 443 ", `listen 127.0.0.1:${port} `)
    .replace("/etc/ssl/ati/fullchain.pem", join(folder, "cert.pem"))
    .replace("/etc/ssl/ati/privkey.pem", join(folder, "key.pem"))
    .replaceAll("/var/log/nginx/", `${folder}/`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  // As Debian's nginx.conf has it: what it turns on, the site must turn off.
  const text = `${process.getuid?.() === 0 ? "user root;\n" : ""}daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr info;
events { worker_connections 512; }
http {
sendfile on;
gzip on;
default_type application/octet-stream;
access_log ${folder}/access.log;
${temporary}
${site}
}
`;
  mkdirSync(join(folder, "logs"), { recursive: true });
  const file = join(folder, "nginx.conf");
  writeFileSync(file, text);
  return await run("nginx", ["-p", folder, "-e", "stderr", "-c", file], {
    port,
    plainPort,
    folder,
  });
}

async function startCaddy({ folder, proxyPort }: FrontInput): Promise<Front> {
  const [port, plainPort] = await findPorts();
  makeCertificate(folder);
  const text = readText("deploy/caddy/Caddyfile")
    .replace("127.0.0.1:8080", `127.0.0.1:${proxyPort}`)
    .replace("admin off", `admin off\n\tdefault_bind 127.0.0.1\n\thttp_port ${plainPort}`)
    .replace("http:// {", `http://:${plainPort} {`)
    .replace(
      `\n${FRONT_HOST} {`,
      `\nhttps://${FRONT_HOST}:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem`,
    );
  const file = join(folder, "Caddyfile");
  writeFileSync(file, text);
  return await run("caddy", ["run", "--adapter", "caddyfile", "--config", file], {
    port,
    plainPort,
    folder,
  });
}

interface RunInput {
  readonly port: number;
  readonly plainPort: number;
  readonly folder: string;
}

async function run(
  name: string,
  args: readonly string[],
  { port, plainPort, folder }: RunInput,
): Promise<Front> {
  const child = spawn(name, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
  }
  let isGone = false;
  const gone = new Promise<void>((resolve) =>
    child.once("close", () => {
      isGone = true;
      resolve();
    })
  );
  const deadline = Date.now() + START_MS;
  while (!await answers(port)) {
    if (isGone || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`${name} does not start:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    name,
    port,
    plainPort,
    output: () => text,
    async stop(): Promise<void> {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      servername: FRONT_HOST,
      rejectUnauthorized: false,
    });
    const settle = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("secureConnect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}

/** Two ports that are free now. */
async function findPorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [first as number, second as number];
}
