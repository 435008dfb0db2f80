/**
 * Glob matching on paths, in the dialect of globset: `*`, `?` and `**` cross `/`, `[a-z]`, `[!a-z]`,
 * `{a,b}`, `\` escapes; case-sensitive; the whole path must match.
 *
 * @module
 */

import { parseGlob } from "./_glob_parse.ts";
import type { GlobToken } from "./_glob_parse.ts";

/**
 * Compiles a glob pattern into a test on paths.
 *
 * Time is at most proportional to path length times pattern length, whatever the pattern: patterns
 * run as an automaton, never as a backtracking expression.
 *
 * @param pattern A `**` between two slashes also matches no segment at all: `/a`, `**`, `/b` joined by
 * slashes match `/a/b`. A `**` at the end wants its slash: `/a/**` matches `/a/` but not `/a`.
 * @returns True for a path that the whole pattern matches.
 * @throws {ConfigError} `ERR_CONFIG` with reason `glob` when the pattern is malformed or too long.
 *
 * @example Usage
 * ```ts
 * import { compileGlob } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const matches = compileGlob("/v1/{chat,models}/*");
 * assert.equal(matches("/v1/models/a/b"), true);
 * assert.equal(matches("/v1/files/a"), false);
 * ```
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  const tokens = parseGlob(pattern);
  const prefix = literalPrefix(tokens);
  const rest = tokens.slice(prefix.length);
  if (rest.length === 0) return (path) => path === prefix;
  if (rest.length === 1 && matchesEverything(rest[0]!, prefix)) {
    return (path) => path.startsWith(prefix);
  }
  const program = compileProgram(rest);
  return (path) => path.startsWith(prefix) && runProgram(program, path, prefix.length);
}

/**
 * Compiles several glob patterns into one test: true when any of them matches.
 *
 * @param patterns The patterns; none at all matches nothing.
 * @returns True for a path that at least one pattern matches whole.
 * @throws {ConfigError} `ERR_CONFIG` with reason `glob` when a pattern is malformed or too long.
 */
export function compileGlobs(patterns: readonly string[]): (path: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (path) => globs.some((matches) => matches(path));
}

// One instruction of the automaton; `split` and `jump` cost nothing, the others eat one character.
type Instruction =
  | { readonly op: "text"; readonly text: string }
  | { readonly op: "any" }
  | { readonly op: "class"; readonly negated: boolean; readonly ranges: readonly string[] }
  | { readonly op: "split"; targets: readonly number[] }
  | { readonly op: "match" };

function literalPrefix(tokens: readonly GlobToken[]): string {
  let prefix = "";
  for (const token of tokens) {
    if (token.kind !== "text") break;
    prefix += token.text;
  }
  return prefix;
}

// globset: a pattern of nothing but `**` matches everything.
function matchesEverything(token: GlobToken, prefix: string): boolean {
  return token.kind === "star" || (token.kind === "recursive_prefix" && prefix === "");
}

function compileProgram(tokens: readonly GlobToken[]): readonly Instruction[] {
  const program: Instruction[] = [];
  emitSequence(program, tokens);
  program.push({ op: "match" });
  return program;
}

function emitSequence(program: Instruction[], tokens: readonly GlobToken[]): void {
  for (const token of tokens) emitToken(program, token);
}

const SLASH: GlobToken = { kind: "text", text: "/" };
const STAR: GlobToken = { kind: "star" };

function emitToken(program: Instruction[], token: GlobToken): void {
  switch (token.kind) {
    case "text":
      program.push({ op: "text", text: token.text });
      return;
    case "any":
      program.push({ op: "any" });
      return;
    case "class":
      program.push({ op: "class", negated: token.negated, ranges: token.ranges });
      return;
    case "star": {
      const start = program.length;
      program.push({ op: "split", targets: [start + 1, start + 3] });
      program.push({ op: "any" }, { op: "split", targets: [start] });
      return;
    }
    case "alternates":
      emitBranches(program, token.branches);
      return;
    case "recursive_prefix":
      emitBranches(program, [[], [SLASH], [STAR, SLASH]]);
      return;
    case "recursive_suffix":
      emitSequence(program, [SLASH, STAR]);
      return;
    case "recursive_middle":
      emitBranches(program, [[SLASH], [SLASH, STAR, SLASH]]);
      return;
  }
}

function emitBranches(
  program: Instruction[],
  branches: readonly (readonly GlobToken[])[],
): void {
  if (branches.length === 0) return;
  const fork: { op: "split"; targets: number[] } = { op: "split", targets: [] };
  program.push(fork);
  const exits: { op: "split"; targets: readonly number[] }[] = [];
  for (const branch of branches) {
    fork.targets.push(program.length);
    emitSequence(program, branch);
    const exit: { op: "split"; targets: readonly number[] } = { op: "split", targets: [] };
    exits.push(exit);
    program.push(exit);
  }
  for (const exit of exits) exit.targets = [program.length];
}

// Thompson's simulation: all states at once, each at most once a character.
function runProgram(program: readonly Instruction[], text: string, from: number): boolean {
  const seenAt = new Int32Array(program.length).fill(-1);
  let states: number[] = [];
  addState(program, states, seenAt, 0, from);
  for (let position = from; position < text.length && states.length > 0; position++) {
    const character = text[position]!;
    const next: number[] = [];
    for (const state of states) {
      if (eats(program[state]!, character)) {
        addState(program, next, seenAt, state + 1, position + 1);
      }
    }
    states = next;
  }
  return seenAt[program.length - 1] === text.length;
}

function addState(
  program: readonly Instruction[],
  states: number[],
  seenAt: Int32Array,
  start: number,
  position: number,
): void {
  const pending = [start];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    if (seenAt[state] === position) continue;
    seenAt[state] = position;
    const instruction = program[state]!;
    if (instruction.op === "split") pending.push(...instruction.targets);
    else states.push(state);
  }
}

function eats(instruction: Instruction, character: string): boolean {
  switch (instruction.op) {
    case "text":
      return instruction.text === character;
    case "any":
      return true;
    case "class": {
      const isIn = instruction.ranges.some((range) => {
        return character >= range[0]! && character <= range[1]!;
      });
      return isIn !== instruction.negated;
    }
    default:
      return false;
  }
}
