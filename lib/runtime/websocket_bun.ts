/**
 * WebSockets on Bun: the client's side is `server.upgrade`, which answers pings itself and hands over
 * whole messages.
 *
 * @module
 */

import type { ResponseParts, Tunnel } from "../ports.ts";
import type { AddressGuards } from "./_address_guard.ts";
import type { BunServer, BunWebSocket, BunWebSocketEvents } from "./_bun.ts";
import { upgradeInfoOf } from "./_bun_upgrade.ts";
import { createUpgradeFailure } from "./_failures.ts";
import type { ClientLeg, WebSocketBridge } from "./_websocket_bridge.ts";
import { createBridgeTunnel } from "./_websocket_tunnel.ts";

const SUBPROTOCOL = "sec-websocket-protocol";

/** Makes the tunnel for requests that {@link allowUpgrade} was told of. */
export function createBunTunnel(guardFor: AddressGuards): Tunnel {
  return createBridgeTunnel(guardFor, (incoming) => {
    const info = upgradeInfoOf(incoming);
    if (info === undefined) throw createUpgradeFailure();
    return {
      bridges: info.bridges,
      upgrade: (bridge, parts) => upgrade(info.server, incoming, bridge, parts),
    };
  });
}

function upgrade(
  server: BunServer,
  incoming: Request,
  bridge: WebSocketBridge,
  { headers }: ResponseParts,
): Response | undefined {
  // Without the field Bun would choose the client's first subprotocol; an empty one it does not send.
  const hasChosen = headers.some(([name]) => name === SUBPROTOCOL);
  const isUpgraded = server.upgrade(incoming, {
    headers: [
      ...headers,
      ...(hasChosen ? [] : [[SUBPROTOCOL, ""] as const]),
    ],
    data: new BunLeg(bridge),
  });
  // Bun has answered by now; this one stands for it.
  return isUpgraded ? new Response(null, { status: 101 }) : undefined;
}

class BunLeg implements ClientLeg, BunWebSocketEvents {
  readonly #bridge: WebSocketBridge;
  #socket: BunWebSocket | undefined;

  constructor(bridge: WebSocketBridge) {
    this.#bridge = bridge;
  }

  opened(socket: BunWebSocket): void {
    this.#socket = socket;
    this.#bridge.open(this);
  }

  received(data: string | Uint8Array): void {
    this.#bridge.receive(data);
  }

  progressed(): void {
    this.#bridge.progress();
  }

  closed(code: number, reason: string): void {
    this.#bridge.closed(code, reason);
  }

  send(data: string | Uint8Array): boolean {
    const socket = this.#socket;
    // Closed: its end is on its way. 0 stands for a lost message, and for the length of an empty one.
    if (socket?.readyState !== WebSocket.OPEN || data.length === 0) {
      socket?.send(data);
      return true;
    }
    return socket.send(data) !== 0;
  }

  waiting(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  close(code: number, reason: string): void {
    this.#socket?.resume();
    this.#socket?.close(code, reason);
  }

  terminate(): void {
    this.#socket?.terminate();
  }
}
