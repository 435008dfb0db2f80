/**
 * A WebSocket whose client's side belongs to the runtime, message by message, and whose upstream's side
 * is a connection of ours: for Deno and Bun, whose servers hand out no connections.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import type { ErrorCode } from "../errors.ts";
import {
  MAX_TIMER_MS,
  WEBSOCKET_BACKLOG_BYTES,
  WEBSOCKET_HIGH_WATER_BYTES,
  WEBSOCKET_OPEN_MS,
  WEBSOCKET_POLL_MS,
} from "../limits.ts";
import type { StreamEnd, TunnelRequest } from "../ports.ts";
import { CloseDeadline } from "./_close_deadline.ts";
import { encodeClose, encodeFrame, FrameReader, isCloseCode } from "./_websocket_frames.ts";
import { NO_CLOSE_CODE, OPCODES } from "./_websocket_frames.ts";
import type { FrameEvent, FrameFailure } from "./_websocket_frames.ts";
import type { OpenDial } from "./websocket_dial.ts";

/** The client's side, as a runtime has it. What it hears of the client it tells the bridge. */
export interface ClientLeg {
  /** Sends a message. False when it could not. */
  send(data: string | Uint8Array): boolean;
  /** Bytes that were sent but have not left. When they are few again, the bridge is told. */
  waiting(): number;
  /** Stops reading, as far as the runtime can. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Sends a close frame, reads on and waits for the answer. Nothing is waiting when it is called. */
  close(code: number, reason: string): void;
  /** Cuts the connection off. */
  terminate(): void;
}

/** RFC 6455 §7.1.5: stands for a connection that ended without a close frame. */
export const ABNORMAL_CLOSE_CODE = 1006;
const MASKED = { mask: true } as const;
const ENCODER: TextEncoder = new TextEncoder();

/**
 * Carries messages between the two sides, with back-pressure. The codes and reasons it closes with, and
 * what it reports at the end, are those of `WebSocketRelay`.
 */
