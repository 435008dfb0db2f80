/**
 * The upstream call on Node: undici's dispatch, from socket to socket without web streams.
 *
 * Node's `fetch` costs six times as much a request and, up to Node 24, keeps every streamed request
 * body in memory. Dispatch does neither, sends any body with any method, leaves encodings alone and
 * takes a `Host`. The deadlines are ours.
 *
 * @module
 */

import type { Agent, buildConnector, Dispatcher } from "undici";
import { MAX_UPSTREAM_POOLS } from "../limits.ts";
import type { OpenUpstream, Upstream, UpstreamRequest, UpstreamResponse } from "../ports.ts";
import { createAddressGuards } from "./_address_guard.ts";
import type { AddressGuard, GuardOptions } from "./_address_guard.ts";
import { createBoundedCache } from "./_bounded_cache.ts";
import { DispatchExchange } from "./_dispatch_exchange.ts";
import type { Dispatch } from "./_dispatch.ts";
import { UndiciHandler } from "./_undici_handler.ts";
import { createNodeTunnel } from "./websocket_node.ts";

/** Opens the upstream call; connections are kept per origin, as long as each request's route says. */
export async function openNodeUpstream(options?: GuardOptions): Promise<OpenUpstream> {
  const { Agent, buildConnector } = await import("undici");
  const guardFor = createAddressGuards(options);
  // Manifests come and go with reloads, and their deadlines with them. A retired agent lets what is
  // under way finish.
  const agents = createBoundedCache<Agent>(
    MAX_UPSTREAM_POOLS,
    (agent) => void agent.close().catch(() => {/* destroyed meanwhile */}),
  );

  function agentFor(request: UpstreamRequest): Agent {
    const { deadlines: { connectMs }, keepAliveMs, privateAddresses = "allow" } = request;
    // A connection that nobody checked must not serve a request that asks for the check.
    const key = `${connectMs} ${keepAliveMs} ${privateAddresses}`;
    return agents.get(key, () => {
      const guard = guardFor(privateAddresses);
      return new Agent({
        connect: watchConnector(
          buildConnector({ timeout: connectMs, ...(guard && { lookup: guard.lookup }) }),
          guard,
        ),
        // RFC 9112 §9.3: without pipelining undici closes after each response.
        ...(keepAliveMs > 0
          ? { pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs }
          : { pipelining: 0 }),
        // Undici would end quiet streams after 300 s; the exchange has deadlines of its own.
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
      });
    });
  }

  const upstream: Upstream = (request: UpstreamRequest): Promise<UpstreamResponse> => {
    try {
      guardFor(request.privateAddresses)?.checkHost(new URL(request.url).hostname);
    } catch (refusal) {
      return Promise.reject(refusal);
    }
    // Looked up when it sends: one looked up before may have been retired since.
    const send: Dispatch = (options, handler) => {
      // Every kept connection may be as dead as the one that failed.
      const agent = agentFor(options.isRepeated ? { ...request, keepAliveMs: 0 } : request);
      agent.dispatch(
        options as Dispatcher.DispatchOptions,
        new UndiciHandler(handler) as Dispatcher.DispatchHandler,
      );
    };
    return new DispatchExchange(send, request, { relays: true }).start();
  };

  return {
    upstream,
    tunnel: createNodeTunnel(guardFor),
    async close(): Promise<void> {
      await Promise.all(agents.takeAll().map((agent) => agent.destroy()));
    },
  };
}

/** Looks at the peer as well: one look a connection, whatever became of the name. */
function watchConnector(
  connect: buildConnector.connector,
  guard: AddressGuard | undefined,
): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      try {
        guard?.checkPeer(socket);
      } catch (refusal) {
        socket.destroy();
        return callback(refusal as Error, null);
      }
      socket.on("error", renameReset);
      callback(null, socket);
    });
}

// A body that ends with its connection is whole when the upstream closes, not when it resets (RFC 9112
// §8). Undici takes the one for the other by this code; heard first, it gets another code of its own.
function renameReset(error: Error & { code?: string }): void {
  if (error.code === "ECONNRESET") error.code = "UND_ERR_SOCKET";
}
