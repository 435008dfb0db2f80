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

/** Where a front's files, and its and the proxy's ports are. */
export interface Place {
  /** A folder for its files. */
  readonly folder: string;
  /** Port of the proxy. */
  readonly proxyPort: number;
  /** Its port with TLS. */
  readonly port: number;
  /** Its port without. */
  readonly plainPort: number;
}

/** How a front is set up. */
export interface FrontKind {
  readonly name: string;
  /** The shipped file for a place on loopback. Throws when it lacks what is put in place. */
  configure(place: Place): string;
  /** Its arguments, by the file of its configuration. */
  readonly args: (file: string, folder: string) => readonly string[];
}

/** The fronts there are files for. */
export const FRONTS: readonly FrontKind[] = [
  {
    name: "nginx",
    configure: configureNginx,
    args: (file, folder) => ["-p", folder, "-e", "stderr", "-c", file],
  },
  {
    name: "caddy",
    configure: configureCaddy,
    args: (file) => ["run", "--adapter", "caddyfile", "--config", file],
  },
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

/** Starts a front with its shipped file. */
export async function startFront(
  kind: FrontKind,
  { folder, proxyPort }: Pick<Place, "folder" | "proxyPort">,
): Promise<Front> {
  const [port, plainPort] = await findPorts();
  makeCertificate(folder);
  mkdirSync(join(folder, "logs"), { recursive: true });
  const file = join(folder, "front.conf");
  writeFileSync(file, kind.configure({ folder, proxyPort, port, plainPort }));
  return await run(kind.name, kind.args(file, folder), { port, plainPort, folder });
}

function configureNginx({ folder, proxyPort, port, plainPort }: Place): string {
  const site = putInPlace(readText("deploy/nginx/ati.conf"), [
    ["127.0.0.1:8080", `127.0.0.1:${proxyPort}`],
    ["listen [::]:80;", ""],
    ["listen [::]:443 ssl http2;", ""],
    ["listen 80;", `listen 127.0.0.1:${plainPort};`],
    ["listen 443 ", `listen 127.0.0.1:${port} `],
    ["/etc/ssl/ati/fullchain.pem", join(folder, "cert.pem")],
    ["/etc/ssl/ati/privkey.pem", join(folder, "key.pem")],
    ["/var/log/nginx/", `${folder}/`],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  // As Debian's nginx.conf has it: what it turns on, the site must turn off.
  return `${process.getuid?.() === 0 ? "user root;\n" : ""}daemon off;
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
}

function configureCaddy({ folder, proxyPort, port, plainPort }: Place): string {
  return putInPlace(readText("deploy/caddy/Caddyfile"), [
    ["127.0.0.1:8080", `127.0.0.1:${proxyPort}`],
    ["\tadmin off", `\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port ${plainPort}`],
    ["http:// {", `http://:${plainPort} {`],
    [
      `\n${FRONT_HOST} {`,
      `\nhttps://${FRONT_HOST}:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem`,
    ],
  ]);
}

function putInPlace(text: string, places: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [shipped, here] of places) {
    if (!result.includes(shipped)) throw new Error(`The shipped file lacks: ${shipped}`);
    result = result.replaceAll(shipped, here);
  }
  return result;
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
