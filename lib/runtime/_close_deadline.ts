/** How long a WebSocket that is closing is waited for. @module */

import { WEBSOCKET_CLOSE_MS, WEBSOCKET_DRAIN_MS } from "../limits.ts";

/** How long is waited, in milliseconds. */
export interface CloseTimes {
  /** Where nothing waits to leave. */
  readonly closeMs: number;
  /** For somebody who takes nothing of what waits. */
  readonly drainMs: number;
}

/**
 * The time from the first close frame to the end of both connections: 5 s, and longer while bytes wait
 * for somebody who reads slowly, as long as they became fewer within 30 s.
 */
export class CloseDeadline {
  readonly #countWaiting: () => number;
  readonly #cutOff: () => void;
  readonly #closeMs: number;
  readonly #drainMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isPressing = false;
  #isOver = false;

  /**
   * @param countWaiting Bytes that have not left yet.
   * @param cutOff Called when the time is up.
   * @param times In place of the 5 s and the 30 s.
   */
  constructor(
    countWaiting: () => number,
    cutOff: () => void,
    { closeMs = WEBSOCKET_CLOSE_MS, drainMs = WEBSOCKET_DRAIN_MS }: Partial<CloseTimes> = {},
  ) {
    this.#countWaiting = countWaiting;
    this.#cutOff = cutOff;
    this.#closeMs = closeMs;
    this.#drainMs = drainMs;
  }

  /** Starts the time, the first time it is called. */
  start(): void {
    if (this.#timer === undefined && !this.#isOver) this.#wait(Number.POSITIVE_INFINITY, 0);
  }

  /** Leaves 5 s from now, whatever waits: the server stops. */
  press(): void {
    if (this.#isPressing || this.#isOver) return;
    this.#isPressing = true;
    clearTimeout(this.#timer);
    this.#wait(0, 0);
  }

  /** Both connections are gone. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #wait(fewest: number, stuckMs: number): void {
    this.#timer = setTimeout(() => {
      const waiting = this.#countWaiting();
      const nowStuckMs = waiting < fewest ? 0 : stuckMs + this.#closeMs;
      if (waiting > 0 && nowStuckMs < this.#drainMs && !this.#isPressing) {
        return this.#wait(Math.min(waiting, fewest), nowStuckMs);
      }
      this.#cutOff();
    }, this.#closeMs);
  }
}
