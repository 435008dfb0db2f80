/**
 * What pure code is handed and never reaches for: clock, environment, files, hashes, the upstream
 * call, the terminal, the server. Types only; `lib/runtime/` implements them for Node, Deno and Bun.
 *
 * @module
 */

import type { ErrorCode } from "./errors.ts";
import type { FileStore, MaybePromise } from "./file_ports.ts";

export type { FileFacts, Files, FileStore, MaybePromise, WriteOptions } from "./file_ports.ts";

/** Milliseconds since the Unix epoch, as `Date.now`. */
export type Clock = () => number;

/** Header fields in order, names in lower case, repeated names kept. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The environment variables. */
export interface Env {
  /** The variable's value, or `undefined` where it is not set (or may not be read). */
  get(name: string): string | undefined;
  /** The names of all variables that may be read. */
  names(): readonly string[];
}

/** The hash primitives. Web Crypto answers with promises, a native implementation at once. */
export interface Hashes {
  /** SHA-256, 32 bytes. */
  sha256(data: Uint8Array): MaybePromise<Uint8Array>;
  /** HMAC-SHA256, 32 bytes. */
  hmacSha256(key: Uint8Array, data: Uint8Array): MaybePromise<Uint8Array>;
}

/** The part of `fetch` that pure code uses. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** The four deadlines of one upstream exchange, in milliseconds; 0 means none. */
export interface Deadlines {
  /** Until the connection stands. */
  readonly connectMs: number;
  /** From the request being sent to the response's header. */
  readonly headersMs: number;
  /** Between two pieces of a body, either way. */
  readonly idleMs: number;
  /** For the whole exchange. */
  readonly totalMs: number;
}

/** A request body that is no longer where it came from: held whole, or still coming. */
export type RequestBody = Uint8Array | ReadableStream<Uint8Array>;

/** One request to an upstream, decided in every detail; the port only carries it out. */
export interface UpstreamRequest {
  /** Method, upper case. */
  readonly method: string;
  /** Absolute URL; path and query are sent byte for byte. */
  readonly url: string;
  /** Header fields to send: no hop-by-hop field, no `host`; `content-length` where the client gave one. */
  readonly headers: HeaderList;
  /** `Host` to send instead of the URL's own. */
  readonly host?: string | undefined;
  /** The client's request, whose body is streamed (any method) and whose abort ends the exchange. */
  readonly incoming: Request;
  /** The body to send, where that of `incoming` was read before. */
  readonly body?: RequestBody | undefined;
  /** Deadlines. */
  readonly deadlines: Deadlines;
  /** How long an unused connection is kept, in milliseconds. */
  readonly keepAliveMs: number;
  /** Most bytes of request body; 0 means no limit. Exceeding is `ERR_REQUEST_TOO_LARGE`. */
  readonly maxRequestBytes: number;
  /** Most bytes of response body; 0 means no limit. Exceeding breaks the response off. */
  readonly maxResponseBytes: number;
  /** What to do where the address that would be dialled is a private one; default `allow`. */
  readonly privateAddresses?: AddressPolicy | undefined;
}

/**
 * One WebSocket handshake with an upstream (RFC 6455 §4.1), decided in every detail. The client's own
 * handshake fields (`sec-websocket-key`, `-version`) are not in `headers`: whoever dials writes them.
 */
export interface TunnelRequest {
  /** Absolute URL, `http:` or `https:`; path and query are sent byte for byte. */
  readonly url: string;
  /** Header fields to send; `sec-websocket-protocol` as the client sent it, no hop-by-hop field. */
  readonly headers: HeaderList;
  /** `Host` to send instead of the URL's own. */
  readonly host?: string | undefined;
  /** The client's request, whose connection is upgraded. */
  readonly incoming: Request;
  /** Deadlines of the handshake: `connectMs` and `headersMs` are in force. */
  readonly deadlines: Deadlines;
  /** How long the connection may be silent both ways, in milliseconds; 0 means no limit. */
  readonly idleMs: number;
  /** Most bytes of one message, either way; 0 means no limit. Exceeding closes with 1009. */
  readonly maxMessageBytes: number;
  /** Most bytes of body where the upstream answers in place of upgrading; 0 means no limit. */
  readonly maxResponseBytes: number;
  /** What to do where the address that would be dialled is a private one; default `allow`. */
  readonly privateAddresses?: AddressPolicy | undefined;
}

/**
 * Dials an upstream's WebSocket. An answer of status 101 stands for an open connection: `respond` then
 * gives the response that the server of this runtime turns into the client's 101 and relays both ways,
 * `cancel` closes the upstream's side. Any other status is an ordinary answer of the upstream.
 * Rejects as {@link Upstream} does, before the client has got anything.
 */
export type Tunnel = (request: TunnelRequest) => Promise<UpstreamResponse>;

/** What is done about private, loopback and link-local addresses when an upstream is dialled. */
export type AddressPolicy = "allow" | "warn" | "block";

/** Changes bytes on their way. Synchronous; holds back as little as it can. */
export interface ByteTransform {
  /** Takes a piece, gives what can go on of everything taken so far; may be empty. */
  push(piece: Uint8Array): Uint8Array;
  /** Gives what was held back, at the end of the body. */
  flush(): Uint8Array;
}

