/** The parts of the Bun namespace that are used, so that its types are needed nowhere. @module */

/** See Bun's reference for each. */
export interface BunNamespace {
  serve(options: BunServeOptions): BunServer;
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
  requestIP(request: Request): { readonly address: string } | null;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/** The namespace of this process. */
export function bunNamespace(): BunNamespace {
  return (globalThis as unknown as { Bun: BunNamespace }).Bun;
}
