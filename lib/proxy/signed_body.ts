/** Reading the body that a signature covers, before anything is done with the request. @module */

import { BODY_IDLE_MS, MAX_SIGNED_BODY_BYTES, SMALL_BODY_BYTES } from "../limits.ts";
import type { MaybePromise, RequestBody } from "../ports.ts";
import { createAbortFailure } from "../upstream_failures.ts";
import type { BodyLease } from "./body_room.ts";

/** What there is of a body. */
export type SignedBody =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly body: Uint8Array }
  /** More than is held; `body` where some of it was read: all of it, as a stream. */
  | { readonly kind: "too_large"; readonly body?: RequestBody }
  /** No room for it beside the bodies of others; `body` as above. */
  | { readonly kind: "no_room"; readonly body?: RequestBody }
  /** Bytes after a method whose body means nothing and which not every runtime hands out. */
  | { readonly kind: "unexpected" };

/** Options of {@link readSignedBody}. */
export interface ReadBodyOptions {
  /** How long the client may pause, in milliseconds; default 30 s. */
  readonly idleMs?: number | undefined;
  /** Room that is taken for what is held, and not given back here; default none is asked for. */
  readonly lease?: Pick<BodyLease, "take"> | undefined;
}

// The Fetch standard gives no body to the first two and no request to the others.
const BODILESS_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "CONNECT", "TRACE", "TRACK"]);
const DECIMAL_REGEXP = /^[0-9]{1,15}$/;
const NONE: SignedBody = { kind: "none" };
const UNBOUNDED: Pick<BodyLease, "take"> = { take: () => true };

/**
 * Reads the body of a request, at most 8 MiB of it. A client that pauses for too long has gone away.
 *
 * Security: only call it for a request whose MAC was found valid; nobody else may fill our memory.
 *
 * @throws {PassthroughError} `ERR_CLIENT_ABORTED` when the client goes away.
 */
export function readSignedBody(
  request: Request,
  { idleMs = BODY_IDLE_MS, lease = UNBOUNDED }: ReadBodyOptions = {},
): MaybePromise<SignedBody> {
  const { headers, method } = request;
  const isChunked = headers.has("transfer-encoding");
  const length = isChunked ? undefined : declaredLength(headers);
  if (BODILESS_METHODS.has(method.toUpperCase())) {
    return isChunked || (length ?? 0) !== 0 ? { kind: "unexpected" } : NONE;
  }
  if (length === 0) return NONE;
  // The server holds the client to the length it declares.
  if (length !== undefined && length > MAX_SIGNED_BODY_BYTES) return { kind: "too_large" };
  if (length !== undefined && length <= SMALL_BODY_BYTES) {
    return lease.take(length) ? readSmall(request, idleMs) : { kind: "no_room" };
  }
  const { body } = request;
  return body === null ? NONE : readPieces(body, { length, idleMs, lease });
}

function declaredLength(headers: Headers): number | undefined {
  const value = headers.get("content-length");
  return value !== null && DECIMAL_REGEXP.test(value) ? Number(value) : undefined;
}

async function readSmall(request: Request, idleMs: number): Promise<SignedBody> {
  return { kind: "whole", body: new Uint8Array(await fromClient(request.arrayBuffer(), idleMs)) };
}

interface Reading {
  readonly length: number | undefined;
  readonly idleMs: number;
  readonly lease: Pick<BodyLease, "take">;
}

async function readPieces(
  body: ReadableStream<Uint8Array>,
  { length, idleMs, lease }: Reading,
): Promise<SignedBody> {
  const reader = body.getReader();
  let held = new Uint8Array(length ?? SMALL_BODY_BYTES);
  let size = 0;
  for (;;) {
    const { done, value } = await fromClient(reader.read(), idleMs);
    if (done) return { kind: "whole", body: held.subarray(0, size) };
    const isTooLarge = size + value.length > MAX_SIGNED_BODY_BYTES;
    // What was only announced takes no memory yet: many who announce and send nothing take no room.
    if (isTooLarge || !lease.take(value.length)) {
      const rest = resume([held.subarray(0, size), value], reader);
      return { kind: isTooLarge ? "too_large" : "no_room", body: rest };
    }
    // Into one buffer: pieces of one byte each would take a hundred times their size.
    if (size + value.length > held.length) held = grow(held, size + value.length);
    held.set(value, size);
    size += value.length;
  }
}

function grow(held: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.min(Math.max(2 * held.length, needed), MAX_SIGNED_BODY_BYTES));
  grown.set(held);
  return grown;
}

/** The whole body again: what was read, then what comes. */
function resume(
  read: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const before = read.shift();
      if (before !== undefined) return controller.enqueue(before);
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason): Promise<void> => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** What the client sends, if it does so in time. A body only breaks off with its client. */
async function fromClient<Value>(reading: Promise<Value>, idleMs: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, idleMs);
  });
  try {
    return await Promise.race([reading, silence]);
  } catch {
    throw createAbortFailure();
  } finally {
    clearTimeout(timer);
  }
}
