/** The parts of the Deno namespace that are used, so that its types are needed nowhere. @module */

/** See Deno's reference for each. */
export interface DenoNamespace {
  serve(options: DenoServeOptions, handler: DenoHandler): DenoServer;
  createHttpClient(options: Readonly<Record<string, unknown>>): DenoHttpClient;
  upgradeWebSocket(
    request: Request,
    options: { readonly idleTimeout: number },
  ): { readonly socket: WebSocket; readonly response: Response };
  connect(
    options: { hostname: string; port: number; signal?: AbortSignal },
  ): Promise<{ close(): void }>;
}

/** Second argument of a Deno handler, `deno serve` included. */
export interface DenoInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

/** A handler as Deno calls it. */
export type DenoHandler = (request: Request, info: DenoInfo) => Response | Promise<Response>;

/** Options of `Deno.serve`. */
export interface DenoServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly tcpBacklog: number;
  /** Cuts every connection off. */
  readonly signal: AbortSignal;
  readonly onListen: () => void;
  readonly onError: (error: unknown) => Response;
}

/** A running server. */
export interface DenoServer {
  readonly addr: { readonly hostname: string; readonly port: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

/** A connection pool for `fetch`. */
export interface DenoHttpClient {
  close(): void;
}

/** The namespace of this process. */
export function denoNamespace(): DenoNamespace {
  return (globalThis as unknown as { Deno: DenoNamespace }).Deno;
}

/** What Deno has behind its namespace and promises nothing about: any of it may be missing. */
export interface DenoInternals {
  readonly core?: { readonly tryClose?: (resource: unknown) => void };
}

/** The internals of this process. */
export function denoInternals(): DenoInternals | undefined {
  const namespace = denoNamespace() as DenoNamespace & {
    readonly internal?: symbol;
  } & Partial<Record<symbol, DenoInternals>>;
  return namespace.internal === undefined ? undefined : namespace[namespace.internal];
}
