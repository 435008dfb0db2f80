/** Ids of traces and spans: random, not secret. @module */

import { encodeHex } from "../encoding/hex.ts";

/** Random bytes fetched at once: one call of the generator costs as much as a hundred ids. */
const BATCH_BYTES = 2048;
const SPAN_DIGITS = 16;
const TRACE_DIGITS = 32;

/** A source of ids. */
export interface TraceIds {
  /** 32 hex digits, not all zero. */
  traceId(): string;
  /** 16 hex digits, not all zero. */
  spanId(): string;
}

/** Makes a source of ids that asks for randomness in batches. */
export function createTraceIds(): TraceIds {
  const bytes = new Uint8Array(BATCH_BYTES);
  let digits = "";
  let used = 0;

  function take(count: number): string {
    if (used + count > digits.length) {
      digits = encodeHex(crypto.getRandomValues(bytes));
      used = 0;
    }
    const id = digits.slice(used, used + count);
    used += count;
    // All zeros stand for no id (W3C Trace Context §3.2.2); nobody has ever seen them drawn.
    return /[^0]/.test(id) ? id : take(count);
  }

  return { traceId: () => take(TRACE_DIGITS), spanId: () => take(SPAN_DIGITS) };
}
