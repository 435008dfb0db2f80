/** Credentials as people hand them over: a JSON object, or lines of `NAME=value`. @module */

import { KeyringError } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { parseCredentials } from "./format.ts";
import { assertKeyName } from "./name.ts";

const ASSIGNMENT_REGEXP = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=/y;
const SINGLE_QUOTED_REGEXP = /[ \t]*'([^']*)'/y;
const DOUBLE_QUOTED_REGEXP = /[ \t]*"([^"\\]*(?:\\[^][^"\\]*)*)"/y;
const BARE_REGEXP = /(?![ \t]*['"])[^\n]*/y;
const LINE_END_REGEXP = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
// Only after white space: secrets hold such characters.
const COMMENT_REGEXP = /[ \t]#/;
const ESCAPE_REGEXP = /\\([^])/g;
const ESCAPES: ReadonlyMap<string, string> = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"]]);

/**
 * Parses credentials for sealing: JSON when the text begins with `{`, else dotenv lines.
 *
 * Dotenv: `NAME=value`, with or without `export`; blank lines and lines with `#` in front are
 * skipped. A value in single quotes is literal; in double quotes `\n` `\r` `\t` and a backslash
 * before any other character mean what they usually do; both may go over several lines. A bare value
 * ends at the line's end or at white space and `#`. Nothing is expanded. A name given twice is an
 * error, an empty value counts as not given.
 *
 * @param input The text, at most 4 MiB.
 * @returns Values by name, at least one.
 * @throws {KeyringError} `ERR_KEYRING_SOURCE` for a line that is none of this (reason `line`), a name
 * given twice (`duplicate`), no entry at all (`no_entries`) or too long a text (`too_large`): names
 * the line's number, never its text. `ERR_KEYRING_FORMAT` for malformed JSON, `ERR_KEYRING_ENTRY` for
 * a bad name or a value that is not a text.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseEntries } from "atikit";
 *
 * assert.deepEqual(parseEntries("# keys\nexport github_token='ghp_secret'\n"), {
 *   github_token: "ghp_secret",
 * });
 * ```
 */
export function parseEntries(input: string): Record<string, string> {
  // Some shells put a byte order mark in front of what they pipe.
  const text = input.replace(/^\ufeff/, "");
  if (text.length > MAX_CONFIG_FILE_BYTES) {
    throw sourceError("too_large", "there is too much of it");
  }
  const parsed = text.trimStart().startsWith("{") ? parseCredentials(text) : parseDotenv(text);
  const entries = Object.entries(parsed).filter(([, value]) => value !== "");
  for (const [name] of entries) assertKeyName(name);
  if (entries.length === 0) throw sourceError("no_entries", "there is none");
  return Object.fromEntries(entries);
}

function parseDotenv(input: string): Record<string, string> {
  const text = input.replaceAll("\r\n", "\n");
  const entries = new Map<string, string>();
  let position = 0;

  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) position = pattern.lastIndex;
    return match ?? undefined;
  };

  while (position < text.length) {
    const start = position;
    if (take(LINE_END_REGEXP) !== undefined) continue;
    const name = take(ASSIGNMENT_REGEXP)?.[1];
    const value = name === undefined ? undefined : take(SINGLE_QUOTED_REGEXP)?.[1] ??
      unescapeText(take(DOUBLE_QUOTED_REGEXP)?.[1]) ?? stripComment(take(BARE_REGEXP)?.[0]);
    if (name === undefined || value === undefined || take(LINE_END_REGEXP) === undefined) {
      throw sourceError("line", `line ${lineOf(text, start)} is not NAME=value`);
    }
    if (entries.has(name)) {
      throw sourceError("duplicate", `line ${lineOf(text, start)} gives a name again`);
    }
    entries.set(name, value);
  }
  return Object.fromEntries(entries);
}

function unescapeText(text: string | undefined): string | undefined {
  return text?.replace(
    ESCAPE_REGEXP,
    (_, character: string) => ESCAPES.get(character) ?? character,
  );
}

function stripComment(text: string | undefined): string | undefined {
  const comment = text?.search(COMMENT_REGEXP) ?? -1;
  return (comment === -1 ? text : text?.slice(0, comment))?.trim();
}

function lineOf(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function sourceError(
  reason: "line" | "duplicate" | "no_entries" | "too_large",
  why: string,
): KeyringError {
  return new KeyringError("ERR_KEYRING_SOURCE", `Cannot read the credentials: ${why}`, {
    reason,
    hint: "give a JSON object of texts, or lines of NAME=value with quotes around odd values",
  });
}
