/** A connection whose client asks to speak another protocol on it. @module */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { MAX_EARLY_BYTES, REFUSED_BODY_DRAIN_MS } from "../limits.ts";

/** What goes on over a connection that was upgraded. */
export interface UpgradeRelay {
  /** Closes it in order. */
  stop(): void;
  /** Resolves when it is over, its record included. */
  readonly ended: Promise<void>;
}

/**
 * Holds such a connection until it is decided on. It is read meanwhile, because a client that goes
 * away is seen by readers only.
 */
export class UpgradeSocket {
  /** The connection. */
  readonly socket: Socket;
  /** Set by whoever took it. */
  relay: UpgradeRelay | undefined;
  #early: Buffer[];
  #earlyBytes: number;
  readonly #onData = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.socket.pause();
  };
  readonly #onEnd = (): void => void this.socket.destroy();

  constructor(socket: Socket, head: Buffer) {
    this.socket = socket;
    this.#early = [head];
    this.#earlyBytes = head.length;
    socket.on("error", () => socket.destroy());
    socket.on("data", this.#onData).on("end", this.#onEnd);
  }

  /** Hands the connection over, paused: gives what the client sent behind its request. */
  take(): Uint8Array {
    this.socket.pause();
    this.socket.removeListener("data", this.#onData).removeListener("end", this.#onEnd);
    const early = Buffer.concat(this.#early);
    this.#early = [];
    return early;
  }

  /** Ends a connection that was answered in place of upgraded, so that the answer arrives. */
  finish(): void {
    const { socket } = this;
    this.take();
    // Unread bytes would make the end a reset, which takes the answer with it.
    socket.on("end", this.#onEnd).resume();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), REFUSED_BODY_DRAIN_MS);
    socket.once("close", () => clearTimeout(timer));
  }

  /** Closes it now, in order where somebody took it. */
  stop(): void {
    if (this.relay === undefined) this.socket.destroy();
    else this.relay.stop();
  }
}