/** How a relayed response ended. */
export interface StreamEnd {
  /** Bytes of the response body that went to the client. */
  readonly bytesSent: number;
  /** Bytes of the request body that went to the upstream. */
  readonly bytesReceived: number;
  /** Why it was broken off; absent when it went through whole. */
  readonly error?: ErrorCode | undefined;
  /** Close code of a WebSocket (RFC 6455 §7.4), as seen or set here; absent for other answers. */
  readonly closeCode?: number | undefined;
}

/** What the client's response is made of. */
export interface ResponseParts {
  /** Status code. */
  readonly status: number;
  /** Reason phrase; may be empty. */
  readonly statusText: string;
  /** Header fields to send to the client, as decided by the header filter. */
  readonly headers: HeaderList;
  /** Called once, when the last byte left or the exchange broke. */
  readonly onClose?: ((end: StreamEnd) => void) | undefined;
  /** Applied to the body; its length may not change. Limits and counts are those before it. */
  readonly transform?: ByteTransform | undefined;
}

/** An upstream's answer before its body was read. The body is raw: never decompressed. */
export interface UpstreamResponse {
  /** Status code. */
  readonly status: number;
  /** Reason phrase; may be empty. */
  readonly statusText: string;
  /** Header fields as received, names in lower case, repeated ones kept. */
  readonly headers: HeaderList;
  /**
   * The client's response under the given header, streaming this body. Call `respond` or `cancel`, once.
   *
   * @throws {PassthroughError} When the exchange has failed by then; `onClose` is not called.
   */
  respond(parts: ResponseParts): Response;
  /** Gives the response up and frees the connection. */
  cancel(): void;
}

/**
 * The upstream call. Redirects are not followed, bodies are streamed with back-pressure.
 * Rejects with a `PassthroughError`: `ERR_UPSTREAM_CONNECT`, `ERR_UPSTREAM_TIMEOUT`,
 * `ERR_UPSTREAM_FAILED`, `ERR_REQUEST_TOO_LARGE` or `ERR_CLIENT_ABORTED`.
 */
export type Upstream = (request: UpstreamRequest) => Promise<UpstreamResponse>;

/** What an upstream call tells besides its answers. */
export interface UpstreamOptions {
  /**
   * Called where policy `warn` lets a private address through, with the host of the URL: for a name when
   * a connection is dialled, for an IP literal at each request. Must not throw.
   */
  readonly onPrivateAddress?: ((hostname: string) => void) | undefined;
}

/** An upstream call that holds connections. */
export interface OpenUpstream {
  /** The call. */
  readonly upstream: Upstream;
  /** The call for WebSockets; absent where the runtime has none. */
  readonly tunnel?: Tunnel | undefined;
  /** Closes the connections that are kept. */
  close(): Promise<void>;
}

/** Where a runtime's `fetch` departs from what a proxy needs. Absent fields: standard behaviour. */
export interface FetchQuirks {
  /** Members added to each call's `RequestInit`, for example `{ decompress: false }` on Bun. */
  readonly requestInit?: Readonly<Record<string, unknown>> | undefined;
  /**
   * True (default) when `fetch` may decode a body and still shows `content-encoding` and
   * `content-length`: those two must then go. False when bodies come as they were sent.
   */
  readonly decompresses?: boolean | undefined;
  /**
   * Sent as a line of its own before the client's `accept-encoding`: a `fetch` that looks at the first
   * line only leaves bodies as they are, while the upstream sees both (Deno, with `identity`).
   */
  readonly acceptEncoding?: string | undefined;
  /**
   * True where a streamed body keeps its declared length only if the client's own stream is handed on
   * (Deno). Such a body goes unwatched, under one deadline that grows with its length.
   */
  readonly losesLength?: boolean | undefined;
  /**
   * True where `fetch` takes bytes much faster than a stream, and does not repeat what may not be
   * repeated for holding its body whole: bodies of a declared length of at most 64 KiB are read first.
   */
  readonly holdsSmallBodies?: boolean | undefined;
  /** True (default) when a `host` header given to `fetch` is not sent. */
  readonly ignoresHost?: boolean | undefined;
  /**
   * What carries the requests `fetch` cannot: a body on GET or HEAD, a `Host` where it is ignored, a check
   * of the address that is dialled.
   */
  readonly fallback?: Upstream | undefined;
  /**
   * Whether the origin (`https://host:port`) takes connections, told within `timeoutMs`. For a `fetch`
   * without a connect deadline: ask halfway through the deadline while no response header is there.
   */
  readonly canConnect?: ((origin: string, timeoutMs: number) => Promise<boolean>) | undefined;
}

/** Makes an {@link Upstream} of a `fetch`. */
export type CreateFetchUpstream = (fetch: FetchLike, quirks?: FetchQuirks) => Upstream;

/** What the server knows of a request that the `Request` does not say. */
export interface RequestInfo {
  /** The request target as it stood on the wire, where the runtime shows it. */
  readonly rawTarget?: string | undefined;
  /** The peer's IP address. */
  readonly remoteAddress?: string | undefined;
}

