/**
 * The upstream's side of a WebSocket: its opening handshake (RFC 6455 §4.1), made over `node:http`, which
 * brings TLS and gives whatever else an upstream may answer.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { request as requestHttp } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import type { Duplex } from "node:stream";
import type { PassthroughError } from "../errors.ts";
import type { HeaderList, TunnelRequest, UpstreamResponse } from "../ports.ts";
import { createAbortFailure, createBrokenFailure } from "../upstream_failures.ts";
import { createTimeoutFailure } from "../upstream_failures.ts";
import type { AddressGuard } from "./_address_guard.ts";
import { DispatchExchange } from "./_dispatch_exchange.ts";
import { createConnectionFailure } from "./_failures.ts";
import { flattenHeaders, parseRawHeaders } from "./_raw_headers.ts";
import { nodeExchangeOf } from "./node_request.ts";
import { attachHandler, groupHeaders, whenConnected } from "./upstream_http.ts";

/** An upstream that agreed to speak WebSocket. */
export interface OpenDial {
  readonly kind: "open";
  /** The connection, paused and without an `error` listener but our own; whoever takes it ends it. */
  readonly socket: Duplex;
  /** Bytes that came right behind the upstream's answer. */
  readonly head: Uint8Array;
  /** Header fields of the upstream's 101, names in lower case. */
  readonly headers: HeaderList;
  /** Its reason phrase. */
  readonly statusText: string;
  /** The `Sec-WebSocket-Key` that was sent. */
  readonly key: string;
}

/** What came of a dial: an open connection, or an answer of any other status. */
export type DialResult = OpenDial | {
  readonly kind: "answer";
  /** The upstream's answer, as of an ordinary request. */
  readonly response: UpstreamResponse;
};

/** RFC 6455 §1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * Dials an upstream. Checked of its 101: `Upgrade`, `Connection`, `Sec-WebSocket-Accept`, that the
 * subprotocol is one of those offered and that no extension is named that was not (RFC 6455 §4.1).
 * When the client goes away, so does the dial.
 *
 * @param request What to send. `sec-websocket-extensions` goes as it stands.
 * @param guard Judges the address that is dialled.
 * @throws {PassthroughError} `ERR_UPSTREAM_CONNECT`, `ERR_UPSTREAM_TIMEOUT` (`connect`, `headers`),
 * `ERR_UPSTREAM_FAILED` (`reset`, `failed`, `handshake`) or `ERR_CLIENT_ABORTED`.
 */
export function dialWebSocket(request: TunnelRequest, guard?: AddressGuard): Promise<DialResult> {
  return new Promise((resolve, reject) => {
    guard?.checkHost(new URL(request.url).hostname);
    new Dial(request, guard, resolve, reject).start();
  });
}

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1").update(key + ACCEPT_GUID).digest("base64");
}

/** The elements of a list field, over all its lines, trimmed. */
export function listElements(headers: HeaderList, name: string): string[] {
  return headers.filter((header) => header[0] === name)
    .flatMap((header) => header[1].split(","))
    .map((element) => element.trim())
    .filter((element) => element !== "");
}

class Dial {
  readonly #request: TunnelRequest;
  readonly #guard: AddressGuard | undefined;
  readonly #resolve: (result: DialResult) => void;
  readonly #reject: (failure: PassthroughError) => void;
  readonly #key = randomBytes(16).toString("base64");
  #client: ClientRequest | undefined;
  #isConnected = false;
  #isSettled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onAbort = (): void => this.#fail(createAbortFailure());

  constructor(
    request: TunnelRequest,
    guard: AddressGuard | undefined,
    resolve: (result: DialResult) => void,
    reject: (failure: PassthroughError) => void,
  ) {
    this.#request = request;
    this.#guard = guard;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal } = this.#request.incoming;
    if (signal.aborted) return this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    try {
      this.#send();
    } catch (error) {
      this.#fail(createConnectionFailure(error, "connect"));
    }
  }

