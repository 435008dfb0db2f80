/**
 * The upstream call over `node:http`: for what the `fetch` of Deno and Bun does badly (bodies without
 * a declared length, more than 256 calls at once on Bun) or not at all (a look at the address dialled).
 *
 * Slower than `fetch` there, so it is the fallback. Bodies are pumped by hand: `stream.pipeline` ended
 * Deno's process under load.
 *
 * @module
 */

import { Agent as HttpAgent, request as requestHttp } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { Socket } from "node:net";
import { PassthroughError } from "../errors.ts";
import { MAX_UPSTREAM_POOLS } from "../limits.ts";
import type { OpenUpstream, UpstreamRequest, UpstreamResponse } from "../ports.ts";
import { createAddressGuards } from "./_address_guard.ts";
import type { AddressGuard, GuardOptions } from "./_address_guard.ts";
import { createBoundedCache } from "./_bounded_cache.ts";
import { DispatchExchange } from "./_dispatch_exchange.ts";
import type {
  Dispatch,
  DispatchBody,
  DispatchController,
  DispatchHandler,
  DispatchOptions,
} from "./_dispatch.ts";
import { createTimeoutFailure } from "../upstream_failures.ts";

/** The connections that are kept, with and without TLS. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** Opens the upstream call. */
export function openHttpUpstream(options?: GuardOptions): OpenUpstream {
  const guardFor = createAddressGuards(options);
  const agents = createBoundedCache<Agents>(MAX_UPSTREAM_POOLS, retire);

  function agentsFor({ keepAliveMs, privateAddresses = "allow" }: UpstreamRequest): Agents {
    // A connection that nobody checked must not serve a request that asks for the check.
    return agents.get(`${keepAliveMs} ${privateAddresses}`, () => {
      // `timeout` ends unused connections; on one in use it only tells, and nobody listens.
      const options = { keepAlive: keepAliveMs > 0, timeout: keepAliveMs };
      return { http: new HttpAgent(options), https: new HttpsAgent(options) };
    });
  }

  return {
    upstream: async (request: UpstreamRequest): Promise<UpstreamResponse> => {
      assertBodyIsThere(request);
      const guard = guardFor(request.privateAddresses);
      guard?.checkHost(new URL(request.url).hostname);
      const { connectMs } = request.deadlines;
      const send: Dispatch = (options, handler) => {
        // Every kept connection may be as dead as the one that failed.
        const agents = agentsFor(options.isRepeated ? { ...request, keepAliveMs: 0 } : request);
        dispatch(options, handler, { agents, connectMs, guard });
      };
      return await new DispatchExchange(send, request, { relays: false }).start();
    },
    close(): Promise<void> {
      for (const { http, https } of agents.takeAll()) {
        http.destroy();
        https.destroy();
      }
      return Promise.resolve();
    },
  };
}

// What is in use finishes, and is closed once it was unused for as long as its route said.
function retire({ http, https }: Agents): void {
  for (const sockets of [http, https].flatMap((agent) => Object.values(agent.freeSockets))) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}

// The servers of Deno and Bun hide the body of a GET or HEAD. Sent on without it, the request would
// wait for ever, or mean something else.
function assertBodyIsThere({ incoming, headers, body }: UpstreamRequest): void {
  if (body !== undefined) return;
  const declared = headers.find(([name]) => name === "content-length")?.[1] ?? "0";
  if (incoming.body !== null || (declared === "0" && !incoming.headers.has("transfer-encoding"))) {
    return;
  }
  throw new PassthroughError(
    "ERR_BAD_REQUEST",
    "Cannot forward the request: this runtime does not hand out the body of a GET or HEAD",
    { reason: "body_not_supported" },
  );
}

/** How connections come about. */
export interface Way {
  readonly agents: Agents;
  readonly connectMs: number;
  readonly guard: AddressGuard | undefined;
}

