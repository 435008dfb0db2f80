/** The WebSockets of a server that are open, for the server to close. @module */

import type { WebSocketBridge } from "./_websocket_bridge.ts";

const bridgesOfRequests = new WeakMap<Request, BridgeSet>();

/** Has the WebSocket that a request may become counted among its server's. */
export function countBridge(request: Request, bridges: BridgeSet): void {
  bridgesOfRequests.set(request, bridges);
}

/** Where the WebSocket of a request is counted, if it is. */
export function bridgesOf(request: Request): BridgeSet | undefined {
  return bridgesOfRequests.get(request);
}

/** Bridges, from their first moment to their end. */
export class BridgeSet {
  readonly #open = new Set<WebSocketBridge>();
  #onEmpty: (() => void)[] = [];

  /** Counts one in. */
  add(bridge: WebSocketBridge): void {
    this.#open.add(bridge);
  }

  /** Counts one out, at its end. */
  delete(bridge: WebSocketBridge): void {
    this.#open.delete(bridge);
    if (this.#open.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when none is open. */
  async ended(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Closes all with 1001. Resolves when all have ended: after 5 s where a peer does not answer. */
  async stop(): Promise<void> {
    for (const bridge of [...this.#open]) bridge.stop();
    await this.ended();
  }
}
