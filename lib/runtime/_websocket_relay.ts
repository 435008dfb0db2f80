/** Two connections that speak WebSocket, and the bytes between them. @module */

import type { Socket } from "node:net";
import type { ErrorCode } from "../errors.ts";
import { KEEP_ALIVE_PROBE_MS } from "../limits.ts";
import type { StreamEnd } from "../ports.ts";
import { CloseDeadline } from "./_close_deadline.ts";
import type { UpgradeRelay } from "./_upgrade_socket.ts";
import { encodeClose } from "./_websocket_frames.ts";
import { FrameScanner } from "./_websocket_scanner.ts";
import type { FrameFailure } from "./_websocket_scanner.ts";

/** What is relayed, and within which limits. */
export interface RelayOptions {
  /** The client's connection; whatever it sends now is frames. */
  readonly client: Socket;
  /** Bytes of the client's that were read already. */
  readonly clientHead: Uint8Array;
  /** The upstream's connection. */
  readonly upstream: Socket;
  /** Bytes of the upstream's that were read already. */
  readonly upstreamHead: Uint8Array;
  /** True where permessage-deflate was agreed on, end to end. */
  readonly allowsCompression: boolean;
  /** How long both may be silent, in milliseconds; 0 means no limit. */
  readonly idleMs: number;
  /** Most bytes of one message as it is on the wire; 0 means no limit. */
  readonly maxMessageBytes: number;
  /** Called once, when both connections are gone. */
  readonly onClose: ((end: StreamEnd) => void) | undefined;
}

/** One of the two connections, and what it sends. */
interface Side {
  readonly name: "client" | "upstream";
  readonly socket: Socket;
  readonly scanner: FrameScanner;
  /** Bytes of it that were passed on. */
  bytes: number;
  /** True when a close frame of ours went to it. */
  isToldGoodbye: boolean;
  hasEnded: boolean;
  isClosed: boolean;
}

/** Why it is over, from our side. */
interface Goodbye {
  readonly code: number;
  readonly reason: string;
}

/**
 * Relays bytes both ways, untouched and with back-pressure, and only watches the frames go by. Where a
 * limit or a rule is broken, one side vanishes or the proxy stops, both sides get a close frame, put
 * between two frames; a side in the middle of a frame is cut off. After a close frame, whoever sent it,
 * both have 5 s, and a slow reader the time that what waits for it takes.
 */
export class WebSocketRelay implements UpgradeRelay {
  readonly ended: Promise<void>;
  readonly #client: Side;
  readonly #upstream: Side;
  readonly #onClose: RelayOptions["onClose"];
  readonly #idleTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #deadline: CloseDeadline;
  #isClosing = false;
  #goodbye: Goodbye | undefined;
  #closeCode: number | undefined;
  #error: ErrorCode | undefined;
  #markEnded: () => void = () => {};

  constructor(options: RelayOptions) {
    const { maxMessageBytes, allowsCompression, idleMs } = options;
    const rules = { maxMessageBytes, allowsCompression };
    const client = new FrameScanner({ ...rules, isMasked: true });
    const upstream = new FrameScanner({ ...rules, isMasked: false });
    this.#client = createSide("client", options.client, client);
    this.#upstream = createSide("upstream", options.upstream, upstream);
    this.#onClose = options.onClose;
    this.#deadline = new CloseDeadline(
      () => options.client.writableLength + options.upstream.writableLength,
      () => this.#cutOff(),
    );
    this.ended = new Promise((resolve) => this.#markEnded = resolve);
    this.#idleTimer = idleMs > 0 ? setTimeout(() => this.#expire(), idleMs) : undefined;
    this.#listen(this.#client, this.#upstream, options.clientHead);
    this.#listen(this.#upstream, this.#client, options.upstreamHead);
  }