function dispatch(options: DispatchOptions, handler: DispatchHandler, way: Way): void {
  const { origin, path, method, headers, body } = options;
  const url = new URL(origin);
  const isTls = url.protocol === "https:";
  const fields = groupHeaders(headers);
  if (body !== null && fields["content-length"] === undefined) {
    fields["transfer-encoding"] = "chunked";
  }
  const request = (isTls ? requestHttps : requestHttp)({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port || (isTls ? 443 : 80),
    path,
    method,
    headers: fields,
    setHost: fields["host"] === undefined,
    agent: isTls ? way.agents.https : way.agents.http,
    ...(way.guard && { lookup: way.guard.lookup }),
  });
  const { controller, receive, fail } = attachHandler(request, handler);
  request.on("error", fail);
  request.on("response", receive);
  whenConnected(request, isTls, way, () => {
    handler.onRequestStart(controller);
    pump(body, request).catch((error: Error) => controller.abort(error));
  });
}

/** What stands between a client request of `node:http` and the handler of its dispatch. */
export interface AttachedHandler {
  /** For `onRequestStart`. */
  readonly controller: DispatchController;
  /** Takes the response. */
  receive(incoming: IncomingMessage): void;
  /** Takes an error of the request. */
  fail(error: Error): void;
}

/** Tells a handler, once, how a request of `node:http` ends, and everything before that. */
export function attachHandler(request: ClientRequest, handler: DispatchHandler): AttachedHandler {
  let response: IncomingMessage | undefined;
  let isOver = false;
  const fail = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    handler.onResponseError(controller, error);
  };
  const controller: DispatchController = {
    get rawHeaders(): unknown {
      return response?.rawHeaders;
    },
    pause: () => response?.pause(),
    resume: () => response?.resume(),
    abort(reason: Error): void {
      request.destroy(reason);
      response?.destroy();
      fail(reason);
    },
  };
  const receive = (incoming: IncomingMessage): void => {
    response = incoming;
    incoming.on("data", (chunk: Buffer) => handler.onResponseData(controller, chunk));
    incoming.on("error", fail);
    incoming.on("end", () => {
      if (isOver || !incoming.complete) return;
      isOver = true;
      // Answered before the upload was through: nobody waits for the rest, and on Deno no write of it
      // would ever come back.
      if (!request.writableEnded) request.destroy();
      handler.onResponseEnd();
    });
    // The connection broke inside the body.
    incoming.on("close", () => fail(Object.assign(new Error("Lost"), { code: "ECONNRESET" })));
    const { statusCode = 0, statusMessage } = incoming;
    handler.onResponseStart(controller, statusCode, undefined, statusMessage);
  };
  return { controller, receive, fail };
}

/** Header fields as `node:http` takes them. One value is a string, not a list: `host` may be nothing else. */
export function groupHeaders(flat: readonly string[]): Record<string, string | string[]> {
  const grouped: Record<string, string | string[]> = Object.create(null);
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index] as string;
    const value = flat[index + 1] as string;
    const before = grouped[name];
    grouped[name] = before === undefined ? value : [before, value].flat();
  }
  return grouped;
}

/** Goes on when the connection stands, within its deadline and to a peer that may be spoken to. */
export function whenConnected(
  request: ClientRequest,
  isTls: boolean,
  { connectMs, guard }: Pick<Way, "connectMs" | "guard">,
  next: () => void,
): void {
  request.once("socket", (socket: Socket) => {
    // Deno repeats by itself what fails on a kept connection, a POST that we break off included: it
    // keeps the pieces written for that, though their buffer is in use again, and its process ends.
    request.reusedSocket = false;
    if (!socket.connecting) return next();
    const timer = connectMs > 0
      ? setTimeout(() => request.destroy(createTimeoutFailure("connect")), connectMs)
      : undefined;
    request.once("close", () => clearTimeout(timer));
    socket.once(isTls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      try {
        guard?.checkPeer(socket);
      } catch (refusal) {
        request.destroy(refusal as Error);
        return;
      }
      next();
    });
  });
}

async function pump(body: DispatchBody, request: ClientRequest): Promise<void> {
  if (body !== null && Symbol.asyncIterator in body) {
    for await (const piece of body) {
      if (request.destroyed) return;
      // Written out before the next is read: the pieces share a buffer.
      await write(piece, request);
      if (request.destroyed) return;
    }
    request.end();
  } else request.end(body ?? undefined);
}

function write(piece: Uint8Array, request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.removeListener("close", done);
      resolve();
    };
    request.once("close", done);
    request.write(piece, done);
  });
}
