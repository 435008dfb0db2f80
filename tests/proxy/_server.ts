/** server.ts as a process of its own, on the runtime the tests run on, with a real ATI directory. @module */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../helpers/runtime.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SERVER = join(ROOT, "server.ts");
const START_MS = 30_000;
const STARTED = "ATI proxy server starting";

/** The variables a server may see; nothing of the tests' own environment but these. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "DENO_DIR"];

/** A folder with the files of an ATI directory, by relative path. */
export function createAtiDirectory(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "atikit-server-"));
  mkdirSync(join(directory, "manifests"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

/** Removes what {@link createAtiDirectory} made. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Program and arguments that run server.ts here. */
export function serverCommand(): readonly [program: string, args: readonly string[]] {
  return runtimeCommand(SERVER);
}

/** A process and what it wrote. */
export interface ServerProcess {
  readonly child: ChildProcess;
  /** Everything on standard error so far. */
  output(): string;
  /** The JSON lines on standard error so far. */
  records(): Record<string, unknown>[];
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
}

/** Runs a command and gathers what it writes. */
export function runServer(
  env: Readonly<Record<string, string>>,
  command: readonly [program: string, args: readonly string[]] = serverCommand(),
): ServerProcess {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(command[0], [...command[1]], {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), PORT: "0", NO_COLOR: "1", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
  return {
    child,
    exited,
    output: () => text,
    records: () =>
      text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)),
  };
}

/** A server that listens. */
export interface TestServer extends ServerProcess {
  readonly url: string;
  readonly port: number;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Resolves when a record with this message (and, if given, more than `after` of them) is there. */
  waitFor(message: string, after?: number): Promise<void>;
  /** The first record that is like this, as soon as it is there. */
  findRecord(
    isWanted: (record: Record<string, unknown>) => boolean,
  ): Promise<Record<string, unknown>>;
  /** Ends it, however it is. */
  kill(): Promise<void>;
}

/** Starts server.ts and waits for its start-up record. */
export async function startServer(
  env: Readonly<Record<string, string>>,
  command?: readonly [program: string, args: readonly string[]],
): Promise<TestServer> {
  const server = runServer(env, command);
  const count = (message: string): number =>
    server.records().filter((record) => record["message"] === message).length;
  const until = async (isThere: () => boolean, what: string): Promise<void> => {
    const deadline = Date.now() + START_MS;
    while (!isThere()) {
      if (server.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`No ${what} in:\n${server.output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const waitFor = (message: string, after = 0): Promise<void> =>
    until(() => count(message) > after, `"${message}"`);
  await waitFor(STARTED);
  const record = server.records().find(({ message }) => message === STARTED);
  const address = String(record?.["addr"]).replace("0.0.0.0", "127.0.0.1");
  const url = `http://${address}`;
  return {
    ...server,
    url,
    port: Number(new URL(url).port),
    get: (path, headers = {}) => fetch(url + path, { headers }),
    waitFor,
    async findRecord(isWanted): Promise<Record<string, unknown>> {
      await until(() => server.records().some(isWanted), "such record");
      return server.records().find(isWanted)!;
    },
    async kill(): Promise<void> {
      server.child.kill("SIGKILL");
      await server.exited;
    },
  };
}

/** An upstream on loopback. */
export interface TestUpstream {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an upstream; without a handler it answers with the headers it got, as JSON. */
export async function startUpstream(
  handler: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  },
): Promise<TestUpstream> {
  // A connection that is closed for being idle, just as a POST goes out on it, is a 502 by right.
  const server = createServer({ keepAliveTimeout: 120_000 }, handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends bytes and reads until the server closes; give `connection: close`. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => answer += chunk);
    socket.setTimeout(10_000, () => socket.destroy(new Error(`No end after: ${answer}`)));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

/** A passthrough manifest for an upstream on loopback. */
export function upstreamManifest(name: string, url: string, extra = ""): string {
  return `[provider]
name = "${name}"
description = "Test"
handler = "passthrough"
base_url = "${url}"
path_prefix = "/${name}"
auth_type = "bearer"
auth_key_name = "${name}_key"
${extra}`;
}
