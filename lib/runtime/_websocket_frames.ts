/**
 * WebSocket frames on the wire (RFC 6455 §5): messages out of the bytes of one direction, and frames to
 * send. What only watches the bytes of a tunnel is in `_websocket_scanner.ts`.
 *
 * @module
 */

import {
  applyMask,
  FrameScanner,
  MAX_CONTROL_BYTES,
  NO_CLOSE_CODE,
  OPCODES,
} from "./_websocket_scanner.ts";
import type { FrameFailure, FrameHead, FrameRules } from "./_websocket_scanner.ts";

export { FrameScanner, isCloseCode, NO_CLOSE_CODE, OPCODES } from "./_websocket_scanner.ts";
export type { FrameFailure, FrameHead, FrameRules, FrameSink } from "./_websocket_scanner.ts";

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a {@link FrameReader} reads: a message over all its fragments, or a control frame. */
export type FrameEvent =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "binary" | "ping" | "pong"; readonly data: Uint8Array }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

/**
 * Makes messages of the bytes of one direction. Holds one message at most, of `maxMessageBytes`;
 * compression is not supported.
 */
export class FrameReader {
  readonly #scanner: FrameScanner;
  #events: FrameEvent[] = [];
  #failure: FrameFailure | undefined;
  #head: FrameHead | undefined;
  #messageOpcode = 0;
  #position = 0;
  #message = new Gathered();
  #control = new Gathered();

  constructor(rules: FrameRules) {
    this.#scanner = new FrameScanner({ ...rules, allowsCompression: false }, {
      begin: (head) => this.#begin(head),
      take: (payload) => this.#take(payload),
      end: () => this.#end(),
    });
  }

  /** What was wrong, text that is not UTF-8 included. Nothing is read after it. */
  get failure(): FrameFailure | undefined {
    return this.#failure ?? this.#scanner.failure;
  }

  /** Takes a piece and gives what it completed, in order; the close event is the last one ever. */
  read(chunk: Uint8Array): FrameEvent[] {
    if (this.#failure !== undefined) return [];
    this.#events = [];
    this.#scanner.scan(chunk);
    return this.#events;
  }

  #begin(head: FrameHead): void {
    this.#head = head;
    this.#position = 0;
    if (head.opcode === OPCODES.text || head.opcode === OPCODES.binary) {
      this.#messageOpcode = head.opcode;
    }
    this.#bufferOf(head).expect(head.length);
  }

  #take(payload: Uint8Array): void {
    const head = this.#head as FrameHead;
    this.#bufferOf(head).append(payload, head.mask, this.#position);
    this.#position += payload.length;
  }

  #end(): void {
    const head = this.#head as FrameHead;
    if (!head.isFinal || this.#failure !== undefined) return;
    const data = this.#bufferOf(head).takeAll();
    const opcode = head.opcode === OPCODES.continuation ? this.#messageOpcode : head.opcode;
    switch (opcode) {
      case OPCODES.text:
        this.#addText(data, (text) => ({ kind: "text", text }));
        break;
      case OPCODES.close: {
        const code = this.#scanner.closeCode ?? NO_CLOSE_CODE;
        this.#addText(data.subarray(2), (reason) => ({ kind: "close", code, reason }));
        break;
      }
      case OPCODES.ping:
        this.#events.push({ kind: "ping", data });
        break;
      case OPCODES.pong:
        this.#events.push({ kind: "pong", data });
        break;
      default:
        this.#events.push({ kind: "binary", data });
    }
  }

  // RFC 6455 §8.1: text and reasons are UTF-8.
  #addText(data: Uint8Array, make: (text: string) => FrameEvent): void {
    try {
      this.#events.push(make(STRICT_UTF8.decode(data)));
    } catch {
      this.#failure = { code: 1007, reason: "not UTF-8" };
    }
  }

  #bufferOf(head: FrameHead): Gathered {
    return head.opcode >= OPCODES.close ? this.#control : this.#message;
  }
}

/** How a frame is made. */
export interface EncodeOptions {
  /** True for what a client sends (RFC 6455 §5.3). */
  readonly mask: boolean;
}

/** One whole frame. */
export function encodeFrame(
  opcode: number,
  payload: Uint8Array,
  { mask }: EncodeOptions,
): Uint8Array {
  const { length } = payload;
  const lengthBytes = length <= MAX_CONTROL_BYTES ? 0 : length <= 0xffff ? 2 : 8;
  const payloadStart = 2 + lengthBytes + (mask ? 4 : 0);
  const frame = new Uint8Array(payloadStart + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | opcode;
  frame[1] = (mask ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  frame.set(payload, payloadStart);
  if (mask) {
    const key = frame.subarray(payloadStart - 4, payloadStart);
    crypto.getRandomValues(key);
    applyMask(frame.subarray(payloadStart), key, 0);
  }
  return frame;
}

/** A close frame (RFC 6455 §5.5.1); code 1005 makes one without a code. A long reason is cut. */
export function encodeClose(code: number, reason: string, options: EncodeOptions): Uint8Array {
  if (code === NO_CLOSE_CODE) return encodeFrame(OPCODES.close, new Uint8Array(0), options);
  const payload = new Uint8Array(MAX_CONTROL_BYTES);
  new DataView(payload.buffer).setUint16(0, code);
  // `encodeInto` writes whole characters only.
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return encodeFrame(OPCODES.close, payload.subarray(0, 2 + written), options);
}

/**
 * Bytes that grow as they come. Copied at once: pieces are views of much larger buffers of the socket,
 * which many small ones would keep in memory.
 */
class Gathered {
  #bytes = new Uint8Array(0);
  #length = 0;
  #expected = 0;

  /** So many more are announced; no memory is taken for them yet. */
  expect(bytes: number): void {
    this.#expected += bytes;
  }

  append(piece: Uint8Array, mask: Uint8Array | undefined, position: number): void {
    const start = this.#length;
    this.#length += piece.length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(
        Math.min(Math.max(this.#length, 2 * this.#bytes.length), this.#expected),
      );
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, start);
    if (mask !== undefined) applyMask(this.#bytes.subarray(start, this.#length), mask, position);
  }

  takeAll(): Uint8Array {
    const all = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = this.#expected = 0;
    return all;
  }
}
