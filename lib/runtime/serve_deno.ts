/** The server on Deno. @module */

import type { FetchHandler, Listener, ListenOptions, RequestInfo } from "../ports.ts";
import { createBindError } from "./_bind_error.ts";
import { BridgeSet, countBridge } from "./_bridge_set.ts";
import { denoNamespace } from "./_deno.ts";
import type { DenoHandler, DenoInfo, DenoServer } from "./_deno.ts";
import { isSafeHost, refuseBroken, refuseHost } from "./_refusals.ts";

/**
 * Listens with `Deno.serve`.
 *
 * @throws {ConfigError} `ERR_CONFIG`, reason the system's code, when the address cannot be bound.
 */
export function listenOnDeno(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  const cutOff = new AbortController();
  const bridges = new BridgeSet();
  try {
    const server = denoNamespace().serve({
      hostname: options.hostname,
      port: options.port,
      tcpBacklog: 4096,
      signal: cutOff.signal,
      onListen(): void {/* whoever started us says so */},
      onError: refuseBroken,
    }, adaptForDeno(handler, bridges));
    const { hostname, port } = server.addr;
    return Promise.resolve({ hostname, port, close: createClose(server, cutOff, bridges) });
  } catch (error) {
    return Promise.reject(createBindError(error, options));
  }
}

/**
 * The handler as `Deno.serve` and `deno serve` call it.
 *
 * @param bridges Where its WebSockets are counted, if anybody closes them.
 */
export function adaptForDeno(handler: FetchHandler, bridges?: BridgeSet): DenoHandler {
  muteSignalWarning();
  return async (request, info) => {
    const host = request.headers.get("host");
    if (!isSafeHost(host)) return refuseHost();
    if (host !== null) hideEmptyBody(request);
    if (bridges !== undefined && request.headers.has("upgrade")) countBridge(request, bridges);
    try {
      return await handler(request, new DenoRequestInfo(readTarget(request.url, host), info));
    } catch {
      // The handler is meant to answer for its own errors, with a record of them.
      return refuseBroken();
    }
  };
}

/**
 * Deno gives every POST, PATCH or DELETE a body, though there be none; sent on, it would become an
 * empty chunked one. HTTP/2, which has no Host and needs no framing fields, is left alone.
 */
function hideEmptyBody(request: Request): void {
  const { headers, method } = request;
  if (method === "GET" || headers.has("content-length") || headers.has("transfer-encoding")) return;
  Object.defineProperty(request, "body", { value: null });
}

class DenoRequestInfo implements RequestInfo {
  readonly rawTarget: string;
  readonly #info: DenoInfo | undefined; // a program that imports the handler gives none

  constructor(rawTarget: string, info: DenoInfo | undefined) {
    this.rawTarget = rawTarget;
    this.#info = info;
  }

  get remoteAddress(): string | undefined {
    return this.#info?.remoteAddr.hostname;
  }
}

/**
 * Deno pastes scheme, host and target together and leaves the target as it came. What cannot be told
 * is an absolute-form target that names our own host: it looks like an origin-form one, and means it.
 */
function readTarget(url: string, host: string | null): string {
  const start = url.indexOf("://") + 3;
  const pathStart = url.indexOf("/", start);
  const authority = pathStart === -1 ? url.slice(start) : url.slice(start, pathStart);
  const isOriginForm = host === null || host === "" || authority === host;
  return isOriginForm && pathStart !== -1 ? url.slice(pathStart) : url;
}

/**
 * Deno can let requests finish, or cut everything off, but not the one after the other: connections
 * that are left when the grace is over end with the process. Its shutdown would end WebSockets at once
 * and in the middle; so they are closed in order before it, without a grace.
 */
function createClose(
  server: DenoServer,
  cutOff: AbortController,
  bridges: BridgeSet,
): Listener["close"] {
  let stopWaiting: (() => void) | undefined;
  return async (graceMs) => {
    if (graceMs === 0) {
      await bridges.stop();
      if (stopWaiting === undefined) cutOff.abort();
      else stopWaiting();
      return;
    }
    const late = new Promise<void>((resolve) => {
      stopWaiting = resolve;
    });
    const timer = setTimeout(() => stopWaiting?.(), graceMs);
    const ended = bridges.stop().then(() => server.shutdown());
    await Promise.race([ended, late]).finally(() => clearTimeout(timer));
  };
}

const SIGNAL_WARNING = "Deno.serve: request.signal aborts on successful responses";
let isMuted = false;

// Deno tells once, on standard error, that `request.signal` also aborts after a response. The upstream
// call knows that and stops listening in time; the log on standard error must be nothing but records.
function muteSignalWarning(): void {
  if (isMuted) return;
  isMuted = true;
  const warn = console.warn;
  console.warn = (...words: unknown[]): void => {
    if (!String(words[0]).startsWith(SIGNAL_WARNING)) warn(...words);
  };
}
