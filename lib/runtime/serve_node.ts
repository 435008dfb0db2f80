/** The server on Node: `node:http` under a standard handler. @module */

import { Buffer } from "node:buffer";
import { createServer, ServerResponse } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  CLIENT_KEEP_ALIVE_MS,
  HEADER_READ_MS,
  MAX_HEADER_BYTES,
  REFUSED_BODY_DRAIN_MS,
} from "../limits.ts";
import type { FetchHandler, Listener, ListenOptions, RequestInfo } from "../ports.ts";
import { createBindError } from "./_bind_error.ts";
import { isSafeHost, refuseBroken, refuseHost } from "./_refusals.ts";
import { UpgradeSocket } from "./_upgrade_socket.ts";
import { createNodeRequest } from "./node_request.ts";
import type { NodeExchange } from "./node_request.ts";
import { sendResponse } from "./node_response.ts";

/**
 * Listens with `node:http`. Slow header sections are cut off, header sections beyond 16 KiB answered
 * 431, requests without a proper single `Host` 400, a handler's errors 500 without their text.
 *
 * @throws {ConfigError} `ERR_CONFIG`, reason the system's code, when the address cannot be bound.
 */
export async function listenOnNode(
  handler: FetchHandler,
  options: ListenOptions,
): Promise<Listener> {
  const server = createTunedServer(options.headerReadMs ?? HEADER_READ_MS);
  const open = new Set<ServerResponse>();
  const upgrades = acceptUpgrades(server, handler);
  let isClosing = false;

  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (isClosing) outgoing.shouldKeepAlive = false;
    open.add(outgoing);
    // A write that came too late must not end the process; `close` tells what there is to tell.
    outgoing.on("error", () => outgoing.destroy());
    outgoing.once("close", () => {
      open.delete(outgoing);
      if (isClosing) server.closeIdleConnections();
    });
    void serve(handler, incoming, outgoing);
  };
  server.on("request", onRequest);
  // Instead of `100 Continue` at once: it is sent when somebody reads the body.
  server.on("checkContinue", onRequest);
  server.on("connect", (_request, socket) => refuseTunnel(socket));

  await bind(server, options);
  const { address, port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    hostname: address,
    port,
    async close(graceMs: number): Promise<void> {
      isClosing = true;
      for (const outgoing of open) outgoing.shouldKeepAlive = false;
      closed ??= new Promise((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => {
        server.closeAllConnections();
        for (const upgrade of upgrades) upgrade.stop();
      }, graceMs);
      await closed.finally(() => clearTimeout(timer));
      await Promise.all([...upgrades].map(({ relay }) => relay?.ended));
    },
  };
}

function createTunedServer(headerReadMs: number): Server {
  const server = createServer({
    keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
    headersTimeout: headerReadMs,
    connectionsCheckingInterval: Math.min(headerReadMs, 1000),
    // Whole-request deadlines would cut long uploads; a body that stalls is cut by whoever reads it.
    requestTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    highWaterMark: 64 * 1024,
    // Node 24.9 and newer; older ones hand over every request with an Upgrade.
    shouldUpgradeCallback: asksForWebSocket,
  });
  // Beyond a count Node drops headers silently; the header section's size is the limit.
  server.maxHeadersCount = 0;
  return server;
}

/** Serves what asks for another protocol. Gives the connections that may become, or are, WebSockets. */
function acceptUpgrades(server: Server, handler: FetchHandler): ReadonlySet<UpgradeSocket> {
  const upgrades = new Set<UpgradeSocket>();
  server.on("upgrade", (incoming, socket, head) => {
    if (!asksForWebSocket(incoming)) return serveOrdinary(server, incoming, socket, head);
    const upgrade = new UpgradeSocket(socket as Socket, head);
    upgrades.add(upgrade);
    socket.once("close", async () => {
      await upgrade.relay?.ended;
      upgrades.delete(upgrade);
    });
    void serveUpgrade(handler, incoming, upgrade);
  });
  return upgrades;
}

async function serve(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const head = readHead(incoming, outgoing);
  if (head.exchange.hasBody) outgoing.once("finish", () => drainRest(incoming));
  await answer(handler, outgoing, head);
}