export class WebSocketBridge {
  readonly #socket: Duplex;
  readonly #head: Uint8Array;
  readonly #rules: Pick<TunnelRequest, "idleMs" | "maxMessageBytes">;
  readonly #onClose: ((end: StreamEnd) => void) | undefined;
  readonly #reader: FrameReader;
  #leg: ClientLeg | undefined;
  #isLegGone = false;
  #isSocketGone = false;
  #hasFinished = false;
  #lastActiveMs = performance.now();
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #openTimer: ReturnType<typeof setTimeout>;
  readonly #deadline = new CloseDeadline(() => this.#countWaiting(), () => this.#cutOff());
  #closeCode: number | undefined;
  #goodbye: { readonly code: number; readonly reason: string } | undefined;
  #error: ErrorCode | undefined;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(
    dial: Pick<OpenDial, "socket" | "head">,
    rules: Pick<TunnelRequest, "idleMs" | "maxMessageBytes">,
    onClose: ((end: StreamEnd) => void) | undefined,
    openMs: number = WEBSOCKET_OPEN_MS,
  ) {
    this.#socket = dial.socket;
    this.#head = dial.head;
    this.#rules = rules;
    this.#onClose = onClose;
    this.#reader = new FrameReader({ isMasked: false, maxMessageBytes: rules.maxMessageBytes });
    // Deno never tells of a client that left while its 101 was being written.
    this.#openTimer = setTimeout(() => this.closed(ABNORMAL_CLOSE_CODE, ""), openMs);
    this.#watchIdle(rules.idleMs);
    this.#listen(dial.socket);
  }

  /** The client's side is open: messages may go. */
  open(leg: ClientLeg): void {
    clearTimeout(this.#openTimer);
    if (this.#isLegGone) return leg.terminate(); // given up meanwhile
    this.#leg = leg;
    if (this.#goodbye !== undefined) return this.#closeLeg();
    if (this.#head.length > 0) this.#read(this.#head);
    this.progress();
  }

  /** A message of the client's. */
  receive(data: string | Uint8Array): void {
    this.#touch();
    if (this.#closeCode !== undefined) return;
    const socket = this.#socket;
    const isText = typeof data === "string";
    const payload = isText ? ENCODER.encode(data) : data;
    const { maxMessageBytes } = this.#rules;
    if (maxMessageBytes > 0 && payload.length > maxMessageBytes) {
      return this.#fail("client", { code: 1009, reason: "message too big" });
    }
    // Only a runtime that cannot stop reading gets here.
    if (socket.writableLength > WEBSOCKET_BACKLOG_BYTES) {
      this.#error = "ERR_UPSTREAM_FAILED";
      return this.#shutDown(1013, "upstream: reads too slowly");
    }
    const frame = encodeFrame(isText ? OPCODES.text : OPCODES.binary, payload, MASKED);
    this.#bytesReceived += frame.length;
    if (!socket.write(frame)) this.#leg?.pause();
  }

  /** The client gave a sign of life, or took some of what waits for it. */
  progress(): void {
    this.#touch();
    if (this.#closeCode === undefined && !this.#waitsForClient()) this.#socket.resume();
  }

  /** The client's side is closed; code 1006 when without a close frame. */
  closed(code: number, reason: string): void {
    if (this.#isLegGone) return;
    this.#isLegGone = true;
    if (code === ABNORMAL_CLOSE_CODE) {
      this.#error ??= this.#closeCode === undefined ? "ERR_CLIENT_ABORTED" : undefined;
      this.#shutDown(1001, "client went away");
    } else this.#shutDown(code, reason);
    this.#finishWhenDone();
  }

  /** Closes both sides with 1001. */
  stop(): void {
    this.#shutDown(1001, "going away");
    this.#deadline.press();
  }

  /** The socket stays paused until the client's side is open. */
  #listen(socket: Duplex): void {
    socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    socket.on("drain", () => {
      this.#touch();
      this.#leg?.resume();
    });
    socket.on("end", () => this.#loseUpstream());
    socket.on("close", () => {
      this.#isSocketGone = true;
      this.#loseUpstream();
      this.#finishWhenDone();
    });
  }

  #read(chunk: Uint8Array): void {
    this.#touch();
    if (this.#closeCode === undefined) this.#bytesSent += chunk.length;
    for (const event of this.#reader.read(chunk)) this.#take(event);
    const { failure } = this.#reader;
    if (failure !== undefined) this.#fail("upstream", failure);
    else if (this.#closeCode === undefined && this.#waitsForClient()) this.#socket.pause();
  }

  #take(event: FrameEvent): void {
    const socket = this.#socket;
    if (event.kind === "close") {
      this.#shutDown(event.code, event.reason);
      return void socket.end();
    }
    if (this.#closeCode !== undefined) return;
    switch (event.kind) {
      case "text":
        return this.#send(event.text);
      case "binary":
        return this.#send(event.data);
      case "ping":
        // RFC 6455 §5.5.3: pings that pile up may be answered by the last pong alone.
        if (socket.writableLength > WEBSOCKET_BACKLOG_BYTES) return;
        return void socket.write(encodeFrame(OPCODES.pong, event.data, MASKED));
      case "pong":
        return;
    }
  }

  #send(data: string | Uint8Array): void {
    if (this.#leg?.send(data) !== false) return;
    // A message that is lost must not look like one that was delivered.
    this.#error = "ERR_CLIENT_ABORTED";
    this.#shutDown(1013, "client: reads too slowly");
  }

  #waitsForClient(): boolean {
    return (this.#leg?.waiting() ?? 0) > WEBSOCKET_HIGH_WATER_BYTES;
  }

  #fail(side: "client" | "upstream", { code, reason }: FrameFailure): void {
    if (this.#closeCode !== undefined) return void this.#socket.destroy();
    if (side === "client") this.#error = "ERR_REQUEST_TOO_LARGE";
    else this.#error = code === 1009 ? "ERR_RESPONSE_TOO_LARGE" : "ERR_UPSTREAM_FAILED";
    this.#shutDown(code, `${side}: ${reason}`);
  }

  #loseUpstream(): void {
    if (this.#closeCode !== undefined) return void this.#socket.end();
    this.#error = "ERR_UPSTREAM_FAILED";
    this.#shutDown(1011, "upstream went away");
  }

  /** Says goodbye to both sides, the first time it is called. */
  #shutDown(code: number, reason: string): void {
    if (this.#closeCode !== undefined) return;
    this.#closeCode = code;
    clearTimeout(this.#idleTimer);
    // RFC 6455 §7.4.1: some codes are never sent.
    const sent = isCloseCode(code) || code === NO_CLOSE_CODE ? code : 1002;
    this.#goodbye = { code: sent, reason };
    if (this.#socket.writable) this.#socket.write(encodeClose(sent, reason, MASKED));
    // To see its answer. What it sends besides goes nowhere.
    this.#socket.resume();
    this.#closeLeg();
    this.#deadline.start();
  }

  /** Not before everything has left: the runtimes lose what is waiting, or count it no more. */
  #closeLeg(): void {
    const leg = this.#leg;
    if (leg === undefined || this.#isLegGone || this.#goodbye === undefined) return;
    if (leg.waiting() === 0) return leg.close(this.#goodbye.code, this.#goodbye.reason);
    setTimeout(() => this.#closeLeg(), WEBSOCKET_POLL_MS);
  }

  #countWaiting(): number {
    return this.#socket.writableLength + (this.#isLegGone ? 0 : this.#leg?.waiting() ?? 0);
  }

  #cutOff(): void {
    // What is lost must not look like what was delivered.
    if (!this.#isLegGone && (this.#leg?.waiting() ?? 0) > 0) this.#error ??= "ERR_CLIENT_ABORTED";
    else if (this.#socket.writableLength > 0) this.#error ??= "ERR_UPSTREAM_FAILED";
    this.#socket.destroy();
    if (!this.#isLegGone) this.#leg?.terminate();
    this.#isLegGone = true;
    this.#finishWhenDone();
  }

  #touch(): void {
    this.#lastActiveMs = performance.now();
  }

  #watchIdle(delayMs: number): void {
    const { idleMs } = this.#rules;
    if (idleMs === 0) return;
    this.#idleTimer = setTimeout(() => {
      const leftMs = this.#lastActiveMs + idleMs - performance.now();
      if (leftMs > 0) return this.#watchIdle(leftMs);
      this.#error = "ERR_UPSTREAM_TIMEOUT";
      this.#shutDown(1001, "idle timeout");
    }, Math.min(delayMs, MAX_TIMER_MS));
  }

  #finishWhenDone(): void {
    if (this.#hasFinished || !this.#isLegGone || !this.#isSocketGone) return;
    this.#hasFinished = true;
    clearTimeout(this.#openTimer);
    this.#deadline.end();
    this.#onClose?.({
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      error: this.#error,
      closeCode: this.#closeCode,
    });
  }
}
