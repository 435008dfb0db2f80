/** A bounded load generator: some connections, one request at a time on each, on loopback. @module */

import { connect } from "node:net";
import type { Buffer } from "node:buffer";
import { percentile } from "./_measure.ts";

/** What load is put on. */
export interface LoadInput {
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** The request, byte for byte; its answer must have a `content-length`. */
  readonly request: string;
  /** How long, in milliseconds. */
  readonly durationMs: number;
  /** Connections, each kept open. */
  readonly connections: number;
}

/** What came of it. */
export interface LoadResult {
  /** Answers a second. */
  readonly perSecond: number;
  /** Half of the answers took less, in milliseconds. */
  readonly p50Ms: number;
  /** One in a hundred took longer, in milliseconds. */
  readonly p99Ms: number;
  /** Answers that were not 200. */
  readonly failed: number;
}

/** Sends the request over all connections until the time is over. */
export async function putLoad(input: LoadInput): Promise<LoadResult> {
  const latencies: number[] = [];
  let failed = 0;
  const started = performance.now();
  const until = started + input.durationMs;
  const workers = Array.from(
    { length: input.connections },
    () =>
      runConnection(input, until, (ms, ok) => {
        latencies.push(ms);
        if (!ok) failed += 1;
      }),
  );
  await Promise.all(workers);
  const seconds = (performance.now() - started) / 1000;
  return {
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    failed,
  };
}

function runConnection(
  { port, request }: LoadInput,
  until: number,
  record: (ms: number, ok: boolean) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let received = "";
    let sent = 0;
    const send = (): void => {
      sent = performance.now();
      socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (!isComplete(received)) return;
      const now = performance.now();
      record(now - sent, received.startsWith("HTTP/1.1 200"));
      received = "";
      if (now < until) send();
      else socket.end();
    });
  });
}

function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const [, length = "0"] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end)) ?? [];
  return text.length >= end + 4 + Number(length);
}
