/** The server on Bun. @module */

import type { FetchHandler, Listener, ListenOptions, RequestInfo } from "../ports.ts";
import { createBindError } from "./_bind_error.ts";
import { BridgeSet } from "./_bridge_set.ts";
import { bunNamespace } from "./_bun.ts";
import type { BunHandler, BunServer, BunServeSettings } from "./_bun.ts";
import { allowUpgrade, bunWebSocketHandlers } from "./_bun_upgrade.ts";
import { isSafeHost, refuseBroken, refuseHost } from "./_refusals.ts";

/** The longest that Bun knows. An unused connection must end some time: its client may be gone. */
const IDLE_SECONDS = 255;
const KEEP_AWAKE_MS = 60_000;

/** What `Bun.serve`, or a default export that Bun serves, needs besides `fetch`. */
export const bunServeSettings: BunServeSettings = {
  idleTimeout: IDLE_SECONDS,
  // Limits are the routes' own; Bun's default would refuse bodies beyond 128 MiB.
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  development: false,
  error: refuseBroken,
  websocket: bunWebSocketHandlers,
};

/**
 * Listens with `Bun.serve`.
 *
 * @throws {ConfigError} `ERR_CONFIG`, reason the system's code, when the address cannot be bound.
 */
export function listenOnBun(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  const bridges = new BridgeSet();
  let server: BunServer;
  try {
    const { hostname, port } = options;
    server = bunNamespace().serve({
      ...bunServeSettings,
      hostname,
      port,
      reusePort: false,
      fetch: adaptForBun(handler, bridges),
    });
  } catch (error) {
    return Promise.reject(createBindError(error, options));
  }
  return Promise.resolve({
    hostname: server.hostname,
    port: server.port,
    async close(graceMs: number): Promise<void> {
      const timer = setTimeout(() => void bridges.stop().then(() => server.stop(true)), graceMs);
      // Bun counts the clients' sides only.
      await Promise.all([server.stop(), bridges.ended()]).finally(() => clearTimeout(timer));
    },
  });
}

/**
 * The handler as `Bun.serve`, and Bun for a default export, call it.
 *
 * @param bridges Where its WebSockets are counted, if anybody closes them.
 */
export function adaptForBun(handler: FetchHandler, bridges?: BridgeSet): BunHandler {
  const awake = createWakefulness();
  return async (request, server) => {
    if (!isSafeHost(request.headers.get("host"))) return refuseHost();
    if (request.headers.has("upgrade")) allowUpgrade(request, { server, bridges });
    awake.add(request, server);
    try {
      const response = await handler(request, new BunInfo(request, server));
      // Events may be hours apart.
      if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
        server.timeout(request, 0);
      }
      return response;
    } catch {
      // The handler is meant to answer for its own errors, with a record of them.
      return refuseBroken();
    } finally {
      awake.delete(request);
    }
  };
}

// Bun shows only the normalised URL, so there is no raw target to hand on.
class BunInfo implements RequestInfo {
  readonly #request: Request;
  readonly #server: BunServer;

  constructor(request: Request, server: BunServer) {
    this.#request = request;
    this.#server = server;
  }

  get remoteAddress(): string | undefined {
    return this.#server.requestIP(this.#request)?.address;
  }
}

/** Keeps Bun from closing connections whose requests are still being worked on. */
function createWakefulness(): {
  add(request: Request, server: BunServer): void;
  delete(request: Request): void;
} {
  const open = new Map<Request, BunServer>();
  let timer: ReturnType<typeof setInterval> | undefined;
  function prolong(): void {
    for (const [request, server] of open) server.timeout(request, IDLE_SECONDS);
    if (open.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }
  return {
    add(request, server): void {
      open.set(request, server);
      if (timer !== undefined) return;
      timer = setInterval(prolong, KEEP_AWAKE_MS);
      timer.unref();
    },
    delete(request): void {
      open.delete(request);
    },
  };
}
