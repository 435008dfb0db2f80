/**
 * A `Response` that writes itself: the bytes of an upstream go to the client's socket without a web
 * stream in between. To anyone else it is an ordinary `Response`.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import { delegate } from "./_delegate.ts";
import { reasonOf } from "./_raw_headers.ts";
import type { ResponseParts } from "../ports.ts";

/** Where the body of a relayed response comes from. One of the two is called, once. */
export interface RelaySource {
  /** Writes the head and then the body, as it comes. Ends or destroys `outgoing` by itself. */
  sendTo(outgoing: ServerResponse, parts: ResponseParts): void;
  /** The body for a reader. */
  openStream(): ReadableStream<Uint8Array> | null;
}

/** A `Response` over a source. */
export function createRelayedResponse(source: RelaySource, parts: ResponseParts): Response {
  return new RelayedResponse(source, parts) as unknown as Response;
}

/** Writes a relayed response to the client. False when it is an ordinary one, or was read already. */
export function sendRelayed(response: Response, outgoing: ServerResponse): boolean {
  if (!(response instanceof RelayedResponse)) return false;
  return (response as RelayedResponse).send(outgoing);
}

/** The standard object under a relayed response, for servers that know no other. */
export function openRelayed(response: Response): Response {
  return (response as unknown as RelayedResponse).standard();
}

class RelayedResponse {
  readonly #source: RelaySource;
  readonly #parts: ResponseParts;
  #standard: Response | undefined;

  constructor(source: RelaySource, parts: ResponseParts) {
    this.#source = source;
    this.#parts = parts;
  }

  get status(): number {
    return this.#parts.status;
  }

  get statusText(): string {
    return this.#parts.statusText;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  send(outgoing: ServerResponse): boolean {
    // Whoever touched headers or body has the standard object and may have changed it.
    if (this.#standard !== undefined) return false;
    this.#source.sendTo(outgoing, this.#parts);
    return true;
  }

  /** The standard object for everything that is not above. */
  standard(): Response {
    if (this.#standard === undefined) {
      const { status, statusText, headers } = this.#parts;
      const body = this.#source.openStream();
      this.#standard = new Response(body, {
        status,
        statusText: reasonOf(status, statusText),
        headers: headers.map(([name, value]): [string, string] => [name, value]),
      });
    }
    return this.#standard;
  }
}

delegate(RelayedResponse.prototype, Response.prototype);
