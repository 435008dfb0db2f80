/**
 * Finds secrets in bytes that come piece by piece, however each of their bytes is escaped.
 *
 * Where an escape begins, a text can be read in two ways: `%41` is `A`, or itself. Both readings go on
 * side by side; they meet again within a few bytes, so that mostly there is one.
 *
 * @module
 */

import { MAX_SECRET_READINGS } from "../limits.ts";
import { decodeEscape, mayBecomeEscape } from "./_escapes.ts";
import type { SecretAutomaton } from "./_secret_automaton.ts";

const BACKSLASH = 0x5c;

/** An escape that was read as the byte it stands for, and those before it. */
interface ReadEscape {
  readonly start: number;
  readonly end: number;
  previous: ReadEscape | undefined;
}

/** One way of reading the text so far. */
interface Reading {
  /** State of the automaton. */
  readonly state: number;
  /** The last of the escapes that were read as such. */
  readonly escapes: ReadEscape | undefined;
}

/** An escape that has begun, and the readings before it. */
interface OpenEscape {
  readonly start: number;
  readonly readings: readonly Reading[];
}

/** Where a secret stands, as offsets in all that was scanned. */
export type SecretRange = readonly [start: number, end: number];

/** The state of one search. All positions are offsets in the whole of what was scanned. */
export class SecretScanner {
  readonly #automaton: SecretAutomaton;
  #readings: readonly Reading[] = [{ state: 0, escapes: undefined }];
  #open: OpenEscape[] = [];
  #ranges: SecretRange[] = [];

  constructor(automaton: SecretAutomaton) {
    this.#automaton = automaton;
  }

  /** The secrets found and not forgotten, in order, apart from each other. */
  get ranges(): readonly SecretRange[] {
    return this.#ranges;
  }

  /**
   * Takes bytes.
   *
   * @param window All bytes that are not forgotten, the new ones at the end.
   * @param base Offset of the first.
   * @param from Offset of the first new one.
   */
  scan(window: Uint8Array, base: number, from: number): void {
    const end = base + window.length;
    let offset = from;
    while (offset < end) {
      if (this.#readings.length === 1 && this.#open.length === 0) {
        offset = this.#scanPlain(window, base, offset);
        if (offset === end) return;
      }
      this.#scanByte(window, base, offset++);
    }
  }

  /**
   * Where the part begins whose meaning depends on what follows; `end` where nothing does.
   *
   * @param base What stands before it is decided already.
   */
  findUndecided(base: number, end: number): number {
    const { depths, open } = this.#automaton;
    const groups = [
      { until: end, readings: this.#readings },
      ...this.#open.map(({ start, readings }) => ({ until: start, readings })),
    ];
    let first = end;
    for (const { until, readings } of groups) {
      for (const { state, escapes } of readings) {
        first = Math.min(first, findStart(escapes, until, depths[open[state]!]!));
      }
    }
    // A long body would pile them up.
    for (const { readings } of groups) {
      for (const { escapes } of readings) forgetBefore(escapes, first);
    }
    // What is found already stays found, whatever else may begin inside it.
    const from = Math.max(first, base);
    const found = this.#ranges.find((range) => range[0] <= from && from < range[1]);
    return Math.min(found?.[1] ?? from, ...this.#open.map(({ start }) => start));
  }

  /** Forgets the secrets that end before an offset. */
  forget(before: number): void {
    this.#ranges = this.#ranges.filter(([, end]) => end > before);
  }

  /** Goes on until an escape begins, with the one reading there is. Gives the offset it came to. */
  #scanPlain(window: Uint8Array, base: number, from: number): number {
    const automaton = this.#automaton;
    const { classes, escapeClass, whole } = automaton;
    const { escapes } = this.#readings[0]!;
    let { state } = this.#readings[0]!;
    let index = from - base;
    for (; index < window.length; index++) {
      const label = classes[window[index]!]!;
      if (label < escapeClass) state = automaton.step(state, label);
      else {
        const next = this.#passEscape(window, index, state);
        if (next === undefined) break;
        state = next;
        index++;
      }
      if (whole[state] !== 0) this.#note({ state, escapes }, base + index + 1);
    }
    this.#readings = [{ state, escapes: state === 0 ? undefined : escapes }];
    return base + index;
  }

  /**
   * The state after two bytes at `index` that are an escape such as `\n` and can only be read as they
   * stand: nothing goes on with what it stands for. Of such is most JSON.
   */
  #passEscape(window: Uint8Array, index: number, state: number): number | undefined {
    const automaton = this.#automaton;
    const { classes, escapeClass, whole } = automaton;
    const label = classes[window[index + 1] ?? BACKSLASH]!;
    if (label >= escapeClass || mayBecomeEscape(window, index, index + 2)) return undefined;
    const value = decodeEscape(window, index, index + 2);
    if (value >= 0 && automaton.step(state, classes[value]!) !== 0) return undefined;
    const first = automaton.step(state, classes[window[index]!]!);
    return whole[first] === 0 ? automaton.step(first, label) : undefined;
  }

