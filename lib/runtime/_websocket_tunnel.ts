/** The tunnel of Deno and Bun: dial, upgrade, bridge. @module */

import type { ResponseParts, Tunnel, TunnelRequest, UpstreamResponse } from "../ports.ts";
import { createAbortFailure, createBrokenFailure } from "../upstream_failures.ts";
import type { AddressGuards } from "./_address_guard.ts";
import type { BridgeSet } from "./_bridge_set.ts";
import { WebSocketBridge } from "./_websocket_bridge.ts";
import { dialWebSocket } from "./websocket_dial.ts";
import type { OpenDial } from "./websocket_dial.ts";

/** How a request becomes a WebSocket. */
export interface Upgrader {
  /** Where the bridge is counted, if its server closes it. */
  readonly bridges: BridgeSet | undefined;
  /** Lets what is known of the client's connection reach the request's signal. */
  hear?(): Promise<void>;
  /**
   * Makes the client's side, which opens the bridge when it stands, and the response that stands for it.
   * `undefined`, or anything thrown, when the client's connection is not there any more.
   */
  upgrade(bridge: WebSocketBridge, parts: ResponseParts): Response | undefined;
}

/**
 * Makes a tunnel.
 *
 * @param guardFor Judges addresses.
 * @param upgraderOf Finds what upgrades a request; throws for one that cannot be.
 */
export function createBridgeTunnel(
  guardFor: AddressGuards,
  upgraderOf: (incoming: Request) => Upgrader,
): Tunnel {
  return async (request) => {
    const upgrader = upgraderOf(request.incoming);
    // Messages are taken apart here: extensions would have to be spoken on both sides.
    const headers = request.headers.filter(([name]) => name !== "sec-websocket-extensions");
    const result = await dialWebSocket({ ...request, headers }, guardFor(request.privateAddresses));
    if (result.kind === "answer") return result.response;
    await upgrader.hear?.();
    return createAnswer(request, result, upgrader);
  };
}

function createAnswer(
  request: TunnelRequest,
  dial: OpenDial,
  { bridges, upgrade }: Upgrader,
): UpstreamResponse {
  const { socket, statusText, headers } = dial;
  return {
    status: 101,
    statusText,
    headers,
    respond(parts): Response {
      if (socket.destroyed) throw createBrokenFailure("reset");
      let isUpgraded = false;
      const bridge = new WebSocketBridge(dial, request, (end) => {
        bridges?.delete(bridge);
        if (isUpgraded) parts.onClose?.(end);
      });
      try {
        const response = request.incoming.signal.aborted ? undefined : upgrade(bridge, parts);
        if (response === undefined) throw createAbortFailure();
        isUpgraded = true;
        bridges?.add(bridge);
        return response;
      } catch {
        socket.destroy();
        bridge.closed(1006, "");
        throw createAbortFailure();
      }
    },
    cancel: () => void socket.destroy(),
  };
}
