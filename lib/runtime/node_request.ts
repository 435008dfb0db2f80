/**
 * A `Request` over a Node request: every part is made when it is first asked for.
 *
 * Node's own `Request`, `Headers` and web streams cost several times what a proxied request costs
 * (they were 70 % of it), and a proxied request needs the method, a few headers and the body's bytes.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { delegate } from "./_delegate.ts";
import { NodeBody } from "./_node_body.ts";
import { createNodeHeaders } from "./_node_headers.ts";
import type { UpgradeSocket } from "./_upgrade_socket.ts";

/** The two halves of a Node exchange. */
export interface NodeExchange {
  /** The request as it comes in. */
  readonly incoming: IncomingMessage;
  /** The response to be written. */
  readonly outgoing: ServerResponse;
  /** True when the request has a body: chunked, or of a declared length above zero. */
  readonly hasBody: boolean;
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** The connection, where the client asks to speak WebSocket on it. */
  readonly upgrade?: UpgradeSocket | undefined;
}

const EXCHANGE: unique symbol = Symbol("exchange");

/**
 * A standard `Request` for handlers: `instanceof Request` holds, and everything a `Request` has works,
 * `clone()` included. What cannot work is `new Request(request)`: engines look into private slots of
 * its argument; copy with `clone()` or `new Request(request.url, request)`.
 */
export function createNodeRequest(exchange: NodeExchange, host: string): Request {
  return new NodeRequest(exchange, host) as unknown as Request;
}

/** The Node exchange under a request, or `undefined` when it is a `Request` of another make. */
export function nodeExchangeOf(request: Request): NodeExchange | undefined {
  return EXCHANGE in request ? (request as unknown as NodeRequest)[EXCHANGE] : undefined;
}

/** Takes the request's body for reading, once, without a web stream. `undefined`: there is none. */
export function takeNodeBody(request: Request): NodeBody | undefined {
  return (request as unknown as NodeRequest).takeBody();
}

class NodeRequest {
  readonly [EXCHANGE]: NodeExchange;
  readonly #host: string;
  #headers: Headers | undefined;
  #abort: AbortController | undefined;
  #standard: Request | undefined;
  #taken = false;

  constructor(exchange: NodeExchange, host: string) {
    this[EXCHANGE] = exchange;
    this.#host = host;
  }

  get method(): string {
    return this[EXCHANGE].incoming.method ?? "GET";
  }

  get url(): string {
    return `http://${this.#host}${originForm(this[EXCHANGE].incoming.url ?? "/")}`;
  }

  get headers(): Headers {
    const { incoming, upgrade } = this[EXCHANGE];
    // RFC 9110 §7.8: an Upgrade may be ignored. Where this connection cannot be upgraded it is not shown.
    const hidden = upgrade === undefined ? "upgrade" : undefined;
    return this.#headers ??= createNodeHeaders(incoming.rawHeaders, hidden);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = this.#abort = new AbortController();
      const { outgoing } = this[EXCHANGE];
      const onClose = (): void => {
        if (!outgoing.writableFinished) abort.abort();
      };
      if (outgoing.destroyed) onClose();
      else outgoing.once("close", onClose);
    }
    return this.#abort.signal;
  }

  get bodyUsed(): boolean {
    return this.#taken || (this.#standard?.bodyUsed ?? false);
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#taken ? null : this.#real().body;
  }

  get duplex(): "half" {
    return "half";
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#standard !== undefined) return await this.#standard.arrayBuffer();
    const whole = await this.takeBody()?.readAll() ?? new Uint8Array(0);
    // A copy where the bytes are part of a shared pool.
    const { buffer, byteOffset, byteLength } = whole;
    return byteLength === buffer.byteLength
      ? buffer as ArrayBuffer
      : buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  clone(): Request {
    if (this.bodyUsed) throw new TypeError("Cannot clone a request whose body was used");
    return this.#real().clone();
  }

  takeBody(): NodeBody | undefined {
    if (this.bodyUsed) throw new TypeError("Cannot read a body twice");
    const { incoming, outgoing, hasBody, expectsContinue } = this[EXCHANGE];
    if (!hasBody) return undefined;
    this.#taken = true;
    if (expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
    return new NodeBody(incoming);
  }

  /** The standard object for everything that is not above. */
  standard(): Request {
    return this.#real();
  }

  #real(): Request {
    if (this.#standard === undefined) {
      const { method, headers, signal } = this;
      const { incoming, outgoing, hasBody, expectsContinue } = this[EXCHANGE];
      const init: RequestInit & { duplex: "half" } = { method, headers, signal, duplex: "half" };
      // The standard has no body on GET and HEAD; the proxy takes those bytes with `takeNodeBody`.
      if (hasBody && !this.#taken && method !== "GET" && method !== "HEAD") {
        if (expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
        init.body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
      }
      this.#standard = new Request(this.url, init);
    }
    return this.#standard;
  }
}

// `cache`, `blob()`, `formData()` and the rest, whatever the runtime's Request has.
delegate(NodeRequest.prototype, Request.prototype);

/**
 * The path and query of a request target. RFC 9112 §3.2.2 lets a client name another authority in an
 * absolute-form target; it is left out here, because no decision may rest on it.
 */
function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/is.exec(target);
  const rest = match?.[1] ?? target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}
