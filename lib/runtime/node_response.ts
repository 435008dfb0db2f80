/** Writing a `Response` to a Node response. @module */

import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import { flattenHeaders, reasonOf } from "./_raw_headers.ts";
import { sendRelayed } from "./_relayed_response.ts";

/** Bytes held back while the head waits for its turn. */
const MAX_HELD_BYTES = 64 * 1024;
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * Sends a response. A relayed one writes itself; of any other the body is pumped with back-pressure,
 * and cancelled when the client goes away. A body that errors breaks the connection off, so that the
 * client sees an incomplete message.
 */
export async function sendResponse(
  response: Response,
  outgoing: ServerResponse,
  isHead: boolean,
): Promise<void> {
  if (sendRelayed(response, outgoing)) return;
  const { status, body } = response;
  if (outgoing.destroyed) return await body?.cancel();
  if (body === null || isHead || NULL_BODY_STATUSES.has(status)) {
    writeHead(response, outgoing);
    outgoing.end();
    return await body?.cancel();
  }
  await pump(response, body, outgoing);
}

/**
 * Sends a whole body, behind a head that was set but not sent. Both go as one text where there is one
 * piece: half the cost of two.
 */
export function endWith(outgoing: ServerResponse, pieces: readonly Uint8Array[]): void {
  const [first, ...further] = pieces;
  if (first !== undefined && further.length === 0) {
    const { buffer, byteOffset, length } = first;
    outgoing.end(Buffer.from(buffer, byteOffset, length).toString("latin1"), "latin1");
    return;
  }
  outgoing.cork();
  for (const piece of pieces) outgoing.write(piece);
  outgoing.end();
}

async function pump(
  response: Response,
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  const reader = body.getReader();
  const onClose = (): void => {
    reader.cancel().catch(() => {/* given up already */});
  };
  outgoing.once("close", onClose);
  // Most bodies are there at once: they get a length and one write. A stream's head goes out one turn
  // later, before its first event.
  const head = new HeldHead(response, outgoing);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!head.write(value)) await waitForDrain(outgoing);
    }
    head.end();
  } catch {
    head.destroy();
  } finally {
    outgoing.removeListener("close", onClose);
  }
}

class HeldHead {
  readonly #response: Response;
  readonly #outgoing: ServerResponse;
  readonly #turn: NodeJS.Immediate;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #isSent = false;

  constructor(response: Response, outgoing: ServerResponse) {
    this.#response = response;
    this.#outgoing = outgoing;
    this.#turn = setImmediate(() => this.#send());
  }

  write(piece: Uint8Array): boolean {
    if (this.#isSent) return this.#outgoing.destroyed || this.#outgoing.write(piece);
    this.#pieces.push(piece);
    this.#heldBytes += piece.length;
    return this.#heldBytes < MAX_HELD_BYTES || this.#send();
  }

  end(): void {
    clearImmediate(this.#turn);
    if (!this.#isSent) this.#send(this.#heldBytes);
    this.#outgoing.end();
  }

  destroy(): void {
    clearImmediate(this.#turn);
    this.#outgoing.destroy();
  }

  #send(length?: number): boolean {
    clearImmediate(this.#turn);
    this.#isSent = true;
    if (this.#outgoing.destroyed) return true;
    this.#outgoing.cork();
    writeHead(this.#response, this.#outgoing, length);
    let hasRoom = true;
    for (const piece of this.#pieces) hasRoom = this.#outgoing.write(piece);
    if (this.#pieces.length === 0) this.#outgoing.flushHeaders();
    this.#outgoing.uncork();
    this.#pieces = [];
    return hasRoom;
  }
}

function writeHead(response: Response, outgoing: ServerResponse, length?: number): void {
  const { status, headers } = response;
  const flat = flattenHeaders([...headers]);
  if (length !== undefined && !headers.has("content-length")) {
    flat.push("content-length", String(length));
  }
  outgoing.writeHead(status, reasonOf(status, response.statusText), flat);
}

function waitForDrain(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.removeListener("drain", done).removeListener("close", done);
      resolve();
    };
    outgoing.once("drain", done).once("close", done);
  });
}
