/**
 * "Did you mean": the nearest of the allowed words.
 *
 * @module
 */

import { MAX_NAME_CHARS } from "../limits.ts";

/**
 * Finds the candidate that a word was probably meant to be: at most a third of it mistyped.
 *
 * @param word The word found.
 * @param candidates The words allowed.
 * @returns The nearest candidate, the earlier one on a tie; `undefined` when none is near.
 */
export function suggestWord(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_NAME_CHARS) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

// Optimal string alignment: insert, delete, replace, or swap two neighbours, one point each.
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length] ?? 0;
}
