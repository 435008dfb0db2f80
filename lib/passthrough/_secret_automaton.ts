/**
 * All spellings of some secrets as one automaton (Aho and Corasick, 1975): a state is the longest
 * beginning of any spelling that the text ends with.
 *
 * Memory grows with the spellings' total length, time with the text's alone. Letter case is ignored and
 * base64url read as base64: which spelling a text is in need not be known.
 *
 * @module
 */

import { listSpellings } from "./_secret_spellings.ts";

const PERCENT = 0x25;
const BACKSLASH = 0x5c;

/** What is looked for, made once a route. */
export interface CompiledSecrets {
  /** The spellings. */
  readonly spellings: readonly Uint8Array[];
  /** The automaton over them. */
  readonly automaton: SecretAutomaton;
}

/**
 * Makes what bodies and header fields of a route share.
 *
 * @param secrets The secrets; those shorter than `MIN_REDACTED_CHARS` are left out.
 * @returns `undefined` where none is left.
 */
export function compileSecrets(secrets: Iterable<string>): CompiledSecrets | undefined {
  const spellings = listSpellings(secrets);
  return spellings.length === 0
    ? undefined
    : { spellings, automaton: new SecretAutomaton(spellings) };
}

/** The automaton. State 0 is the one in which nothing has begun. */
export class SecretAutomaton {
  /** Byte to class. Bytes of one class are the same to the automaton; class 0 is in no spelling. */
  readonly classes: Uint8Array;
  /** From here on are the classes of `%` and `\`. */
  readonly escapeClass: number;
  /** How many classes there are. */
  readonly classCount: number;
  /** State to how much of a spelling it stands for. */
  readonly depths: Int32Array;
  /** State to the longest whole spelling that ends there; 0 for none. */
  readonly whole: Int32Array;
  /** State to the longest beginning there that may still become a whole spelling; 0 for none. */
  readonly open: Int32Array;

  /** State to the longest other beginning that the text ends with as well. */
  readonly #shorter: Int32Array;
  /** State to the class of its last byte. */
  readonly #labels: Uint8Array;
  readonly #children: Int32Array;
  readonly #siblings: Int32Array;
  /** Rows of the first states, where most of any text is spent. */
  readonly #table: Int32Array;
  #size = 1;
  #rowCount = 1;

  /** @param spellings As they are to be found; none may be empty. */
  constructor(spellings: readonly Uint8Array[]) {
    const { classes, classCount } = assignClasses(spellings);
    this.classes = classes;
    this.escapeClass = classCount - 2;
    this.classCount = classCount;
    const most = spellings.reduce((sum, { length }) => sum + length, 1);
    this.depths = new Int32Array(most);
    this.whole = new Int32Array(most);
    this.open = new Int32Array(most);
    this.#shorter = new Int32Array(most);
    this.#labels = new Uint8Array(most);
    this.#children = new Int32Array(most);
    this.#siblings = new Int32Array(most);
    // First bytes first: the states with rows are then the lowest.
    for (const spelling of spellings) this.#grow(0, spelling[0]!);
    this.#rowCount = this.#size;
    for (const spelling of spellings) this.#add(spelling);
    this.#table = new Int32Array(this.#rowCount * classCount);
    this.#link();
  }

  /** The state after one more byte, given by its class. */
  step(state: number, label: number): number {
    let from = state;
    for (;;) {
      if (from < this.#rowCount) return this.#table[from * this.classCount + label]!;
      const next = this.#childOf(from, label);
      if (next !== 0) return next;
      from = this.#shorter[from]!;
    }
  }

  /** True when what `state` stands for is the end of what `other` stands for. */
  includes(other: number, state: number): boolean {
    let from = other;
    while (this.depths[from]! > this.depths[state]!) from = this.#shorter[from]!;
    return from === state;
  }

  #add(spelling: Uint8Array): void {
    let state = 0;
    for (const byte of spelling) state = this.#grow(state, byte);
    this.whole[state] = state;
  }

  #grow(state: number, byte: number): number {
    const label = this.classes[byte]!;
    const known = this.#childOf(state, label);
    if (known !== 0) return known;
    const added = this.#size++;
    this.#labels[added] = label;
    this.depths[added] = this.depths[state]! + 1;
    this.#siblings[added] = this.#children[state]!;
    this.#children[state] = added;
    return added;
  }

  #childOf(state: number, label: number): number {
    let child = this.#children[state]!;
    while (child !== 0 && this.#labels[child] !== label) child = this.#siblings[child]!;
    return child;
  }

  /** In order of depth: what a state needs of shorter ones is there by then. */
  #link(): void {
    const queue = new Int32Array(this.#size);
    let end = 1;
    for (let next = 0; next < end; next++) {
      const state = queue[next]!;
      const shorter = this.#shorter[state]!;
      if (this.whole[state] === 0) this.whole[state] = this.whole[shorter]!;
      this.open[state] = this.#children[state] === 0 ? this.open[shorter]! : state;
      if (state < this.#rowCount) this.#fillRow(state);
      for (let child = this.#children[state]!; child !== 0; child = this.#siblings[child]!) {
        if (state !== 0) this.#shorter[child] = this.step(shorter, this.#labels[child]!);
        queue[end++] = child;
      }
    }
  }

  #fillRow(state: number): void {
    const start = state * this.classCount;
    for (let label = 0; label < this.classCount; label++) {
      const child = this.#childOf(state, label);
      // Below the root only the root's own row is asked, and that is filled first.
      this.#table[start + label] = child === 0 && state !== 0 ? this.#table[label]! : child;
    }
  }
}

/** Classes in order of appearance, those of the escapes last. */
function assignClasses(
  spellings: readonly Uint8Array[],
): { readonly classes: Uint8Array; readonly classCount: number } {
  const isUsed = new Uint8Array(256);
  for (const spelling of spellings) for (const byte of spelling) isUsed[foldByte(byte)] = 1;
  isUsed[PERCENT] = isUsed[BACKSLASH] = 0;
  const classes = new Uint8Array(256);
  let classCount = 1;
  for (let byte = 0; byte < 256; byte++) {
    if (isUsed[byte] === 1) classes[byte] = classCount++;
  }
  classes[PERCENT] = classCount++;
  classes[BACKSLASH] = classCount++;
  for (let byte = 0; byte < 256; byte++) classes[byte] = classes[foldByte(byte)]!;
  return { classes, classCount };
}

function foldByte(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte + 0x20;
  if (byte === 0x2d) return 0x2b; // - for +
  return byte === 0x5f ? 0x2f : byte; // _ for /
}
