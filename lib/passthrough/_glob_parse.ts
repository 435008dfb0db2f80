/** Glob patterns as tokens: the dialect of globset, whose separator is `/`. @module */

import { ConfigError } from "../errors.ts";
import { MAX_GLOB_CHARS } from "../limits.ts";

/** One piece of a glob pattern. */
export type GlobToken =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "star" }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly string[] }
  | { readonly kind: "alternates"; readonly branches: readonly (readonly GlobToken[])[] }
  | { readonly kind: "recursive_prefix" | "recursive_suffix" | "recursive_middle" };

const STAR: GlobToken = { kind: "star" };

/**
 * Parses a glob pattern.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `glob` when it is malformed or too long.
 */
export function parseGlob(pattern: string): readonly GlobToken[] {
  if (pattern.length > MAX_GLOB_CHARS) fail("the pattern is too long");
  const state: ParserState = { pattern, position: 0 };
  const tokens = parseSequence(state, 0);
  if (state.position < pattern.length) fail('"}" stands without "{"');
  return tokens;
}

interface ParserState {
  readonly pattern: string;
  position: number;
}

function parseSequence(state: ParserState, depth: number): GlobToken[] {
  const tokens: GlobToken[] = [];
  while (state.position < state.pattern.length) {
    const character = state.pattern[state.position]!;
    if (character === "}" || (character === "," && depth > 0)) break;
    state.position++;
    if (character === "*") parseStar(state, tokens, depth);
    else if (character === "?") tokens.push({ kind: "any" });
    else if (character === "[") tokens.push(parseClass(state));
    else if (character === "{") tokens.push(parseAlternates(state, depth + 1));
    else tokens.push({ kind: "text", text: character === "\\" ? parseEscape(state) : character });
  }
  return tokens;
}

// `**` means "any number of whole segments" only where it fills a segment; elsewhere it is `*`.
function parseStar(state: ParserState, tokens: GlobToken[], depth: number): void {
  const { pattern } = state;
  if (pattern[state.position] !== "*") {
    tokens.push(STAR);
    return;
  }
  const before = pattern[state.position - 2];
  state.position++;
  const after = pattern[state.position];
  const isLast = after === undefined || (depth > 0 && (after === "," || after === "}"));
  if (tokens.length === 0 && (after === undefined || after === "/")) {
    if (after === "/") state.position++;
    tokens.push({ kind: "recursive_prefix" });
  } else if (tokens.length === 0 || before !== "/" || !(isLast || after === "/")) {
    tokens.push(STAR);
  } else {
    if (!isLast) state.position++;
    const previous = tokens.pop()!;
    if (previous.kind === "recursive_prefix") tokens.push(previous);
    else tokens.push({ kind: isLast ? "recursive_suffix" : "recursive_middle" });
  }
}

function parseEscape(state: ParserState): string {
  const character = state.pattern[state.position++];
  return character ?? fail('"\\" stands at the end');
}

function parseClass(state: ParserState): GlobToken {
  const { pattern } = state;
  const negated = pattern[state.position] === "!" || pattern[state.position] === "^";
  if (negated) state.position++;
  const first = state.position;
  const ranges: string[] = [];
  for (;;) {
    const low = pattern[state.position++] ?? fail('"[" is not closed');
    if (low === "]" && state.position > first + 1) break;
    const high = pattern[state.position + 1];
    if (pattern[state.position] === "-" && high !== undefined && high !== "]") {
      if (high < low) fail("a character range runs backwards");
      ranges.push(low + high);
      state.position += 2;
    } else {
      ranges.push(low + low);
    }
  }
  return { kind: "class", negated, ranges };
}

function parseAlternates(state: ParserState, depth: number): GlobToken {
  const branches: GlobToken[][] = [];
  for (;;) {
    const branch = parseSequence(state, depth);
    // As globset: an empty alternative is dropped.
    if (branch.length > 0) branches.push(branch);
    const closing = state.pattern[state.position++] ?? fail('"{" is not closed');
    if (closing === "}") return { kind: "alternates", branches };
  }
}

function fail(problem: string): never {
  throw new ConfigError(`Cannot compile glob: ${problem}`, { reason: "glob" });
}
