/** Bodies on their way through an exchange: counted, limited, watched, never buffered. @module */

import type { PassthroughError } from "../errors.ts";
import type { UpstreamRequest } from "../ports.ts";
import { createAbortFailure, createTooLargeFailure } from "../upstream_failures.ts";
import type { Exchange } from "./_exchange.ts";
import { createFetchFailure } from "./_fetch_failure.ts";

type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

// A source of its own instead of a TransformStream: half the cost a piece, and nothing read ahead.
const NOTHING_AHEAD: QueuingStrategy<Uint8Array> = { highWaterMark: 0 };

/**
 * The request body for the upstream. Past the limit the exchange fails with `ERR_REQUEST_TOO_LARGE`;
 * a body that breaks off means the client went away.
 */
export function relayRequestBody(
  body: ByteStream,
  exchange: Exchange,
  { maxRequestBytes, deadlines }: UpstreamRequest,
): ByteStream {
  const reader = body.getReader();
  exchange.isUploading = true;
  const stop = (failure: PassthroughError): never => {
    exchange.fail(failure);
    reader.cancel().catch(() => {/* the client's body is given up already */});
    throw failure;
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      exchange.wait("idle", deadlines.idleMs);
      const piece = await reader.read().catch(() => stop(createAbortFailure()));
      if (exchange.failure !== undefined) stop(exchange.failure);
      if (piece.done) {
        exchange.isUploading = false;
        if (!exchange.isAnswered) exchange.wait("headers", deadlines.headersMs);
        controller.close();
        return;
      }
      exchange.bytesReceived += piece.value.length;
      if (maxRequestBytes > 0 && exchange.bytesReceived > maxRequestBytes) {
        stop(createTooLargeFailure("request"));
      }
      exchange.wait("idle", deadlines.idleMs);
      controller.enqueue(piece.value);
    },
    cancel: (reason): Promise<void> => reader.cancel(reason),
  }, NOTHING_AHEAD);
}

/**
 * The response body for the client. Past the limit, or when the upstream breaks off or falls silent,
 * the body errors, so that the client sees an incomplete message.
 */
export function relayResponseBody(
  body: ByteStream,
  exchange: Exchange,
  { maxResponseBytes, deadlines }: UpstreamRequest,
): ByteStream {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller): void {
      exchange.onFailure = (failure): void => {
        controller.error(failure);
        reader.cancel().catch(() => {/* the upstream's body is given up already */});
      };
      if (exchange.failure !== undefined) exchange.onFailure(exchange.failure);
    },
    async pull(controller): Promise<void> {
      // Time only runs while the upstream is waited for: a slow reader is not its fault.
      exchange.wait("idle", deadlines.idleMs);
      let piece: ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;
      try {
        piece = await reader.read();
      } catch (error) {
        exchange.fail(createFetchFailure(error));
        return;
      }
      if (exchange.isOver) return;
      exchange.rest();
      if (piece.done) {
        controller.close();
        exchange.close();
        return;
      }
      if (maxResponseBytes > 0 && exchange.bytesSent + piece.value.length > maxResponseBytes) {
        exchange.fail(createTooLargeFailure("response"));
        return;
      }
      exchange.bytesSent += piece.value.length;
      controller.enqueue(piece.value);
    },
    cancel(): void {
      exchange.onFailure = undefined;
      exchange.fail(createAbortFailure());
      reader.cancel().catch(() => {/* aborted already */});
    },
  }, NOTHING_AHEAD);
}
