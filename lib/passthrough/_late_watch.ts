/** Telling slow exchanges from quick ones with one timer for all of them. @module */

import { WATCH_DELAY_MS } from "../limits.ts";

/** Exchanges that have not ended yet, and what to do when they are slow. */
export interface LateWatch {
  /** Calls `onLate` once the watch delay has passed, at the latest after twice the delay. */
  add(onLate: () => void): void;
  /** Forgets it. */
  delete(onLate: () => void): void;
}

/**
 * Makes a watch. On some runtimes a timer, and the client's abort signal, cost a good part of a quick
 * exchange; with this, an exchange that is over within the delay needs neither.
 */
export function createLateWatch(): LateWatch {
  let young = new Set<() => void>();
  let old = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function tick(): void {
    const late = old;
    old = young;
    young = new Set();
    timer = old.size > 0 ? setTimeout(tick, WATCH_DELAY_MS) : undefined;
    for (const onLate of late) onLate();
  }
  return {
    add(onLate): void {
      young.add(onLate);
      timer ??= setTimeout(tick, WATCH_DELAY_MS);
    },
    delete(onLate): void {
      if (!young.delete(onLate)) old.delete(onLate);
    },
  };
}
