/** Room for the bodies that are held at once while their signatures are checked. @module */

import { MAX_HELD_BODY_BYTES } from "../limits.ts";

/** A part of the room: what one request holds. */
export interface BodyLease {
  /** Takes room for more bytes; false: there is none, and nothing was taken. */
  take(bytes: number): boolean;
  /** Gives everything back. Further calls do nothing. */
  close(): void;
}

/** Room for bodies, shared by all requests. */
export interface BodyRoom {
  /** Begins a lease that holds nothing yet. */
  lease(): BodyLease;
}

/**
 * Makes room for bodies. Whoever can sign can also make us hold bodies, as many as it opens
 * connections for: this is where it ends.
 *
 * @param maxBytes Most bytes that are held at once; default 256 MiB.
 */
export function createBodyRoom(maxBytes: number = MAX_HELD_BODY_BYTES): BodyRoom {
  let left = maxBytes;
  return {
    lease(): BodyLease {
      let held = 0;
      return {
        take(bytes): boolean {
          if (bytes > left) return false;
          left -= bytes;
          held += bytes;
          return true;
        },
        close(): void {
          left += held;
          held = 0;
        },
      };
    },
  };
}
