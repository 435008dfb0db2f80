/** Reading a web stream without leaving garbage behind. @module */

/** The pieces of a stream, and the way to give it up. */
export interface Pieces extends AsyncIterable<Uint8Array> {
  /** Cancels the stream, even inside a read: the pieces end there, as if they were all. */
  cancel(): void;
}

/**
 * The pieces of a stream. Each is valid only until the next one is asked for: where the stream can fill
 * a given buffer, one buffer serves them all. (On Deno, buffers of an upload that nobody reuses pile up
 * by the tens of megabytes before they are collected.)
 */
export function readPieces(stream: ReadableStream<Uint8Array>): Pieces {
  const reader = openByobReader(stream) ?? stream.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {/* over already */});
  async function* iterate(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || value === undefined) return;
        yield value;
      }
    } finally {
      cancel();
    }
  }
  return { [Symbol.asyncIterator]: iterate, cancel };
}

/** What is needed of a reader. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

const PIECE_BYTES = 64 * 1024;

function openByobReader(stream: ReadableStream<Uint8Array>): Reader | undefined {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    return undefined; // a stream of pieces that exist already
  }
  let buffer = new ArrayBuffer(PIECE_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      // A stream that was cancelled gives no buffer back.
      if (done || value === undefined) return { done: true };
      buffer = value.buffer;
      return { done, value };
    },
    cancel: () => reader.cancel(),
  };
}
