/** The parts of the Bun namespace that are used, so that its types are needed nowhere. @module */

/** See Bun's reference for each. */
export interface BunNamespace {
  serve(options: BunServeOptions): BunServer;
  /** A hash; with a key, an HMAC. */
  readonly CryptoHasher: new (algorithm: "sha256", key?: Uint8Array) => BunHasher;
}

/** A hash that is being computed. */
export interface BunHasher {
  update(data: Uint8Array): this;
  digest(): Uint8Array;
}

/** What a `fetch` handler of Bun is called with, a default export included. */
export type BunHandler = (request: Request, server: BunServer) => Response | Promise<Response>;

/** Options of `Bun.serve`, and what a default export may say besides `fetch`. */
export interface BunServeSettings {
  /** Seconds without a byte after which a connection is closed; 255 at most. */
  readonly idleTimeout: number;
  /** Bytes; Bun's own default refuses bodies beyond 128 MiB. */
  readonly maxRequestBodySize: number;
  /** False: errors are not shown to clients. */
  readonly development: false;
  /** The answer when a handler threw. */
  error(error: unknown): Response;
  /** What open WebSockets are handled by. */
  readonly websocket: BunWebSocketHandlers;
}

/** Limits and events of WebSockets; one set a server. */
export interface BunWebSocketHandlers {
  /** Seconds without a byte after which a connection is closed; 0 means never. */
  readonly idleTimeout: number;
  /** Bytes of a message; longer ones close the connection with 1009. */
  readonly maxPayloadLength: number;
  /** Bytes waiting for a client, beyond which messages are dropped. */
  readonly backpressureLimit: number;
  readonly closeOnBackpressureLimit: boolean;
  readonly sendPings: boolean;
  readonly perMessageDeflate: boolean;
  open(socket: BunWebSocket): void;
  message(socket: BunWebSocket, data: string | Uint8Array): void;
  drain(socket: BunWebSocket): void;
  /** A ping; it is answered already. */
  ping(socket: BunWebSocket): void;
  close(socket: BunWebSocket, code: number, reason: string): void;
}

/** What a server knows of a WebSocket from its upgrade on. */
export interface BunWebSocketEvents {
  opened(socket: BunWebSocket): void;
  received(data: string | Uint8Array): void;
  progressed(): void;
  closed(code: number, reason: string): void;
}

/** A WebSocket of the server. */
export interface BunWebSocket {
  readonly data: BunWebSocketEvents;
  /** As of a `WebSocket`. */
  readonly readyState: number;
  /** Bytes sent, -1 when they wait, 0 when the message was dropped. */
  send(data: string | Uint8Array): number;
  getBufferedAmount(): number;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Options of `Bun.serve`. */
export interface BunServeOptions extends BunServeSettings {
  readonly hostname: string;
  readonly port: number;
  /** False: an address that is taken is an error. Bun shares it by default outside development. */
  readonly reusePort: false;
  readonly fetch: BunHandler;
}

/** A running server. */
export interface BunServer {
  readonly hostname: string;
  readonly port: number;
  timeout(request: Request, seconds: number): void;
  /** False when the request's connection is gone. */
  upgrade(
    request: Request,
    options: {
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly data: BunWebSocketEvents;
    },
  ): boolean;
  requestIP(request: Request): { readonly address: string } | null;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/** The namespace of this process. */
export function bunNamespace(): BunNamespace {
  return (globalThis as unknown as { Bun: BunNamespace }).Bun;
}
