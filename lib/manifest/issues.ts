/**
 * How issues of manifests are written: key paths, lines, and the error that holds them all.
 *
 * @module
 */

import { ManifestError } from "../errors.ts";
import type { ManifestIssue } from "../errors.ts";
import type { KeyPath } from "./_lines.ts";

const BARE_KEY_REGEXP = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_QUOTED_KEY_CHARS = 64;

/** Writes a key path as TOML would: `provider.extra_headers."x y"`, `tools[1].name`. */
export function formatPath(path: KeyPath): string {
  return path.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    return `${index === 0 ? "" : "."}${BARE_KEY_REGEXP.test(key) ? key : quoteKey(key)}`;
  }).join("");
}

/**
 * Writes an issue as one line: `file:line: path: message`, without the parts that are not known.
 *
 * @param issue The issue.
 * @returns The line, without a line feed.
 */
export function formatManifestIssue(issue: ManifestIssue): string {
  const { file, line, column, path, message } = issue;
  const place = [file, line, line === undefined ? undefined : column]
    .filter((part) => part !== undefined).join(":");
  return `${place}: ${path === "" ? "" : `${path}: `}${message}`;
}

/** Makes the error that tells all issues: a summary line, then a line each. */
export function createManifestError(issues: readonly ManifestIssue[]): ManifestError {
  const files = new Set(issues.map((issue) => issue.file));
  const count = `${issues.length} ${issues.length === 1 ? "issue" : "issues"}`;
  const [first] = files;
  const summary = files.size === 1
    ? `Manifest ${first} is invalid: ${count}`
    : `${files.size} manifests are invalid: ${count}`;
  return new ManifestError([summary, ...issues.map(formatManifestIssue)].join("\n"), issues, {
    hint: "mend the lines named, then run `ati manifest check`",
  });
}

// Keys are names, but a quoted one can hold anything: what a terminal obeys is escaped.
function quoteKey(key: string): string {
  const cut = key.length > MAX_QUOTED_KEY_CHARS ? `${key.slice(0, MAX_QUOTED_KEY_CHARS)}...` : key;
  return JSON.stringify(cut).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
