/** Ids of traces and spans: random, not secret. @module */

/** Random bytes fetched at once: one call of the generator costs as much as a hundred ids. */
const BATCH_BYTES = 2048;
const SPAN_DIGITS = 16;
const TRACE_DIGITS = 32;
const HEX_DIGITS: readonly number[] = Array.from(
  "0123456789abcdef",
  (digit) => digit.charCodeAt(0),
);
// W3C Trace Context §3.2.2: all zeros stand for no id. Nobody has ever seen them drawn.
const NO_IDS: readonly string[] = ["0".repeat(SPAN_DIGITS), "0".repeat(TRACE_DIGITS)];

/** A source of ids. */
export interface TraceIds {
  /** 32 hex digits, not all zero. */
  traceId(): string;
  /** 16 hex digits, not all zero. */
  spanId(): string;
}

/**
 * Makes a source of ids that draws and writes them in batches: of each request's cost the ids are then
 * the cutting of two pieces from a text.
 */
export function createTraceIds(): TraceIds {
  const bytes = new Uint8Array(BATCH_BYTES);
  const ascii = new Uint8Array(BATCH_BYTES * 2);
  const decoder = new TextDecoder();
  let digits = "";
  let used = 0;

  function draw(): void {
    crypto.getRandomValues(bytes);
    for (let index = 0; index < BATCH_BYTES; index++) {
      const byte = bytes[index] as number;
      ascii[index * 2] = HEX_DIGITS[byte >> 4] as number;
      ascii[index * 2 + 1] = HEX_DIGITS[byte & 15] as number;
    }
    digits = decoder.decode(ascii);
    used = 0;
  }

  function take(count: number): string {
    if (used + count > digits.length) draw();
    const id = digits.slice(used, used + count);
    used += count;
    return NO_IDS.includes(id) ? take(count) : id;
  }

  return { traceId: () => take(TRACE_DIGITS), spanId: () => take(SPAN_DIGITS) };
}
