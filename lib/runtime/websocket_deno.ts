/**
 * WebSockets on Deno: the client's side is `Deno.upgradeWebSocket`, which answers pings itself and shows
 * whole messages.
 *
 * A standard `WebSocket` cannot be paused. Deno's reads in a loop that ends when it finds itself closed,
 * and can be started again; where both are in reach, that is how a client is paused. Where they are not,
 * the bridge's backlog is the limit.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { WEBSOCKET_HIGH_WATER_BYTES, WEBSOCKET_POLL_MS } from "../limits.ts";
import type { ResponseParts, Tunnel } from "../ports.ts";
import type { AddressGuards } from "./_address_guard.ts";
import { bridgesOf } from "./_bridge_set.ts";
import { denoInternals, denoNamespace } from "./_deno.ts";
import { ABNORMAL_CLOSE_CODE } from "./_websocket_bridge.ts";
import type { ClientLeg, WebSocketBridge } from "./_websocket_bridge.ts";
import { NO_CLOSE_CODE } from "./_websocket_frames.ts";
import { createBridgeTunnel } from "./_websocket_tunnel.ts";

/** Turns of the event loop; with none, descriptors of clients that left in the wrong moment stayed open. */
const HEARING_TURNS = 4;

/** Makes the tunnel for requests of `Deno.serve`. */
export function createDenoTunnel(guardFor: AddressGuards): Tunnel {
  return createBridgeTunnel(guardFor, (incoming) => ({
    bridges: bridgesOf(incoming),
    hear: hearOfClient,
    upgrade: (bridge, parts) => upgrade(incoming, bridge, parts),
  }));
}

/**
 * Deno keeps the connection of an upgrade for ever whose client it knew to be gone. What it knows takes
 * some turns to reach the signal.
 */
async function hearOfClient(): Promise<void> {
  for (let turn = 0; turn < HEARING_TURNS; turn++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

function upgrade(incoming: Request, bridge: WebSocketBridge, parts: ResponseParts): Response {
  // The bridge has an idle limit of its own; Deno's would send pings and close without being asked.
  const { socket, response } = denoNamespace().upgradeWebSocket(incoming, { idleTimeout: 0 });
  new DenoLeg(socket, bridge);
  // The subprotocol too: its option knows the client's list only as written with spaces.
  for (const [name, value] of parts.headers) response.headers.append(name, value);
  return response;
}

class DenoLeg implements ClientLeg {
  readonly #socket: WebSocket;
  readonly #bridge: WebSocketBridge;
  readonly #loop: ReadLoop;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket, bridge: WebSocketBridge) {
    this.#socket = socket;
    this.#bridge = bridge;
    this.#loop = new ReadLoop(socket);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => bridge.open(this);
    socket.onmessage = ({ data }) =>
      bridge.receive(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
    // No close event follows an error while it opens, and one without a code any other.
    socket.onerror = () => this.#end(ABNORMAL_CLOSE_CODE, "");
    socket.onclose = ({ code, reason }) => this.#end(code || ABNORMAL_CLOSE_CODE, reason);
  }

  send(data: string | Uint8Array): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return true; // its end is on its way
    this.#socket.send(data as string);
    if (this.waiting() > WEBSOCKET_HIGH_WATER_BYTES) this.#watch();
    return true;
  }

  waiting(): number {
    return this.#socket.bufferedAmount;
  }

  pause(): void {
    this.#loop.stop();
  }

  resume(): void {
    this.#loop.start();
  }

  close(code: number, reason: string): void {
    clearTimeout(this.#poll);
    this.#loop.start();
    if (code === NO_CLOSE_CODE) this.#socket.close();
    else this.#socket.close(code, reason);
  }

  terminate(): void {
    clearTimeout(this.#poll);
    this.#socket.close();
    cutOff(this.#socket);
  }

  #end(code: number, reason: string): void {
    clearTimeout(this.#poll);
    this.#bridge.closed(code, reason);
  }

  #watch(before = this.waiting()): void {
    clearTimeout(this.#poll);
    this.#poll = setTimeout(() => {
      const now = this.waiting();
      if (now < before) this.#bridge.progress();
      if (now > WEBSOCKET_HIGH_WATER_BYTES) this.#watch(now);
    }, WEBSOCKET_POLL_MS);
  }
}

/** The loop in which Deno reads a socket. Members that are not there: it cannot be stopped. */
class ReadLoop {
  readonly #socket: Record<symbol, unknown>;
  readonly #run: symbol | undefined;
  readonly #state: symbol | undefined;
  #isWanted = true;
  #isRunning = true;

  constructor(socket: WebSocket) {
    this.#socket = socket as unknown as Record<symbol, unknown>;
    const run = findSymbol(WebSocket.prototype, "[[eventLoop]]");
    const state = findSymbol(socket, "[[readyState]]");
    if (run === undefined || state === undefined) return;
    if (typeof this.#socket[run] !== "function" || typeof this.#socket[state] !== "number") return;
    this.#run = run;
    this.#state = state;
  }

  /** Ends it behind the message it is handing out. Call from a message handler. */
  stop(): void {
    this.#isWanted = false;
    const state = this.#state;
    if (state === undefined || !this.#isRunning || this.#socket[state] !== WebSocket.OPEN) return;
    this.#socket[state] = WebSocket.CLOSED;
    // It looks once, when the handlers are through, and returns.
    queueMicrotask(() => {
      this.#socket[state] = WebSocket.OPEN;
      this.#isRunning = false;
      if (this.#isWanted) this.start();
    });
  }

  /** Starts it again. */
  start(): void {
    this.#isWanted = true;
    if (this.#isRunning || this.#run === undefined) return;
    this.#isRunning = true;
    void (this.#socket[this.#run] as () => Promise<void>)();
  }
}

/** A `WebSocket` waits for its peer's close frame for ever; where its connection is in reach, it is closed. */
function cutOff(socket: WebSocket): void {
  const resource = findSymbol(socket, "[[rid]]");
  if (resource === undefined) return;
  denoInternals()?.core?.tryClose?.((socket as unknown as Record<symbol, number>)[resource]);
}

function findSymbol(object: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
}
