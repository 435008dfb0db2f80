/** Load on loopback, bounded in time and connections: `wrk` where it is installed, else our own. @module */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { putOwnLoad } from "./_own_load.ts";
import { findProgram, pinTo } from "./_process.ts";

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1000, m: 60_000 };

/** What is asked for over and over. */
export interface LoadRequest {
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** Method. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Header fields besides `Host` and `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body; empty for none. */
  readonly body: string;
}

/** How much of it. */
export interface LoadOptions {
  /** How long, in seconds. */
  readonly seconds: number;
  /** Connections, each kept open, one request at a time on each. */
  readonly connections: number;
  /** A folder for what `wrk` reads. */
  readonly folder: string;
}

/** What came of it. */
export interface LoadResult {
  /** Answers. */
  readonly requests: number;
  /** Answers a second. */
  readonly perSecond: number;
  /** Half of the answers took less, in milliseconds. */
  readonly p50Ms: number;
  /** One in a hundred took longer, in milliseconds. */
  readonly p99Ms: number;
  /** Answers that were not 2xx, and connections that broke. */
  readonly failed: number;
}

/** Puts load on a server. */
export async function putLoad(request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const wrk = findProgram("wrk");
  return wrk === undefined ? await putOwnLoad(request, options) : runWrk(wrk, request, options);
}

function runWrk(wrk: string, request: LoadRequest, options: LoadOptions): LoadResult {
  const script = join(options.folder, "request.lua");
  writeFileSync(script, formatScript(request));
  const command = [
    ...pinTo("beside"),
    wrk,
    "-t1",
    `-c${options.connections}`,
    `-d${options.seconds}s`,
    "--latency",
    "-s",
    script,
    `http://127.0.0.1:${request.port}${request.path}`,
  ];
  const [program = "", ...args] = command;
  const { stdout, stderr, status } = spawnSync(program, args, {
    encoding: "utf8",
    timeout: (options.seconds + 30) * 1000,
  });
  if (status !== 0) throw new Error(`Cannot run wrk: ${stderr}`);
  return parseWrk(stdout);
}

function formatScript({ method, headers, body }: LoadRequest): string {
  return [
    `wrk.method = ${JSON.stringify(method)}`,
    `wrk.body = ${JSON.stringify(body)}`,
    ...Object.entries(headers).map(([name, value]) =>
      `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`
    ),
  ].join("\n");
}

function parseWrk(text: string): LoadResult {
  const latency = (share: string): number => {
    const [, value = "0", unit = "ms"] = new RegExp(`${share}%\\s+([0-9.]+)(us|ms|s|m)`)
      .exec(text) ?? [];
    return Number(value) * (MICROSECONDS[unit] ?? 1);
  };
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const odd = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? "0";
  return {
    requests: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0),
    perSecond: Number(/Requests\/sec:\s+([0-9.]+)/.exec(text)?.[1] ?? 0),
    p50Ms: latency("50"),
    p99Ms: latency("99"),
    failed: Number(odd) +
      (broken?.slice(1).reduce((total, count) => total + Number(count), 0) ?? 0),
  };
}
