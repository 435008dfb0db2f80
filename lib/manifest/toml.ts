/**
 * TOML text to plain data. The only file that knows the parser.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";

import { MAX_MANIFEST_DEPTH } from "../limits.ts";

/** The data of a document, or where and why it is not one. */
export type TomlResult =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | {
    readonly ok: false;
    /** 1-based line of the fault, where it is known. */
    readonly line?: number | undefined;
    /** 1-based column of the fault, where it is known. */
    readonly column?: number | undefined;
    /** What is wrong, without a word of the document. */
    readonly message: string;
  };

/**
 * Parses a TOML document. Keys that could reach an object's prototype are refused, nesting is
 * limited to 32 levels.
 *
 * @param text The document.
 * @returns Tables as objects without methods of their own, or the fault. Never throws on bad text.
 */
export function parseToml(text: string): TomlResult {
  let value: Record<string, unknown>;
  try {
    value = parse(text, { unsafeKeyBehaviour: "throw", maxDepth: MAX_MANIFEST_DEPTH });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The parser's own message quotes the document, which may hold secrets.
    const message = "Is not valid TOML here: bad syntax, a key set twice, or a reserved key";
    return { ok: false, line: error.line, column: error.column, message };
  }
  // Dotted keys and table headers nest without recursion in the parser, so it does not count them.
  if (isDeeperThan(value, MAX_MANIFEST_DEPTH)) {
    return { ok: false, message: `Is nested deeper than ${MAX_MANIFEST_DEPTH} levels` };
  }
  return { ok: true, value };
}

function isDeeperThan(root: object, maxDepth: number): boolean {
  let level: object[] = [root];
  for (let depth = 0; depth <= maxDepth; depth++) {
    if (level.length === 0) return false;
    level = level.flatMap((node) => Object.values(node).filter(isObject));
  }
  return level.length > 0;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
