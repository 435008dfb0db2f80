/** What Bun's server needs so that its requests can become WebSockets; light, for every server loads it. @module */

import { MAX_GATHERED_MESSAGE_BYTES } from "../limits.ts";
import type { BridgeSet } from "./_bridge_set.ts";
import type { BunServer, BunWebSocketHandlers } from "./_bun.ts";

/** Who can upgrade a request. */
export interface BunUpgradeInfo {
  /** The server it came to. */
  readonly server: BunServer;
  /** Where its WebSocket is counted, if the server is ours. */
  readonly bridges?: BridgeSet | undefined;
}

const infos = new WeakMap<Request, BunUpgradeInfo>();

/** What `Bun.serve` needs besides `fetch` for its WebSockets. */
export const bunWebSocketHandlers: BunWebSocketHandlers = {
  // The bridge has an idle limit of its own, and sends no pings of its own.
  idleTimeout: 0,
  sendPings: false,
  maxPayloadLength: MAX_GATHERED_MESSAGE_BYTES,
  // Never in force: the upstream is not read while a client lags behind.
  backpressureLimit: 2 ** 31 - 1,
  closeOnBackpressureLimit: false,
  perMessageDeflate: false,
  open: (socket) => socket.data.opened(socket),
  message: ({ data: events }, data) => events.received(data),
  drain: ({ data: events }) => events.progressed(),
  ping: ({ data: events }) => events.progressed(),
  close: ({ data: events }, code, reason) => events.closed(code, reason),
};

/** Remembers which server can upgrade a request. */
export function allowUpgrade(request: Request, info: BunUpgradeInfo): void {
  infos.set(request, info);
}

/** Who can upgrade a request; `undefined` when it came over no server of Bun's. */
export function upgradeInfoOf(request: Request): BunUpgradeInfo | undefined {
  return infos.get(request);
}
