/** A load generator in here, for machines without `wrk`: slower, so the figures are of both. @module */

import { connect } from "node:net";
import type { Buffer } from "node:buffer";
import type { LoadOptions, LoadRequest, LoadResult } from "./_load.ts";
import { percentile } from "./_measure.ts";

/** Sends the request over all connections until the time is over. */
export async function putOwnLoad(request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let failed = 0;
  const started = performance.now();
  const until = started + options.seconds * 1000;
  const record = (ms: number, ok: boolean): void => {
    latencies.push(ms);
    if (!ok) failed += 1;
  };
  const text = formatRequest(request);
  const workers = Array.from(
    { length: options.connections },
    () => runConnection(request.port, text, until, record),
  );
  await Promise.all(workers);
  const seconds = (performance.now() - started) / 1000;
  return {
    requests: latencies.length,
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    failed,
  };
}

function formatRequest({ method, path, headers, body }: LoadRequest): string {
  const fields = Object.entries({ host: "127.0.0.1", ...headers });
  if (body !== "") fields.push(["content-length", String(body.length)]);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${path} HTTP/1.1\r\n${lines}\r\n${body}`;
}

function runConnection(
  port: number,
  request: string,
  until: number,
  record: (ms: number, ok: boolean) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let head = "";
    let missing = -1;
    let sent = 0;
    const send = (): void => {
      head = "";
      missing = -1;
      sent = performance.now();
      socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      let bytes = chunk.length;
      if (missing < 0) {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        missing = Number(/\r\ncontent-length: (\d+)/i.exec(head.slice(0, end))?.[1] ?? 0);
        bytes = head.length - end - 4;
      }
      missing -= bytes;
      // A chunked answer without a length ends with an empty chunk.
      const isChunked = /\r\ntransfer-encoding: chunked/i.test(head);
      if (isChunked ? chunk.subarray(-5).toString("latin1") !== "0\r\n\r\n" : missing > 0) return;
      const now = performance.now();
      record(now - sent, /^HTTP\/1\.1 2/.test(head));
      if (now < until) send();
      else socket.end();
    });
  });
}
