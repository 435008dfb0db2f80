/** A dispatch handler as undici calls it. @module */

import type { Buffer } from "node:buffer";
import type { DispatchController, DispatchHandler } from "./_dispatch.ts";

/**
 * What undici is given in place of a {@link DispatchHandler}: the handler shape of its core. The newer
 * one it puts around that builds an object of every header section, which nobody here reads.
 */
export class UndiciHandler implements DispatchController {
  /** The received header section: name, value, name, value; each a `Buffer`. */
  rawHeaders: unknown = undefined;
  readonly #handler: DispatchHandler;
  #abort: ((reason: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #isPaused = false;

  constructor(handler: DispatchHandler) {
    this.#handler = handler;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#resume?.();
  }

  abort(reason: Error): void {
    const abort = this.#abort;
    this.#abort = undefined;
    abort?.(reason);
  }

  onConnect(abort: (reason: Error) => void): void {
    this.#abort = abort;
    this.#handler.onRequestStart(this);
  }

  /** False holds the body back. */
  onHeaders(
    status: number,
    rawHeaders: readonly Buffer[],
    resume: () => void,
    text?: string,
  ): boolean {
    this.rawHeaders = rawHeaders;
    this.#resume = resume;
    this.#handler.onResponseStart(this, status, undefined, text);
    return !this.#isPaused;
  }

  /** False holds the rest of the body back. */
  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData(this, chunk);
    return !this.#isPaused;
  }

  onComplete(): void {
    this.#handler.onResponseEnd();
  }

  onError(error: Error): void {
    this.#handler.onResponseError(this, error);
  }
}
