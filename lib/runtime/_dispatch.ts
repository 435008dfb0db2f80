/** Sending a request and being told what comes of it: the shape of undici's `dispatch`. @module */

import type { Buffer } from "node:buffer";

/** A request body: none, held whole, or as it comes. */
export type DispatchBody = Buffer | AsyncIterable<Uint8Array> | null;

/** What is sent. */
export interface DispatchOptions {
  /** `http(s)://host:port`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Method. */
  readonly method: string;
  /** Name, value, name, value. */
  readonly headers: string[];
  /** Body. */
  readonly body: DispatchBody;
  /** True the second time: over a connection of its own, for every kept one may be as dead. */
  readonly isRepeated: boolean;
}

/** How a handler steers what is under way. */
export interface DispatchController {
  /** The received header section: name, value, name, value. */
  readonly rawHeaders?: unknown;
  /** Stops the flow of response bytes for now. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
  /** Breaks the exchange off; `onResponseError` follows. */
  abort(reason: Error): void;
}

/** Is told what comes of a request. */
export interface DispatchHandler {
  /** The request is about to be sent. */
  onRequestStart(controller: DispatchController): void;
  /** A header section is there. */
  onResponseStart(
    controller: DispatchController,
    status: number,
    headers: unknown,
    text?: string,
  ): void;
  /** A piece of the body. */
  onResponseData(controller: DispatchController, chunk: Buffer): void;
  /** The body is through. */
  onResponseEnd(): void;
  /** It failed, before the answer or inside it. */
  onResponseError(controller: unknown, error: Error): void;
}

/** Sends a request and tells the handler what comes of it: the shape of undici's `dispatch`. */
export type Dispatch = (options: DispatchOptions, handler: DispatchHandler) => void;
