/** One exchange over a dispatch: request body in, response body out, deadlines, one end. @module */

import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import { PassthroughError } from "../errors.ts";
import type { ByteTransform, ResponseParts, UpstreamRequest, UpstreamResponse } from "../ports.ts";
import { readPieces } from "./_byte_stream.ts";
import type { Dispatch, DispatchBody, DispatchController, DispatchHandler } from "./_dispatch.ts";
import {
  createAbortFailure,
  createBrokenFailure,
  createTimeoutFailure,
  createTooLargeFailure,
} from "../upstream_failures.ts";
import { createConnectionFailure, isLostConnection } from "./_failures.ts";
import { REPEATABLE_METHODS } from "./_methods.ts";
import { flattenHeaders, parseRawHeaders, reasonOf } from "./_raw_headers.ts";
import { createRelayedResponse, openRelayed } from "./_relayed_response.ts";
import type { RelaySource } from "./_relayed_response.ts";
import { nodeExchangeOf, takeNodeBody } from "./node_request.ts";
import { endWith } from "./node_response.ts";

/** What an exchange is to be like. */
export interface ExchangeOptions {
  /** True where the server is Node's and a response may write itself. */
  readonly relays: boolean;
}

const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/** Body bytes held back while nobody has said where they go. */
const MAX_QUEUED_BYTES = 64 * 1024;

/** State of one exchange: handler of the dispatch, and source of the relayed response. */
export class DispatchExchange implements DispatchHandler, RelaySource {
  readonly #send: Dispatch;
  readonly #request: UpstreamRequest;
  readonly #relays: boolean;
  #body: DispatchBody = null;
  #resolve: (response: UpstreamResponse) => void = ignore;
  #reject: (error: Error) => void = ignore;

  #controller: DispatchController | undefined;
  #client: ServerResponse | undefined;
  #outgoing: ServerResponse | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onClose: ResponseParts["onClose"];

  #transform: ByteTransform | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #isRetried = false;
  #isAnswered = false;
  #hasBody = true;
  #isEnded = false;
  #isClosed = false;
  #failure: PassthroughError | undefined;

  #stage: "headers" | "idle" = "headers";
  #stageTimer: ReturnType<typeof setTimeout> | undefined;
  #totalTimer: ReturnType<typeof setTimeout> | undefined;
  #ignoreClient: () => void = ignore;
  #stopUpload: () => void = ignore;

  constructor(send: Dispatch, request: UpstreamRequest, options: ExchangeOptions) {
    this.#send = send;
    this.#request = request;
    this.#relays = options.relays;
  }

