/** One step after another, at once where the first answers at once. @module */

import type { MaybePromise } from "./ports.ts";

/** Calls `next` with the value: now, or when it is there. */
export function chain<Value, Result>(
  value: MaybePromise<Value>,
  next: (value: Value) => MaybePromise<Result>,
): MaybePromise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