/** A WebSocket's handshake: answered like any request, or upgraded by a response that does so. */
async function serveUpgrade(
  handler: FetchHandler,
  incoming: IncomingMessage,
  upgrade: UpgradeSocket,
): Promise<void> {
  const { socket } = upgrade;
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.on("error", () => socket.destroy());
  socket.on("drain", () => outgoing.emit("drain"));
  outgoing.once("finish", () => {
    outgoing.detachSocket(socket);
    upgrade.finish();
    outgoing.emit("close");
  });
  try {
    outgoing.assignSocket(socket);
  } catch {
    // Sent behind a request that has no answer yet: the two would mix on the connection.
    return void socket.destroy();
  }
  const { host, exchange } = readHead(incoming, outgoing);
  // Node asks ordinary requests of HTTP/1.1 for a Host, but not these (RFC 9112 §3.2).
  await answer(handler, outgoing, { host: host ?? "", exchange: { ...exchange, upgrade } });
}

async function answer(
  handler: FetchHandler,
  outgoing: ServerResponse,
  { host, exchange }: RequestHead,
): Promise<void> {
  const { incoming } = exchange;
  const isHead = incoming.method === "HEAD";
  try {
    if (!isSafeHost(host)) return await sendResponse(refuseHost(), outgoing, isHead);
    const request = createNodeRequest(exchange, host ?? "localhost");
    await sendResponse(await handler(request, new NodeInfo(incoming)), outgoing, isHead);
    // A client that waits for `100 Continue` and gets another answer may or may not send the body.
    if (exchange.expectsContinue && !incoming.complete) outgoing.shouldKeepAlive = false;
  } catch {
    // The handler is meant to answer for its own errors, with a record of them.
    if (outgoing.headersSent) outgoing.destroy();
    else await sendResponse(refuseBroken(), outgoing, isHead).catch(() => outgoing.destroy());
  }
}

// A class: an object literal with a getter takes a microsecond to make.
class NodeInfo implements RequestInfo {
  readonly #incoming: IncomingMessage;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
  }

  get rawTarget(): string | undefined {
    return this.#incoming.url;
  }

  get remoteAddress(): string | undefined {
    return this.#incoming.socket.remoteAddress;
  }
}

interface RequestHead {
  readonly host: string | null;
  readonly exchange: NodeExchange;
}

// One pass over the raw fields: `incoming.headers` would build an object for each request.
function readHead(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): RequestHead {
  const { rawHeaders } = incoming;
  let host: string | null = null;
  let hasBody = false;
  let expectsContinue = false;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name.length === 4 && name.toLowerCase() === "host") {
      host = host === null ? value : `${host}, ${value}`;
    } else if (name.length === 14 && name.toLowerCase() === "content-length") {
      hasBody ||= value !== "0";
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      hasBody = true;
    } else if (name.length === 6 && name.toLowerCase() === "expect") {
      expectsContinue = value.toLowerCase() === "100-continue";
    }
  }
  return { host, exchange: { incoming, outgoing, hasBody, expectsContinue } };
}

// RFC 9110 §7.8: any Upgrade may be ignored, and one of HTTP/1.0 must be. A handshake has no body.
function asksForWebSocket({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === "1.1" &&
    /(?:^|,)[ \t]*websocket[ \t]*(?:,|$)/i.test(headers.upgrade ?? "") &&
    headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0";
}

/** Serves a request without its `Upgrade`: its head is written anew and read again, body and all. */
function serveOrdinary(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.toLowerCase() !== "upgrade") lines.push(`${name}: ${rawHeaders[index + 1]}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}

// An answer that came before the whole body: what is under way is read and thrown away for a moment,
// because closing at once would reset the connection and lose the answer on its way.
function drainRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  incoming.removeAllListeners("data");
  incoming.resume();
  const { socket } = incoming;
  const timer = setTimeout(() => socket.destroy(), REFUSED_BODY_DRAIN_MS);
  incoming.once("close", () => clearTimeout(timer));
}

// RFC 9110 §9.3.6: no tunnels here. From this event on the socket is ours, its errors included.
function refuseTunnel(socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

function bind(server: Server, { hostname, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on("error", (error) => reject(createBindError(error, { hostname, port })));
    server.listen({ host: hostname, port, backlog: 4096 }, resolve);
  });
}
