/** The nonces that were used: what makes a signature of version 2 good for one request. @module */

import { decodeUtf8, encodeUtf8 } from "../encoding/utf8.ts";
import { MAX_CACHED_NONCES } from "../limits.ts";
import type { ReplayTerms } from "./verify.ts";

/** Expired nonces that go with each new one: more than come, and no pause when a million expire. */
const FORGOTTEN_AT_ONCE = 16;

/** What a nonce turned out to be: not seen before, seen before, or not to be remembered. */
export type NonceVerdict = "fresh" | "replayed" | "full";

/** Options of {@link createNonceCache}. */
export interface NonceCacheOptions {
  /** Most nonces that are remembered at once; default 1,000,000. */
  readonly maxNonces?: number | undefined;
}

/** Remembers nonces for as long as their signatures would be accepted. */
export interface NonceCache {
  /** How many nonces are remembered, some of them no longer needed. */
  readonly size: number;
  /**
   * Takes a nonce, once: looks it up and remembers it in one step, so that of two requests at the same
   * moment one is told `fresh`. Only call it when the MAC was found valid: strangers must not be able
   * to fill the cache. `full` is to be refused: a live nonce is never forgotten for a new one.
   *
   * @param terms Of the verdict of `verifySandboxSignature`.
   * @param nowSeconds The time, in seconds since the Unix epoch; fractions do not count.
   */
  remember(terms: Pick<ReplayTerms, "nonce" | "expiresAt">, nowSeconds: number): NonceVerdict;
}

/**
 * Makes an empty cache. It needs no timer: what has expired goes when the next nonce comes.
 *
 * Security: a signature is good once per cache. Proxies that share a secret, or one that is restarted
 * within the drift, do not know each other's nonces.
 *
 * @param options How many nonces it holds.
 * @throws {RangeError} When `maxNonces` is no whole number from 1 up.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { createNonceCache } from "atikit";
 *
 * const nonces = createNonceCache();
 * const terms = { nonce: "q83vEjRWeJCrze8SNFZ4kA", expiresAt: 1_700_000_060 };
 * assert.equal(nonces.remember(terms, 1_700_000_000), "fresh");
 * assert.equal(nonces.remember(terms, 1_700_000_060), "replayed");
 * ```
 */
export function createNonceCache(options: NonceCacheOptions = {}): NonceCache {
  const { maxNonces = MAX_CACHED_NONCES } = options;
  if (!Number.isSafeInteger(maxNonces) || maxNonces < 1) {
    throw new RangeError("Cannot make a nonce cache: maxNonces must be a whole number from 1 up");
  }
  const known = new Set<string>();
  const bySecond = new Map<number, string[]>();
  const expired: string[][] = [];
  let sweptAt = Number.NaN;
  let forgottenUpTo = Number.NEGATIVE_INFINITY;

  function sweep(second: number): void {
    if (second !== sweptAt) {
      sweptAt = second;
      for (const [expiresAt, nonces] of bySecond) {
        if (expiresAt >= second) continue;
        bySecond.delete(expiresAt);
        expired.push(nonces);
        forgottenUpTo = Math.max(forgottenUpTo, expiresAt);
      }
    }
    for (let left = FORGOTTEN_AT_ONCE; left > 0 && expired.length > 0; left--) {
      const nonce = expired.at(-1)?.pop();
      if (nonce === undefined) expired.pop();
      else known.delete(nonce);
    }
  }

  return {
    get size(): number {
      return known.size;
    },
    remember({ nonce, expiresAt }, nowSeconds): NonceVerdict {
      sweep(Math.floor(nowSeconds));
      // A clock that was set back makes signatures current whose nonces are gone.
      if (expiresAt <= forgottenUpTo || known.has(nonce)) return "replayed";
      if (known.size >= maxNonces) return "full";
      const copy = detach(nonce);
      known.add(copy);
      const nonces = bySecond.get(expiresAt);
      if (nonces === undefined) bySecond.set(expiresAt, [copy]);
      else nonces.push(copy);
      return "fresh";
    },
  };
}

// A part of a longer text keeps the whole of it in memory: here the header, ten times as long.
function detach(text: string): string {
  return decodeUtf8(encodeUtf8(text));
}