  /** Sends the request. Rejects with a `PassthroughError`. */
  start(): Promise<UpstreamResponse> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { deadlines: { totalMs }, incoming } = this.#request;
      if (totalMs > 0) {
        this.#totalTimer = setTimeout(() => this.#fail(createTimeoutFailure("total")), totalMs);
      }
      this.#watchClient(incoming);
      // One turn later: what of the body came in the same packet as the head is there by then.
      queueMicrotask(() => this.#begin());
    });
  }

  onRequestStart(controller: DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
    else this.#enter("headers");
  }

  onResponseStart(
    controller: DispatchController,
    status: number,
    _headers: unknown,
    text?: string,
  ): void {
    if (status < 200) return; // RFC 9110 §15.2: interim answers are between us and the upstream
    // No standard response can have it.
    if (status > 599 && !this.#relays) return this.#fail(createBrokenFailure("status"));
    this.#isAnswered = true;
    this.#hasBody = this.#request.method !== "HEAD" && !NULL_BODY_STATUSES.has(status);
    this.#enter("idle");
    this.#resolve({
      status,
      statusText: text ?? "",
      headers: parseRawHeaders((controller.rawHeaders ?? []) as readonly unknown[]),
      respond: (parts): Response => {
        // Broken off in the same turn: nothing of it was sent, so it can be answered for.
        if (this.#failure !== undefined) throw this.#failure;
        this.#onClose = parts.onClose;
        if (parts.transform !== undefined) this.#startTransform(parts.transform);
        const response = createRelayedResponse(this, parts);
        return this.#relays ? response : openRelayed(response);
      },
      cancel: (): void => this.#fail(createAbortFailure()),
    });
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    // What was under way when it ended.
    if (this.#isClosed) return;
    this.#stageTimer?.refresh();
    const { maxResponseBytes } = this.#request;
    this.#bytesSent += chunk.length;
    if (maxResponseBytes > 0 && this.#bytesSent > maxResponseBytes) {
      this.#bytesSent -= chunk.length;
      this.#fail(createTooLargeFailure("response"));
    } else if (!this.#give(this.#transform?.push(chunk) ?? chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isClosed) return;
    // `node:http` takes 099 for a status, and what we take for an interim answer was all there is.
    if (!this.#isAnswered) return this.#fail(createBrokenFailure("failed"));
    this.#isEnded = true;
    this.#stopTimers();
    if (this.#transform !== undefined) this.#give(this.#transform.flush());
    if (this.#outgoing !== undefined) this.#outgoing.end();
    else if (this.#stream !== undefined) this.#closeStream(this.#stream);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#mayRepeat(error)) {
      this.#isRetried = true;
      this.#dispatch();
    } else if (this.#isAnswered && !this.#hasBody) {
      // Undici misses the body that the Content-Length of a 304 tells of (RFC 9110 §8.6).
      this.onResponseEnd();
    } else {
      const stage = this.#controller === undefined ? "connect" : "exchange";
      this.#fail(createConnectionFailure(error, stage));
    }
  }

  sendTo(outgoing: ServerResponse, parts: ResponseParts): void {
    if (this.#failure !== undefined || outgoing.destroyed) {
      outgoing.destroy();
      return;
    }
    if (outgoing !== this.#client) this.#watchOutgoing(outgoing);
    const { status, statusText } = parts;
    outgoing.writeHead(status, reasonOf(status, statusText), flattenHeaders(parts.headers));
    this.#outgoing = outgoing;
    const queue = this.#queue;
    this.#queue = [];
    if (this.#isEnded) return endWith(outgoing, queue);
    outgoing.on("drain", () => {
      this.#stageTimer?.refresh();
      this.#controller?.resume();
    });
    // Event streams: the client must see the head before the first event.
    if (queue.length === 0) outgoing.flushHeaders();
    let hasRoom = true;
    for (const chunk of queue) hasRoom = outgoing.write(chunk);
    if (hasRoom) this.#controller?.resume();
  }

  openStream(): ReadableStream<Uint8Array> | null {
    if (!this.#hasBody) {
      this.#close();
      return null;
    }
    return new ReadableStream<Uint8Array>({
      start: (controller): void => {
        this.#stream = controller;
        for (const chunk of this.#queue) controller.enqueue(chunk);
        this.#queue = [];
        if (this.#failure !== undefined) controller.error(this.#failure);
        else if (this.#isEnded) this.#closeStream(controller);
      },
      pull: (): void => {
        this.#stageTimer?.refresh();
        this.#controller?.resume();
      },
      cancel: (): void => {
        this.#stream = undefined;
        this.#fail(createAbortFailure());
      },
    });
  }

  /** Hands bytes on to the client, or keeps them for it. False when there is no room for more. */
  #give(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.#outgoing !== undefined) return this.#outgoing.write(bytes);
    const stream = this.#stream;
    if (stream !== undefined) {
      // Whoever reads may be gone, and cancel the stream inside this call.
      stream.enqueue(bytes);
      return (stream.desiredSize ?? 0) > 0;
    }
    // A small answer arrives whole before anybody could take it: one write instead of three.
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    return this.#queuedBytes < MAX_QUEUED_BYTES;
  }

  /** What came before the answer was decided on goes through it as well. */
  #startTransform(transform: ByteTransform): void {
    this.#transform = transform;
    const pieces = this.#queue.map((piece) => transform.push(piece));
    if (this.#isEnded) pieces.push(transform.flush());
    this.#queue = pieces.filter(({ length }) => length > 0);
  }

  #begin(): void {
    if (this.#isClosed) return;
    try {
      this.#body = this.#takeBody(this.#request);
      this.#dispatch();
    } catch (error) {
      this.#fail(createConnectionFailure(error, "exchange"));
    }
  }

  #takeBody({ incoming, body: read, headers }: UpstreamRequest): DispatchBody {
    if (read instanceof Uint8Array) {
      this.#countRequestBytes(read.length);
      return Buffer.from(read.buffer, read.byteOffset, read.length);
    }
    if (read !== undefined) return this.#countStream(read);
    if (nodeExchangeOf(incoming) === undefined) {
      return incoming.body === null ? null : this.#countStream(incoming.body);
    }
    const body = takeNodeBody(incoming);
    if (body === undefined) return null;
    const declared = headers.find(([name]) => name === "content-length")?.[1];
    const whole = body.takeArrived(declared === undefined ? undefined : Number(declared));
    if (whole !== undefined) {
      this.#countRequestBytes(whole.length);
      return whole;
    }
    body.onChunk = (bytes): void => this.#countRequestBytes(bytes);
    return body;
  }

  async *#countStream(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    let pieces = body as unknown as AsyncIterable<Uint8Array>;
    // Undici still holds a piece when it asks for the next; the other dispatch does not.
    if (!this.#relays) {
      const given = pieces = readPieces(body);
      // Deno tells nobody who is inside a read that the client is gone, and keeps its connection.
      this.#stopUpload = (): void => given.cancel();
    }
    try {
      for await (const chunk of pieces) {
        this.#countRequestBytes(chunk.length);
        yield chunk;
      }
      // Given up half-way: what there was must not pass for the whole.
      if (this.#isClosed) throw createAbortFailure();
    } catch (error) {
      // A client's body only breaks off with the client.
      throw error instanceof PassthroughError ? error : createAbortFailure();
    }
  }

  #countRequestBytes(bytes: number): void {
    this.#stageTimer?.refresh();
    const { maxRequestBytes } = this.#request;
    if (maxRequestBytes > 0 && this.#bytesReceived + bytes > maxRequestBytes) {
      throw createTooLargeFailure("request");
    }
    this.#bytesReceived += bytes;
  }

  #dispatch(): void {
    const { method, url, headers, host } = this.#request;
    const pathStart = url.indexOf("/", url.indexOf("://") + 3);
    const flat = flattenHeaders(headers);
    if (host !== undefined) flat.push("host", host);
    this.#controller = undefined;
    this.#send({
      origin: pathStart === -1 ? url : url.slice(0, pathStart),
      path: pathStart === -1 ? "/" : url.slice(pathStart),
      method,
      headers: flat,
      body: this.#body,
      isRepeated: this.#isRetried,
    }, this);
  }

  // A body that streams is gone once its first piece was sent; one that is held can be sent again.
  #mayRepeat(error: Error): boolean {
    return !this.#isRetried && !this.#isAnswered && !this.#isClosed && isLostConnection(error) &&
      this.#controller !== undefined && REPEATABLE_METHODS.has(this.#request.method) &&
      (this.#body === null || this.#body instanceof Buffer);
  }

  #watchClient(incoming: Request): void {
    const exchange = nodeExchangeOf(incoming);
    if (exchange !== undefined) {
      this.#client = exchange.outgoing;
      this.#watchOutgoing(exchange.outgoing);
      return;
    }
    const { signal } = incoming;
    const onAbort = (): void => this.#fail(createAbortFailure());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    this.#ignoreClient = (): void => signal.removeEventListener("abort", onAbort);
  }

  #watchOutgoing(outgoing: ServerResponse): void {
    if (outgoing.destroyed) this.#fail(createAbortFailure());
    // Emitted after the last byte as well as when the client goes away half-way.
    else outgoing.once("close", () => this.#onClientClose(outgoing));
  }

  #onClientClose(outgoing: ServerResponse): void {
    if (this.#isEnded && outgoing.writableFinished) this.#close();
    else this.#fail(createAbortFailure());
  }

  #enter(stage: "headers" | "idle"): void {
    const { headersMs, idleMs } = this.#request.deadlines;
    const ms = stage === "headers" ? headersMs : idleMs;
    this.#stage = stage;
    if (this.#stageTimer !== undefined && headersMs === idleMs) {
      this.#stageTimer.refresh();
      return;
    }
    clearTimeout(this.#stageTimer);
    this.#stageTimer = ms > 0 ? setTimeout(() => this.#expire(), ms) : undefined;
  }

  #expire(): void {
    // Bytes are waiting for a client that reads none.
    if (this.#outgoing?.writableNeedDrain) this.#fail(createAbortFailure());
    else this.#fail(createTimeoutFailure(this.#stage));
  }

  #closeStream(stream: ReadableStreamDefaultController<Uint8Array>): void {
    this.#stream = undefined;
    stream.close();
    this.#close();
  }

  #fail(failure: PassthroughError): void {
    if (this.#isClosed) return;
    this.#failure = failure;
    this.#close();
    this.#controller?.abort(failure);
    if (!this.#isAnswered) this.#reject(failure);
    this.#outgoing?.destroy();
    this.#stream?.error(failure);
    this.#queue = [];
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTimers();
    this.#ignoreClient();
    this.#stopUpload();
    this.#onClose?.({
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      error: this.#failure?.code,
    });
  }

  #stopTimers(): void {
    clearTimeout(this.#stageTimer);
    clearTimeout(this.#totalTimer);
    this.#stageTimer = undefined;
  }
}

function ignore(): void {}
