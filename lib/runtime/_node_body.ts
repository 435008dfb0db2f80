/** The body of a Node request, pulled piece by piece. @module */

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { BODY_IDLE_MS } from "../limits.ts";
import { createAbortFailure } from "../upstream_failures.ts";

type Piece = IteratorResult<Buffer, undefined>;
/** Read ahead: enough that a fast sender is not stopped after each chunk. */
const MAX_QUEUED_CHUNKS = 8;
const DONE: Piece = { done: true, value: undefined };

/**
 * Reads an `IncomingMessage` without destroying it: when the reader stops half-way, the server still
 * owns the socket and can answer on it. (A stream handed to a client library, or Node's own async
 * iterator, is destroyed together with the client's connection.)
 */
export class NodeBody implements AsyncIterableIterator<Buffer> {
  /** Called with the size of each piece that is handed over; what it throws ends the body. */
  onChunk: ((bytes: number) => void) | undefined;

  readonly #incoming: IncomingMessage;
  #queue: Buffer[] = [];
  #listening = false;
  #ended = false;
  #stopped = false;
  #waiting:
    | { resolve(piece: Piece | Promise<Piece>): void; reject(error: Error): void }
    | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
  }

  /**
   * The whole body, when all of it has arrived already: saves a stream for small bodies.
   *
   * @param declaredBytes The length that the client declared, where it did: Node calls a message complete
   *   a moment after its last byte.
   */
  takeArrived(declaredBytes?: number): Buffer | undefined {
    const { complete, readableLength } = this.#incoming;
    if (!complete && readableLength !== declaredBytes) return undefined;
    this.#ended = true;
    return this.#incoming.read() as Buffer | null ?? EMPTY;
  }

  /** The whole body; the client must not pause longer than 30 s. */
  async readAll(): Promise<Buffer> {
    const arrived = this.takeArrived();
    if (arrived !== undefined) return arrived;
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => this.#incoming.destroy(), BODY_IDLE_MS);
    try {
      for await (const chunk of this) {
        timer.refresh();
        chunks.push(chunk);
      }
    } finally {
      clearTimeout(timer);
    }
    return Buffer.concat(chunks);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Piece> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      if (this.#queue.length === 0 && !this.#ended) this.#incoming.resume();
      return this.#handOver(chunk);
    }
    if (this.#ended || this.#stopped) return Promise.resolve(DONE);
    if (this.#incoming.destroyed) return Promise.reject(createAbortFailure());
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#flow();
    });
  }

  /** Stops reading; what still comes is the server's to drain. */
  return(): Promise<Piece> {
    this.#stopped = true;
    this.#queue = [];
    this.#incoming.pause();
    this.#waiting?.resolve(DONE);
    this.#waiting = undefined;
    return Promise.resolve(DONE);
  }

  #flow(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#incoming
      .on("data", (chunk: Buffer) => this.#onData(chunk))
      .once("end", () => {
        this.#ended = true;
        this.#waiting?.resolve(DONE);
        this.#waiting = undefined;
      })
      .once("close", () => this.#onClose())
      .on("error", () => this.#onClose());
  }

  #onData(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#waiting === undefined) {
      this.#queue.push(chunk);
      if (this.#queue.length >= MAX_QUEUED_CHUNKS) this.#incoming.pause();
    } else {
      this.#waiting.resolve(this.#handOver(chunk));
      this.#waiting = undefined;
    }
  }

  async #handOver(value: Buffer): Promise<Piece> {
    this.onChunk?.(value.length);
    return { done: false, value };
  }

  #onClose(): void {
    this.#waiting?.reject(createAbortFailure());
    this.#waiting = undefined;
  }
}

const EMPTY = Buffer.alloc(0);
