/** One upstream exchange: its deadlines, its one failure, its one end. @module */

import type { PassthroughError } from "../errors.ts";
import type { StreamEnd, UpstreamRequest } from "../ports.ts";
import { createAbortFailure, createTimeoutFailure } from "../upstream_failures.ts";
import type { UpstreamStage } from "../upstream_failures.ts";
import type { LateWatch } from "./_late_watch.ts";

type Timer = ReturnType<typeof setTimeout>;

/** The state of one upstream exchange. The first failure wins and ends everything. */
export class Exchange {
  /** Bytes of request body handed to the upstream so far. */
  bytesReceived = 0;
  /** Bytes of response body handed to the client so far. */
  bytesSent = 0;
  /** True while a watched request body is not through. */
  isUploading = false;
  /** Called once when the exchange is found to be slow, unless the response header is there by then. */
  onSlowStart: (() => void) | undefined;
  /** Breaks the response body off, once there is one. */
  onFailure: ((failure: PassthroughError) => void) | undefined;

  readonly #abort = new AbortController();
  readonly #request: UpstreamRequest;
  readonly #watch: LateWatch;
  readonly #becomeLate = (): void => this.#armLate();
  readonly #clientAborted = (): void => this.fail(createAbortFailure());
  #clientSignal: AbortSignal | undefined;
  #stageTimer: Timer | undefined;
  #totalTimer: Timer | undefined;
  #probeTimer: Timer | undefined;
  #stage: UpstreamStage = "headers";
  #stageMs: number;
  #isLate = false;
  #isAnswered = false;
  #isClosed = false;
  #failure: PassthroughError | undefined;
  #onClose: ((end: StreamEnd) => void) | undefined;

  /** Starts waiting for the response header, and the deadline for the whole. */
  constructor(request: UpstreamRequest, watch: LateWatch) {
    this.#request = request;
    this.#watch = watch;
    this.#stageMs = request.deadlines.headersMs;
    const { totalMs } = request.deadlines;
    if (totalMs > 0) this.#totalTimer = setTimeout(() => this.#expire("total"), totalMs);
    watch.add(this.#becomeLate);
  }

  /** Aborts the upstream call. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Why the exchange ended before its time. */
  get failure(): PassthroughError | undefined {
    return this.#failure;
  }

  /** True once the response header is there. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** True when the exchange has failed or ended. */
  get isOver(): boolean {
    return this.#isClosed;
  }

  /** Starts the deadline of a stage in place of the one that runs; 0 ms means none. */
  wait(stage: UpstreamStage, timeoutMs: number): void {
    this.#stage = stage;
    this.#stageMs = timeoutMs;
    if (this.#isLate) this.#armStage();
  }

  /** Stops the deadline that runs. */
  rest(): void {
    this.#stageMs = 0;
    clearTimeout(this.#stageTimer);
  }

  /** Calls `probe` after a while, unless the response header is there by then. */
  probe(probe: () => void, delayMs: number): void {
    if (!this.#isClosed && !this.#isAnswered) this.#probeTimer = setTimeout(probe, delayMs);
  }

  /** Notes that the response header is there. */
  answer(): void {
    this.#isAnswered = true;
    this.rest();
    clearTimeout(this.#probeTimer);
  }

  /** Listens for the client's abort, from now on. Otherwise only a slow exchange does. */
  watchClient(): void {
    if (this.#clientSignal !== undefined || this.#isClosed) return;
    this.#clientSignal = this.#request.incoming.signal;
    if (this.#clientSignal.aborted) this.fail(createAbortFailure());
    else this.#clientSignal.addEventListener("abort", this.#clientAborted, { once: true });
  }

  /** Ends the exchange with a failure: the upstream call is aborted, the response broken off. */
  fail(failure: PassthroughError): void {
    if (this.#isClosed) return;
    this.#failure = failure;
    this.#abort.abort(failure);
    this.close();
    this.onFailure?.(failure);
  }

  /** Ends the exchange; an upload that nobody waits for is stopped. Nothing happens the second time. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.isUploading) this.#abort.abort();
    this.#watch.delete(this.#becomeLate);
    clearTimeout(this.#stageTimer);
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#totalTimer);
    this.#clientSignal?.removeEventListener("abort", this.#clientAborted);
    this.#report();
  }

  /** Calls `onClose` at the end; later in this turn where the end has come already. */
  notify(onClose: ((end: StreamEnd) => void) | undefined): void {
    this.#onClose = onClose;
    // Two turns of the queue, so that whoever awaits `forward` has the response in hand by then.
    if (this.#isClosed) queueMicrotask(() => queueMicrotask(() => this.#report()));
  }

  /** Ends the exchange and the upstream call, without calling that a failure. */
  abandon(): void {
    this.close();
    this.#abort.abort();
  }

  #report(): void {
    this.#onClose?.({
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      error: this.#failure?.code,
    });
  }

  #armLate(): void {
    this.#isLate = true;
    this.watchClient();
    this.#armStage();
    if (!this.#isAnswered) this.onSlowStart?.();
  }

  #armStage(): void {
    clearTimeout(this.#stageTimer);
    if (this.#stageMs === 0 || this.#isClosed) return;
    const stage = this.#stage;
    this.#stageTimer = setTimeout(() => this.#expire(stage), this.#stageMs);
  }

  #expire(stage: UpstreamStage): void {
    this.fail(createTimeoutFailure(stage));
  }
}
