/** Bodies that a transform changes on their way. @module */

import type { ByteTransform } from "../ports.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A stream of what a transform makes of another: with its back-pressure, its failure and its end. */
export function transformStream(
  body: ReadableStream<Bytes>,
  transform: ByteTransform,
): ReadableStream<Bytes> {
  const reader = body.getReader();
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      // Until there is something to hand on: nobody asks again for what was not given.
      for (;;) {
        const piece = await reader.read();
        const changed = piece.done ? transform.flush() : transform.push(piece.value);
        if (changed.length > 0) controller.enqueue(changed as Bytes);
        if (piece.done) controller.close();
        if (piece.done || changed.length > 0) return;
      }
    },
    cancel: (reason): Promise<void> => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** What a transform makes of a body that is there as a whole. */
export function transformWhole(body: ArrayBuffer, transform: ByteTransform): Bytes {
  const changed = transform.push(new Uint8Array(body));
  const rest = transform.flush();
  const whole = new Uint8Array(changed.length + rest.length);
  whole.set(changed);
  whole.set(rest, changed.length);
  return whole;
}
