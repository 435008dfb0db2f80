/** A cache of things that have to be retired: at most so many, the first made goes first. @module */

/** Values by key. */
export interface BoundedCache<Value> {
  /** The value of a key, made where there is none. */
  get(key: string, make: () => Value): Value;
  /** Hands every value out and forgets it; none is retired. */
  takeAll(): Value[];
}

/**
 * Makes a cache. First in, first out: what is in use and goes all the same is made again, once in so many.
 *
 * @param max Most values kept.
 * @param retire Called with a value that has to go; it may still be in use.
 */
export function createBoundedCache<Value>(
  max: number,
  retire: (value: Value) => void,
): BoundedCache<Value> {
  const values = new Map<string, Value>();
  return {
    get(key, make) {
      const known = values.get(key);
      if (known !== undefined) return known;
      for (const [oldest, value] of values) {
        if (values.size < max) break;
        values.delete(oldest);
        retire(value);
      }
      const made = make();
      values.set(key, made);
      return made;
    },
    takeAll() {
      const all = [...values.values()];
      values.clear();
      return all;
    },
  };
}
