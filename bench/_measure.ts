/** Repeats things and says how long they took. @module */

/** How often something was done. */
export interface Rate {
  /** Completed operations a second. */
  readonly perSecond: number;
  /** Microseconds one operation took, on average. */
  readonly microseconds: number;
}

const ROUNDS = 5;
const ROUND_MS = 400;
const WARM_UP_MS = 200;

/** Runs an operation over and over, one at a time; the median of some rounds. */
export async function measureRate(operation: () => unknown): Promise<Rate> {
  await repeat(operation, WARM_UP_MS);
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rates.push(await repeat(operation, ROUND_MS));
  const perSecond = median(rates);
  return { perSecond, microseconds: 1e6 / perSecond };
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which a share of the numbers lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function repeat(operation: () => unknown, durationMs: number): Promise<number> {
  const started = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    // An operation that answers at once is not made to wait for a promise.
    const result = operation();
    if (result instanceof Promise) await result;
    count += 1;
    elapsed = performance.now() - started;
  } while (elapsed < durationMs);
  return (count * 1000) / elapsed;
}
