/**
 * Mixed load with a reload every second: `npx tsx bench/soak.ts [node|node26|deno|bun] [seconds]`.
 *
 * Small GETs, POSTs, session tokens, downloads, event streams, WebSockets and clients that leave, all at
 * once on loopback, for a minute unless told otherwise. Ends with 1 when a request failed that should not have.
 *
 * @module
 */

import { rmSync } from "node:fs";
import { createServer, request as requestHttp } from "node:http";
import type { IncomingMessage, RequestOptions } from "node:http";
import { Agent } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseSigningSecret } from "../lib/signature/secret.ts";
import { signSandboxRequest } from "../lib/signature/sign.ts";
import { chat, echoWebSockets } from "./_chat.ts";
import { readUsage, stopProcess } from "./_process.ts";
import { createSetup } from "./_setup.ts";
import { findSubjects } from "./_subjects.ts";

const DEFAULT_SECONDS = 60;
const LARGE_BYTES = 4 * 1024 * 1024;
const EVENTS = 20;
/** How many do each thing at once: bounded, so that the machine stays usable. */
const WORKERS = {
  get: 8,
  post: 4,
  token: 4,
  download: 2,
  events: 4,
  socket: 4,
  leave: 2,
} as const;

type Kind = keyof typeof WORKERS;

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const [runtime = "node", seconds = String(DEFAULT_SECONDS)] = process.argv.slice(2);
process.exitCode = await soak(runtime, Number(seconds));

async function soak(name: string, durationSeconds: number): Promise<number> {
  const upstream = createServer(answer);
  echoWebSockets(upstream);
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const setup = await createSetup((upstream.address() as AddressInfo).port);
  const subject = findSubjects(setup).find(({ key }) => key === name);
  if (subject === undefined) throw new Error(`Cannot find the runtime "${name}" here`);
  const { child, port } = await subject.start("enforce");
  const secret = parseSigningSecret(setup.signingSecret);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const counts = new Map<string, number>();
  const until = Date.now() + durationSeconds * 1000;
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

  async function headersOf(kind: Kind, method: string, path: string): Promise<RequestOptions> {
    const headers: Record<string, string> = kind === "token"
      ? { authorization: `Bearer ${setup.token}` }
      : { "x-sandbox-signature": await signSandboxRequest({ method, path }, { secret }) };
    return { host: "127.0.0.1", port, method, path, headers, agent };
  }

  async function work(kind: Kind): Promise<void> {
    while (Date.now() < until && child.exitCode === null) {
      try {
        await runOne(kind, headersOf);
        count(kind);
      } catch (error) {
        count(`FAILED ${kind}: ${(error as Error).message}`);
      }
    }
  }

  const reloads = setInterval(() => void (child.kill("SIGHUP") && count("reload")), 1000);
  const samples = setInterval(() => {
    const peak = readUsage(child.pid ?? 0)?.residentMiB;
    console.error(`  ${Math.ceil((until - Date.now()) / 1000)} s left, ${peak?.toFixed(0)} MiB`);
  }, Math.min(15_000, durationSeconds * 250));
  try {
    await Promise.all(
      Object.entries(WORKERS).flatMap(([kind, workers]) =>
        Array.from({ length: workers }, () => work(kind as Kind))
      ),
    );
  } finally {
    clearInterval(reloads);
    clearInterval(samples);
    await stopProcess(child);
    agent.destroy();
    upstream.close();
    upstream.closeAllConnections();
    rmSync(setup.folder, { recursive: true, force: true });
  }
  for (const [what, number] of [...counts].toSorted()) console.log(`${what.padEnd(30)}${number}`);
  return [...counts.keys()].some((what) => what.startsWith("FAILED")) ? 1 : 0;
}

/** The upstream: echoes, sends much, or sends events one after the other. */
function answer(incoming: IncomingMessage, outgoing: import("node:http").ServerResponse): void {
  switch (incoming.url) {
    case "/large":
      outgoing.writeHead(200, { "content-length": LARGE_BYTES });
      outgoing.end(new Uint8Array(LARGE_BYTES));
      return;
    case "/events": {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      let sent = 0;
      const timer = setInterval(() => {
        outgoing.write(`data: ${++sent}\n\n`);
        if (sent === EVENTS) outgoing.end();
      }, 5);
      outgoing.on("close", () => clearInterval(timer));
      return;
    }
    default:
      outgoing.writeHead(200, { "content-type": "application/octet-stream" });
      incoming.pipe(outgoing);
  }
}

type Prepare = (kind: Kind, method: string, path: string) => Promise<RequestOptions>;

async function runOne(kind: Kind, prepare: Prepare): Promise<void> {
  switch (kind) {
    case "get":
      return expectBytes(await send(await prepare(kind, "GET", "/echo/small")), 0);
    case "token":
      return expectBytes(await send(await prepare(kind, "GET", "/token/small")), 0);
    case "post": {
      const body = "x".repeat(1 + Math.floor(Math.random() * 100_000));
      const options = await prepare(kind, "POST", "/echo/post");
      return expectBytes(await send(options, body), body.length);
    }
    case "download":
      return expectBytes(await send(await prepare(kind, "GET", "/echo/large")), LARGE_BYTES);
    case "events": {
      const bytes = await send(await prepare(kind, "GET", "/echo/events"));
      if (bytes < EVENTS * "data: 1\n\n".length) throw new Error(`${bytes} bytes of events`);
      return;
    }
    case "socket": {
      const { port, headers } = await prepare(kind, "GET", "/echo/socket");
      const url = `ws://127.0.0.1:${port}/echo/socket`;
      return await chat(url, headers as Record<string, string>);
    }
    case "leave":
      return await leave(await prepare(kind, "GET", "/echo/large"));
  }
}

function expectBytes(bytes: number, expected: number): void {
  if (bytes !== expected) throw new Error(`${bytes} bytes instead of ${expected}`);
}

/** Sends a request and counts the bytes of a whole 200 answer. */
function send(options: RequestOptions, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(options, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => void (bytes += chunk.length));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Leaves after the first bytes of a download: no failure, but something to clean up. */
function leave(options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = requestHttp({ ...options, agent: false }, (response) => {
      response.on("error", () => {/* we broke it off */});
      response.once("data", () => {
        request.destroy();
        resolve();
      });
    });
    request.on("error", reject);
    request.end();
  });
}
