/** Reading a web stream without leaving garbage behind. @module */

/**
 * The pieces of a stream. Each is valid only until the next one is asked for: where the stream can fill
 * a given buffer, one buffer serves them all. (On Deno, buffers of an upload that nobody reuses pile up
 * by the tens of megabytes before they are collected.)
 */
export async function* readPieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = openByobReader(stream);
  if (reader === undefined) {
    yield* stream as unknown as AsyncIterable<Uint8Array>;
    return;
  }
  try {
    let buffer = new ArrayBuffer(PIECE_BYTES);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      buffer = value.buffer;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {/* over already */});
  }
}

const PIECE_BYTES = 64 * 1024;

function openByobReader(
  stream: ReadableStream<Uint8Array>,
): ReadableStreamBYOBReader | undefined {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return undefined; // a stream of pieces that exist already
  }
}
