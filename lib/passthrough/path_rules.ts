/**
 * Path rules of a manifest (`deny_paths`, `forward_authorization_paths`), read generously: a path
 * that some server could take for a listed one counts as listed.
 *
 * @module
 */

import { decodeDeep, decodeOnce, normalizeTriplets } from "./_percent.ts";
import { compileGlob } from "./glob.ts";

// Lower case, no triplet, no parameters, no segment that ends in a dot: nothing to read differently.
const SIMPLE_PATH_REGEXP = /^(?:\/[a-z0-9_~!$&'()*+,=:@-]+(?:\.+[a-z0-9_~!$&'()*+,=:@-]+)*)*\/?$/;

/**
 * Compiles path rules into one test.
 *
 * A path counts as listed when any of these spellings of it matches: itself; decoded once or as often
 * as it goes; with backslashes as slashes, parameters (`;a=b`), trailing dots and blanks cut off, dot
 * segments resolved and doubled slashes joined; each with and without a trailing slash, and without
 * regard to case. A rule such as `/config` or `/config/*` covers everything below it.
 *
 * Use it for rules that withhold something. A rule that grants must use `compileGlobs` instead.
 *
 * @param patterns Globs as in the manifest.
 * @returns True for a canonical path that counts as listed.
 * @throws {ConfigError} `ERR_CONFIG` with reason `glob` when a pattern is malformed.
 *
 * @example Usage
 * ```ts
 * import { compilePathRules } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const isListed = compilePathRules(["/config/*"]);
 * assert.equal(isListed("/CONFIG;a=b/keys"), true);
 * assert.equal(isListed("/configuration"), false);
 * ```
 */
export function compilePathRules(patterns: readonly string[]): (path: string) => boolean {
  const expanded = [...new Set(patterns.flatMap(expandPattern))];
  const folded = [...new Set(expanded.map(foldCase))].map(compileGlob);
  // A class may hold a range of capitals or be negated, so folding can lose a match. Test both then.
  const exact = expanded.filter((pattern) => pattern.includes("[")).map(compileGlob);
  return (path) => {
    if (SIMPLE_PATH_REGEXP.test(path)) return matchesEither(path, exact, folded);
    return listSpellings(path).some((spelling) => {
      return matchesEither(spelling, exact, []) || matchesEither(foldCase(spelling), [], folded);
    });
  };
}

/** The globs that one rule of a manifest stands for. */
export function expandPattern(pattern: string): string[] {
  const normal = normalizeTriplets(pattern);
  // Paths begin with `/`, so a rule that begins with a letter would never match: an open door.
  if (/^[^/*?[{\\]/.test(normal)) return [pattern, ...expandPattern(`/${normal}`)];
  const globs = normal === pattern ? [pattern] : [pattern, normal];
  if (normal.includes("**") || !normal.startsWith("/")) return globs;
  if (normal.endsWith("/*")) globs.push(`${normal}*`);
  else if (!normal.includes("*")) globs.push(`${normal.replace(/\/$/, "")}/**`);
  return globs;
}

type Glob = (path: string) => boolean;

function matchesEither(path: string, exact: readonly Glob[], folded: readonly Glob[]): boolean {
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
  return matchesAny(exact, path) || matchesAny(folded, path) ||
    matchesAny(exact, other) || matchesAny(folded, other);
}

function matchesAny(globs: readonly Glob[], path: string): boolean {
  for (const matches of globs) if (matches(path)) return true;
  return false;
}

// NFKC first: full-width letters and the long s are what some servers fold to ASCII.
function foldCase(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

function listSpellings(path: string): string[] {
  const spellings = new Set<string>();
  for (const text of [path, decodeOnce(path), decodeDeep(path)]) {
    spellings.add(text);
    spellings.add(simplify(text));
  }
  return [...spellings];
}

function simplify(path: string): string {
  const kept: string[] = [];
  const text = path.normalize("NFKC").replaceAll("\\", "/").replace(/[?#\0].*$/s, "");
  for (const part of text.split("/")) {
    const bare = part.replace(/;.*$/s, "");
    if (bare === "..") kept.pop();
    else {
      const segment = bare.replace(/[.\s]+$/, "");
      if (segment !== "") kept.push(segment);
    }
  }
  return `/${kept.join("/")}`;
}