  #scanByte(window: Uint8Array, base: number, offset: number): void {
    const { classes, escapeClass, whole } = this.#automaton;
    const end = offset + 1;
    const before = this.#readings;
    const label = classes[window[offset - base]!]!;
    let after = this.#follow([], before, label, end);
    for (const { start, readings } of this.#open) {
      const value = decodeEscape(window, start - base, end - base);
      if (value < 0) continue;
      after = this.#follow(after, readings, classes[value]!, end, start);
    }
    if (this.#open.length > 0) {
      this.#open = this.#open.filter(({ start }) =>
        mayBecomeEscape(window, start - base, end - base)
      );
    }
    if (label >= escapeClass) this.#open.push({ start: offset, readings: before });
    this.#readings = after;
    for (const reading of after) {
      if (whole[reading.state] !== 0) this.#note(reading, end);
    }
  }

  /** Adds what comes of readings by one more byte, leaving out what others cover. */
  #follow(
    known: readonly Reading[],
    from: readonly Reading[],
    label: number,
    end: number,
    escapeStart?: number,
  ): readonly Reading[] {
    let all = known;
    for (const { state, escapes } of from) {
      const next = this.#automaton.step(state, label);
      if (next === 0 && all.length > 0) continue;
      const reading: Reading = {
        state: next,
        escapes: escapeStart === undefined ? escapes : {
          start: escapeStart,
          end,
          previous: state === 0 ? undefined : escapes,
        },
      };
      if (all.some((other) => this.#covers(other, reading, end))) continue;
      all = [...all.filter((other) => !this.#covers(reading, other, end)), reading];
    }
    return all.length > MAX_SECRET_READINGS ? this.#thin(all) : all;
  }

  /** Leaves out readings that find what others find, though these may take an escape for less of it. */
  #thin(all: readonly Reading[]): readonly Reading[] {
    return all.filter((reading, index) => {
      return !all.some((other, at) =>
        at !== index && this.#automaton.includes(other.state, reading.state) &&
        (other.state !== reading.state || at < index)
      );
    });
  }

  /** True when all that `reading` can find is found by `other`, with no later beginning. */
  #covers(other: Reading, reading: Reading, end: number): boolean {
    if (reading.state === 0) return true;
    if (!this.#automaton.includes(other.state, reading.state)) return false;
    const depth = this.#automaton.depths[reading.state]!;
    return findStart(other.escapes, end, depth) <= findStart(reading.escapes, end, depth);
  }

  #note({ state, escapes }: Reading, end: number): void {
    const { depths, whole } = this.#automaton;
    let start = findStart(escapes, end, depths[whole[state]!]!);
    for (let last = this.#ranges.at(-1); last !== undefined && last[1] >= start;) {
      start = Math.min(start, last[0]);
      this.#ranges.pop();
      last = this.#ranges.at(-1);
    }
    this.#ranges.push([start, end]);
  }
}

/** Where the last `depth` bytes begin that a reading has read up to `end`. */
function findStart(escapes: ReadEscape | undefined, end: number, depth: number): number {
  let left = depth;
  let until = end;
  for (let escape = escapes; escape !== undefined; escape = escape.previous) {
    const plain = until - escape.end;
    if (left <= plain) break;
    left -= plain + 1;
    until = escape.start;
  }
  return until - left;
}

function forgetBefore(escapes: ReadEscape | undefined, before: number): void {
  for (let escape = escapes; escape !== undefined; escape = escape.previous) {
    if (escape.previous !== undefined && escape.previous.start < before) {
      escape.previous = undefined;
    }
  }
}