  #send(): void {
    const { url, host, headers, deadlines: { connectMs, headersMs } } = this.#request;
    const { protocol, hostname, port } = new URL(url);
    const isTls = protocol === "https:";
    const pathStart = url.indexOf("/", url.indexOf("://") + 3);
    const client = this.#client = (isTls ? requestHttps : requestHttp)({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port || (isTls ? 443 : 80),
      path: pathStart === -1 ? "/" : url.slice(pathStart),
      method: "GET",
      headers: {
        ...groupHeaders(flattenHeaders(headers)),
        ...(host !== undefined && { host }),
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": this.#key,
      },
      setHost: host === undefined,
      agent: false,
      ...(this.#guard && { lookup: this.#guard.lookup }),
    });
    client.on("error", (error) => {
      const stage = this.#isConnected ? "exchange" : "connect";
      this.#fail(createConnectionFailure(error, stage));
    });
    client.on("close", () => this.#fail(createBrokenFailure("reset")));
    client.on("response", (incoming) => this.#answer(client, incoming));
    client.on("upgrade", (incoming, socket, head) => this.#open(incoming, socket, head));
    whenConnected(client, isTls, { connectMs, guard: this.#guard }, () => {
      this.#isConnected = true;
      if (headersMs > 0) {
        this.#timer = setTimeout(() => this.#fail(createTimeoutFailure("headers")), headersMs);
      }
      client.end();
    });
  }

  #open(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    // From here on an error of the socket is its taker's to see as a close.
    socket.on("error", () => socket.destroy());
    const headers = parseRawHeaders(incoming.rawHeaders);
    if (this.#isSettled) return void socket.destroy();
    if (!this.#isAgreed(incoming, headers)) {
      socket.destroy();
      return this.#fail(createBrokenFailure("handshake"));
    }
    socket.pause();
    this.#settle();
    this.#resolve({
      kind: "open",
      socket,
      head,
      headers,
      statusText: incoming.statusMessage ?? "",
      key: this.#key,
    });
  }

  // RFC 6455 §4.1, the client's checks 1 to 6.
  #isAgreed({ statusCode }: IncomingMessage, headers: HeaderList): boolean {
    const valuesOf = (name: string): string[] =>
      headers.filter((header) => header[0] === name).map((header) => header[1]);
    const offered = (name: string): string[] => listElements(this.#request.headers, name);
    const protocols = valuesOf("sec-websocket-protocol");
    const extensions = new Set(offered("sec-websocket-extensions").map(extensionName));
    return statusCode === 101 &&
      valuesOf("upgrade").join().toLowerCase() === "websocket" &&
      listElements(headers, "connection").some((token) => token.toLowerCase() === "upgrade") &&
      valuesOf("sec-websocket-accept").join() === acceptOf(this.#key) &&
      protocols.length <= 1 &&
      protocols.every((protocol) => offered("sec-websocket-protocol").includes(protocol)) &&
      listElements(headers, "sec-websocket-extensions")
        .every((extension) => extensions.has(extensionName(extension)));
  }

  /** No upgrade: from here on an exchange like any other, which this is the dispatch of. */
  #answer(client: ClientRequest, incoming: IncomingMessage): void {
    if (this.#isSettled) return void incoming.destroy();
    this.#settle();
    const { deadlines, incoming: request } = this.#request;
    const exchange = new DispatchExchange(
      (_options, handler) => {
        const { controller, receive, fail } = attachHandler(client, handler);
        client.on("error", fail);
        handler.onRequestStart(controller);
        receive(incoming);
      },
      {
        ...this.#request,
        method: "GET",
        // The header is here: of the deadlines only the body's are left.
        deadlines: { ...deadlines, headersMs: 0 },
        keepAliveMs: 0,
        maxRequestBytes: 0,
      },
      { relays: nodeExchangeOf(request) !== undefined },
    );
    exchange.start().then(
      (response) => this.#resolve({ kind: "answer", response }),
      (failure) => this.#reject(failure),
    );
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#request.incoming.signal.removeEventListener("abort", this.#onAbort);
  }

  #fail(failure: PassthroughError): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#client?.destroy();
    this.#reject(failure);
  }
}

function extensionName(extension: string): string {
  return (extension.split(";")[0] as string).trim().toLowerCase();
}
