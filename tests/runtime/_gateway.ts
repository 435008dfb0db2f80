/** The smallest proxy: every request goes to one upstream over the runtime's own call. @module */

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { isAtiError } from "../../lib/errors.ts";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import type { HeaderList, StreamEnd, UpstreamRequest } from "../../lib/ports.ts";
import { testRuntime } from "../helpers/runtime.ts";

/** A running proxy. */
export interface Gateway {
  readonly port: number;
  /** How exchanges ended, in order. */
  readonly ends: readonly StreamEnd[];
  /** Waits until so many exchanges have ended. */
  untilEnds(count: number): Promise<readonly StreamEnd[]>;
  close(): Promise<void>;
}

/** What the proxy decides; the rest comes from the client's request. */
export type Decisions =
  & Partial<
    Pick<UpstreamRequest, "host" | "maxRequestBytes" | "maxResponseBytes" | "privateAddresses">
  >
  & { readonly deadlines?: Partial<UpstreamRequest["deadlines"]> };

const NO_DEADLINES = { connectMs: 5000, headersMs: 0, idleMs: 0, totalMs: 0 };
const CONNECTION_FIELDS = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "transfer-encoding",
]);

/** Starts a proxy to `http://127.0.0.1:<upstreamPort>`; a failed call is told by status 502 and code. */
export async function startGateway(
  upstreamUrl: string,
  decisions: Decisions = {},
): Promise<Gateway> {
  const runtime = await testRuntime();
  const { upstream, close } = await runtime.openUpstream(createFetchUpstream);
  const ends: StreamEnd[] = [];
  let check = (): void => {};
  const listener = await runtime.listen(async (request, info) => {
    const target = info?.rawTarget ?? request.url.slice(request.url.indexOf("/", 8));
    try {
      const answer = await upstream({
        method: request.method,
        url: upstreamUrl + target,
        headers: withoutConnection([...request.headers]),
        incoming: request,
        keepAliveMs: 5000,
        maxRequestBytes: 0,
        maxResponseBytes: 0,
        ...decisions,
        deadlines: { ...NO_DEADLINES, ...decisions.deadlines },
      });
      return answer.respond({
        status: answer.status,
        statusText: answer.statusText,
        headers: withoutConnection(answer.headers),
        onClose(end): void {
          ends.push(end);
          check();
        },
      });
    } catch (error) {
      if (!isAtiError(error)) throw error;
      return new Response(`${error.code} ${error.reason}`, { status: 502 });
    }
  }, { hostname: "127.0.0.1", port: 0 });
  return {
    port: listener.port,
    ends,
    untilEnds: (count) =>
      new Promise((resolve) => {
        check = () => ends.length >= count && resolve(ends);
        check();
      }),
    async close(): Promise<void> {
      await listener.close(0);
      await close();
    },
  };
}

/** A server on loopback that is not the proxy's. */
export interface Peer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an HTTP upstream. */
export function startUpstream(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Peer> {
  return listen(createServer({ highWaterMark: 65536 }, handler));
}

/** Starts an upstream that speaks by hand. */
export function startRawUpstream(handler: (socket: Socket) => void): Promise<Peer> {
  return listen(createTcpServer(handler));
}

/** Starts upstream and proxy, and closes both. */
export async function withGateway(
  upstream: Promise<Peer>,
  use: (gateway: Gateway, upstream: Peer) => Promise<void>,
  decisions?: Decisions,
): Promise<void> {
  const peer = await upstream;
  const gateway = await startGateway(peer.url, decisions);
  try {
    await use(gateway, peer);
  } finally {
    await gateway.close();
    await peer.close();
  }
}

async function listen(server: Server): Promise<Peer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {/* the other side's doing */});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) =>
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, resolve)
  );
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function withoutConnection(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !CONNECTION_FIELDS.has(name));
}

/** An upstream that sends the body back, and tells how its length came. */
export function echoRequest(request: IncomingMessage, response: ServerResponse): void {
  const length = request.headers["content-length"];
  response.writeHead(200, {
    "x-length": length ?? "chunked",
    ...(length && { "content-length": length }),
  });
  request.pipe(response);
}