  /** Closes both sides with 1001. */
  stop(): void {
    if (!this.#isClosing) this.#shutDown({ code: 1001, reason: "going away" });
    this.#deadline.press();
  }

  #listen(from: Side, to: Side, head: Uint8Array): void {
    const { socket } = from;
    socket.setNoDelay(true);
    // A peer whose machine is gone says nothing: without an idle limit only this finds it.
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    socket.on("data", (chunk: Uint8Array) => this.#relay(from, to, chunk));
    socket.on("drain", () => {
      this.#idleTimer?.refresh();
      to.socket.resume();
    });
    socket.on("end", () => this.#onEnd(from, to));
    const onClose = (): void => {
      from.isClosed = true;
      this.#onEnd(from, to);
      if (to.isClosed) this.#finish();
    };
    if (socket.closed) queueMicrotask(onClose);
    else socket.on("close", onClose);
    if (head.length > 0) this.#relay(from, to, head);
    if (!to.socket.writableNeedDrain) socket.resume();
  }

  #relay(from: Side, to: Side, chunk: Uint8Array): void {
    this.#idleTimer?.refresh();
    for (const piece of from.scanner.scan(chunk)) {
      if (!to.socket.writable) break;
      from.bytes += piece.length;
      if (!to.socket.write(piece)) from.socket.pause();
    }
    const { failure, closeCode } = from.scanner;
    if (failure !== undefined) this.#fail(from, failure);
    else if (closeCode !== undefined) {
      this.#closeCode ??= closeCode;
      this.#beginClosing();
    }
    if (this.#goodbye !== undefined) this.#sayGoodbye(to, from, this.#goodbye);
    this.#endWhereDone();
  }

  #fail(from: Side, { code, reason }: FrameFailure): void {
    const isTooBig = code === 1009;
    if (from.name === "client") {
      this.#error ??= isTooBig ? "ERR_REQUEST_TOO_LARGE" : "ERR_BAD_REQUEST";
    } else this.#error ??= isTooBig ? "ERR_RESPONSE_TOO_LARGE" : "ERR_UPSTREAM_FAILED";
    this.#shutDown({ code, reason: `${from.name}: ${reason}` });
  }

  #expire(): void {
    if (this.#isClosing) return;
    this.#error ??= "ERR_UPSTREAM_TIMEOUT";
    this.#shutDown({ code: 1001, reason: "idle timeout" });
  }

  /** A side that sends nothing any more: in order after a close frame, else it broke off. */
  #onEnd(from: Side, to: Side): void {
    if (from.hasEnded) return;
    from.hasEnded = true;
    if (!this.#isClosing) {
      const isClient = from.name === "client";
      this.#error ??= isClient ? "ERR_CLIENT_ABORTED" : "ERR_UPSTREAM_FAILED";
      this.#shutDown({ code: isClient ? 1001 : 1011, reason: `${from.name} went away` });
    }
    // There is nothing more to come for the other side; not even the rest of the frame it is in.
    if (from.scanner.isAtBoundary) to.socket.end();
    else to.socket.destroy();
    this.#endWhereDone();
  }

  #shutDown(goodbye: Goodbye): void {
    if (this.#goodbye !== undefined) return;
    this.#goodbye = goodbye;
    this.#closeCode ??= goodbye.code;
    this.#beginClosing();
    for (const [from, to] of this.#directions()) {
      from.scanner.stop();
      this.#sayGoodbye(to, from, goodbye);
      // To see its answer. What it sends besides goes nowhere from the next boundary on.
      from.socket.resume();
    }
    this.#endWhereDone();
  }

  #sayGoodbye(to: Side, from: Side, { code, reason }: Goodbye): void {
    // Not twice, not after the close frame of the other side, not inside a frame of it.
    if (to.isToldGoodbye || from.scanner.closeCode !== undefined || !from.scanner.isAtBoundary) {
      return;
    }
    to.isToldGoodbye = true;
    if (to.socket.writable) {
      to.socket.write(encodeClose(code, reason, { mask: to.name === "upstream" }));
    }
  }

  #beginClosing(): void {
    this.#isClosing = true;
    this.#deadline.start();
  }

  #cutOff(): void {
    const [client, upstream] = [this.#client.socket, this.#upstream.socket];
    // What is lost must not look like what was delivered.
    if (client.writableLength > 0) this.#error ??= "ERR_CLIENT_ABORTED";
    else if (upstream.writableLength > 0) this.#error ??= "ERR_UPSTREAM_FAILED";
    client.destroy();
    upstream.destroy();
  }

  // RFC 6455 §7.1.1: a connection is closed when close frames went both ways on it.
  #endWhereDone(): void {
    for (const [from, to] of this.#directions()) {
      const hasHeard = to.isToldGoodbye || from.scanner.closeCode !== undefined;
      const hasSpoken = to.hasEnded || to.scanner.closeCode !== undefined ||
        to.scanner.failure !== undefined;
      if (hasHeard && hasSpoken) to.socket.end();
    }
  }

  #directions(): readonly (readonly [from: Side, to: Side])[] {
    return [[this.#client, this.#upstream], [this.#upstream, this.#client]];
  }

  #finish(): void {
    clearTimeout(this.#idleTimer);
    this.#deadline.end();
    this.#onClose?.({
      bytesSent: this.#upstream.bytes,
      bytesReceived: this.#client.bytes,
      error: this.#error,
      closeCode: this.#closeCode,
    });
    this.#markEnded();
  }
}

function createSide(name: Side["name"], socket: Socket, scanner: FrameScanner): Side {
  return {
    name,
    socket,
    scanner,
    bytes: 0,
    isToldGoodbye: false,
    hasEnded: false,
    isClosed: false,
  };
}
