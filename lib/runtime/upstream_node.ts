/**
 * The upstream call on Node: undici's dispatch, from socket to socket without web streams.
 *
 * Node's `fetch` costs six times as much a request and, up to Node 24, keeps every streamed request
 * body in memory. Dispatch does neither, sends any body with any method, leaves encodings alone and
 * takes a `Host`. The deadlines are ours.
 *
 * @module
 */

import type { Agent, Dispatcher } from "undici";
import type { OpenUpstream, Upstream, UpstreamRequest, UpstreamResponse } from "../ports.ts";
import { DispatchExchange } from "./_dispatch_exchange.ts";
import type { Dispatch } from "./_dispatch_exchange.ts";

/** Opens the upstream call; connections are kept per origin, as long as each request's route says. */
export async function openNodeUpstream(): Promise<OpenUpstream> {
  const { Agent } = await import("undici");
  const agents = new Map<string, Agent>();

  function agentFor({ deadlines: { connectMs }, keepAliveMs }: UpstreamRequest): Agent {
    const key = `${connectMs} ${keepAliveMs}`;
    let agent = agents.get(key);
    if (agent === undefined) {
      agent = new Agent({
        connect: { timeout: connectMs },
        // RFC 9112 §9.3: without pipelining undici closes after each response.
        ...(keepAliveMs > 0
          ? { pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs }
          : { pipelining: 0 }),
        // Undici would end quiet streams after 300 s; the exchange has deadlines of its own.
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
      });
      agents.set(key, agent);
    }
    return agent;
  }

  const upstream: Upstream = (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const agent = agentFor(request);
    const send: Dispatch = (options, handler) => {
      agent.dispatch(options as Dispatcher.DispatchOptions, handler as Dispatcher.DispatchHandler);
    };
    return new DispatchExchange(send, request, { relays: true }).start();
  };

  return {
    upstream,
    async close(): Promise<void> {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
      agents.clear();
    },
  };
}