/** A standard fetch handler. */
export type FetchHandler = (request: Request, info?: RequestInfo) => MaybePromise<Response>;

/** Where and how to listen. */
export interface ListenOptions {
  /** IP literal. */
  readonly hostname: string;
  /** TCP port; 0 picks a free one. */
  readonly port: number;
  /** How long a client may take for a header section; default 15 s. Node only, others have their own. */
  readonly headerReadMs?: number | undefined;
}

/** A server that listens. */
export interface Listener {
  /** IP literal it is bound to. */
  readonly hostname: string;
  /** The actual port. */
  readonly port: number;
  /** Stops accepting, lets requests finish for `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** Starts a server. Rejects with `ConfigError` when the address cannot be bound. */
export type Listen = (handler: FetchHandler, options: ListenOptions) => Promise<Listener>;

/** Severity of a log record. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Takes a log record: a message and flat fields. Never blocks, never throws. */
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** A stream of lines that never makes the writer wait: beyond a bounded queue lines are dropped. */
export interface LineSink {
  /** Queues a line (without line feed). False when it was dropped. */
  write(line: string): boolean;
  /** How many lines were dropped so far. */
  dropped(): number;
  /** Resolves when the queue is empty, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
}

/** How a child process is run. */
export interface SpawnOptions {
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kill after this long; default 60 s. */
  readonly timeoutMs?: number;
  /** Most bytes kept of each output; default 1 MiB. More is `ERR_SPAWN`. */
  readonly maxBytes?: number;
}

/** How a child process ended. */
export interface SpawnResult {
  /** Exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** Standard output. */
  readonly stdout: Uint8Array;
  /** Standard error. */
  readonly stderr: Uint8Array;
}

/** Runs a program without a shell. Throws `ERR_SPAWN` (reason `not_found` or `timeout` or `failed`). */
export type Spawn = (
  command: string,
  args: readonly string[],
  options?: SpawnOptions,
) => Promise<SpawnResult>;

/** Signals the project reacts to. */
export type SignalName = "SIGHUP" | "SIGINT" | "SIGTERM";

/** The process and its signals. */
export interface Signals {
  /** Calls `handler` on each such signal until the returned function is called. */
  on(signal: SignalName, handler: () => void): () => void;
  /** Sends a signal. False where there is no such process. */
  send(pid: number, signal: SignalName): boolean;
}

/** The terminal, or the pipes in its place. */
export interface Terminal {
  /** Writes text as it is, synchronously or queued in order. */
  write(stream: "stdout" | "stderr", text: string): void;
  /**
   * Resolves when everything written has left the process.
   *
   * @throws {FileError} `ERR_FILE_WRITE` when standard output could not be written. That its reader
   * went away is no error.
   */
  flush(): Promise<void>;
  /** True when the stream is a terminal. */
  isTerminal(stream: "stdin" | "stdout" | "stderr"): boolean;
  /** Width in columns, or `undefined` when standard output is no terminal. */
  columns(): number | undefined;
  /** All of standard input, at most `maxBytes`. */
  readInput(maxBytes: number): Promise<Uint8Array>;
  /** Asks on the terminal and reads one line without showing it; `undefined` when cancelled. */
  readHidden(prompt: string): Promise<string | undefined>;
}

/**
 * Calls a task once, `delayMs` from now, unless the returned function is called before. What waits
 * does not keep the process from ending.
 */
export type Schedule = (task: () => void, delayMs: number) => () => void;

/** What a process uses of the machine. */
export interface ProcessUsage {
  /** Memory in use, in bytes. */
  readonly residentBytes: number;
  /** Processor time so far, in seconds. */
  readonly cpuSeconds: number;
}

/** Everything of the machine, for the doors (`cli.ts`, `server.ts`) to hand on. */
export interface Runtime {
  /** Which runtime this is. */
  readonly name: "node" | "deno" | "bun";
  /** Its version, without a leading `v`. */
  readonly version: string;
  /** Process id. */
  readonly pid: number;
  /** Working folder. */
  cwd(): string;
  /** Environment variables. */
  readonly env: Env;
  /** Files. */
  readonly files: FileStore;
  /** Terminal. */
  readonly terminal: Terminal;
  /** Signals. */
  readonly signals: Signals;
  /** Child processes. */
  readonly spawn: Spawn;
  /** Timers. */
  readonly schedule: Schedule;
  /** Hash primitives, as fast as the runtime has them. */
  readonly hashes: Hashes;
  /** What this process uses; absent where nobody can tell. */
  readonly usage?: (() => ProcessUsage) | undefined;
  /** Opens the non-blocking line writer on standard error. */
  openLog(): LineSink;
  /** Starts a server. */
  readonly listen: Listen;
  /**
   * The upstream call; made once a process. Runtimes whose own client serves best (Deno, Bun) build it
   * with the given factory (`createFetchUpstream` of `lib/passthrough/fetch_upstream.ts`) and their quirks.
   */
  openUpstream(
    createFetchUpstream: CreateFetchUpstream,
    options?: UpstreamOptions,
  ): Promise<OpenUpstream>;
}
