/** Upstream servers on loopback for tests, and requests to them. @module */

import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";

import type { Deadlines, FetchQuirks, HeaderList, UpstreamRequest } from "../../lib/ports.ts";

/** A server on loopback. */
export interface Origin {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Requests seen so far. */
  readonly requests: readonly IncomingMessage[];
}

/** Starts a server that ends with the test. */
export async function startOrigin(
  t: { after: TestContext["after"] },
  listener: RequestListener,
): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    listener(request, response);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Tests cut connections off on purpose.
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** No deadline at all. */
export const NO_DEADLINES: Deadlines = { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0 };

/** An upstream request for `url` with everything else left out. */
export function makeUpstreamRequest(
  url: string,
  parts: Partial<UpstreamRequest> = {},
): UpstreamRequest {
  return {
    method: "GET",
    url,
    headers: [],
    incoming: new Request("http://localhost/"),
    deadlines: NO_DEADLINES,
    keepAliveMs: 0,
    maxRequestBytes: 0,
    maxResponseBytes: 0,
    ...parts,
  };
}

/** A client's request with a body, streamed piece by piece. */
export function makeStreamedRequest(
  pieces: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>,
  init: { readonly method?: string; readonly signal?: AbortSignal } = {},
): Request {
  const iterator = Symbol.asyncIterator in pieces
    ? pieces[Symbol.asyncIterator]()
    : pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const step = await iterator.next();
      if (step.done) controller.close();
      else controller.enqueue(step.value);
    },
  }, { highWaterMark: 0 });
  const full = { method: "POST", ...init, body, duplex: "half" };
  return new Request("http://localhost/", full as RequestInit);
}

/** What a header list says under a name. */
export function readAll(headers: HeaderList, name: string): string[] {
  return headers.filter(([one]) => one === name).map(([, value]) => value);
}

/** How the `fetch` of this runtime departs from the standard. */
export function listQuirks(): FetchQuirks {
  if ("Deno" in globalThis) {
    return { decompresses: false, acceptEncoding: "identity", losesLength: true };
  }
  if ("Bun" in globalThis) {
    return { decompresses: false, requestInit: { decompress: false }, ignoresHost: false };
  }
  return {};
}

/** A promise and its resolver. */
export function defer<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
