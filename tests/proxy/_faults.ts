/** Upstreams that misbehave by hand, and what a client sees of it. @module */

import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { connectRaw } from "../runtime/_raw.ts";
import type { RawConnection } from "../runtime/_raw.ts";

/** What an upstream does with a request, once its header section is there. */
export type Fault = (socket: Socket) => void;

/** An upstream that does to each request what the last segment of its path names. */
export interface FaultyUpstream {
  readonly url: string;
  /** `METHOD path` of the requests whose header section came in whole, in order. */
  readonly requests: string[];
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** Bodies beyond this are not waited for. */
const AWAITED_BODY_BYTES = 1000;

/** Starts an upstream on loopback. Kept connections take one request after the other. */
export async function startFaultyUpstream(
  faults: Readonly<Record<string, Fault>>,
): Promise<FaultyUpstream> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    // Each write is on its way at once, not when the one before it was acknowledged.
    socket.setNoDelay(true);
    socket.on("error", () => {/* the other side's doing */});
    socket.on("close", () => sockets.delete(socket));
    let received = "";
    socket.on("data", (chunk: Uint8Array) => {
      received += new TextDecoder("latin1").decode(chunk);
      const end = received.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = received.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < end + 4 + length && length <= AWAITED_BODY_BYTES) return;
      received = received.slice(end + 4 + length);
      const [method = "", path = ""] = head.split(" ");
      requests.push(`${method} ${path}`);
      faults[path.split("/").at(-1) ?? ""]?.(socket);
    });
  });
  await new Promise<void>((done) =>
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, done)
  );
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    sockets,
    async close(): Promise<void> {
      const closed = new Promise((done) => server.close(done));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Sends bytes and leaves the connection open. */
export function say(text: string): Fault {
  return (socket) => void socket.write(text, "latin1");
}

/** Sends bytes and closes the connection in order. */
export function sayAndClose(text: string): Fault {
  return (socket) => void socket.end(text, "latin1");
}

/** Sends bytes and, once they are out, resets the connection. */
export function sayAndReset(text: string): Fault {
  return (socket) => {
    // A reset may overtake what was sent before it, so the client gets a moment to read that.
    socket.write(text, "latin1", () => setTimeout(() => socket.resetAndDestroy(), 400));
  };
}

/** Sends bytes, then a piece again and again until the other side goes away. */
export function drip(text: string, piece: string, everyMs: number): Fault {
  return (socket) => {
    socket.write(text, "latin1");
    const timer = setInterval(() => socket.write(piece, "latin1"), everyMs);
    socket.on("close", () => clearInterval(timer));
  };
}

/** What a client made of an answer. */
export interface Outcome {
  /** Status code; 0 where no header section came. */
  readonly status: number;
  /** Header section in lower case. */
  readonly head: string;
  /** Body, chunks put together. */
  readonly body: string;
  /** True when the body is as long as its framing says, or the last chunk was there. */
  readonly isWhole: boolean;
}

/** Sends bytes and waits until the answer is whole or the connection ends. */
export async function exchange(port: number, bytes: string): Promise<Outcome> {
  const connection = await connectRaw(port);
  connection.socket.write(bytes, "latin1");
  return await readOutcome(connection);
}

/** Waits until an answer is whole or the connection ends, and closes it. */
export async function readOutcome(connection: RawConnection): Promise<Outcome> {
  const text = await connection.until((received) => parseAnswer(received).isWhole);
  connection.socket.destroy();
  return parseAnswer(text);
}

/** Reads an answer as far as it has come. */
export function parseAnswer(text: string): Outcome {
  const end = text.indexOf("\r\n\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
  if (end === -1 || status === 0) return { status: 0, head: "", body: text, isWhole: false };
  if (status === 100) return parseAnswer(text.slice(end + 4));
  const head = text.slice(0, end).toLowerCase();
  const rest = text.slice(end + 4);
  if (status === 204 || status === 304) return { status, head, body: rest, isWhole: true };
  if (/\r\ntransfer-encoding: chunked/.test(head)) return { status, head, ...joinChunks(rest) };
  const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? Number.NaN);
  return { status, head, body: rest, isWhole: rest.length >= length };
}

function joinChunks(text: string): { readonly body: string; readonly isWhole: boolean } {
  let body = "";
  for (let at = 0;;) {
    const line = text.indexOf("\r\n", at);
    const size = line === -1 ? Number.NaN : Number.parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) return { body, isWhole: false };
    if (size === 0) return { body, isWhole: text.startsWith("\r\n", line + 2) };
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
