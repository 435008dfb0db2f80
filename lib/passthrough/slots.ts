/**
 * How many requests a route has under way, counted by its name.
 *
 * A route table is built anew at each reload; the count is not, so that what was begun under the old
 * table still takes its place under the new one.
 *
 * @module
 */

/** Places for requests under way. One object serves every table of a proxy. */
export interface Slots {
  /**
   * Takes a place of a route.
   *
   * @param name The route's name.
   * @param limit How many places it has.
   * @returns What gives the place back, once however often it is called; `undefined` where none is free.
   */
  take(name: string, limit: number): (() => void) | undefined;
}

/**
 * Creates the places for requests under way: none is taken.
 *
 * @example Usage
 * ```ts
 * import { createSlots } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const slots = createSlots();
 * const release = slots.take("chat", 1);
 * assert.equal(slots.take("chat", 1), undefined);
 * release?.();
 * assert.ok(slots.take("chat", 1));
 * ```
 */
export function createSlots(): Slots {
  const taken = new Map<string, number>();
  return {
    take(name, limit): (() => void) | undefined {
      const before = taken.get(name) ?? 0;
      if (before >= limit) return undefined;
      taken.set(name, before + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        const left = taken.get(name)! - 1;
        // Names come and go with the manifests.
        if (left === 0) taken.delete(name);
        else taken.set(name, left);
      };
    },
  };
}
