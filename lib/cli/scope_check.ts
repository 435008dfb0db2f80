/** What looks wrong about scopes that a token is asked to hold. @module */

import { suggestWord } from "../encoding/suggest.ts";
import { ScopeError } from "../errors.ts";
import { parseScopes, SCOPE_KINDS } from "../scope/parse.ts";
import { parsePassthroughScope } from "../scope/passthrough.ts";

const ROUTE_REGEXP = /^(passthrough:[^:]*):(.*)$/;
const METHOD_WORD_REGEXP =
  /^(?:get|head|post|put|patch|delete|options|connect|trace|query)(?=:|$)/i;
const PATH_PART_REGEXP = /(?:^|:)\//;

/**
 * Asserts that no scope is a narrowed one of a route, as it was meant, that allows nothing. Others that
 * are not known are left alone: manifests may ask for any.
 *
 * @param text The scopes, between white space.
 * @throws {ScopeError} `ERR_SCOPE_SYNTAX` with reason `narrowing` for the first such scope, or
 * `too_many`.
 */
export function assertNarrowings(text: string): void {
  for (const scope of parseScopes(text)) {
    const mended = mendNarrowing(scope);
    if (mended === undefined) continue;
    const message = `Cannot issue a token with scope "${scope}": it would allow nothing`;
    throw new ScopeError("ERR_SCOPE_SYNTAX", message, {
      reason: "narrowing",
      hint: "a method in capitals follows the name, and a path from its slash on may follow the " +
        `method: ${mended}`,
    });
  }
}

/** Finds scopes that look like misspelt ones, each as a sentence. */
export function findMisspellings(text: string): readonly string[] {
  return parseScopes(text).flatMap((scope) => {
    const meant = suggestScope(scope);
    return meant === undefined ? [] : [`unknown scope "${scope}": did you mean ${meant}?`];
  });
}

/** The scope as it was probably meant; `undefined` where nothing is to be mended. */
function mendNarrowing(scope: string): string | undefined {
  const [, route = "", part = ""] = ROUTE_REGEXP.exec(scope) ?? [];
  const word = METHOD_WORD_REGEXP.exec(part)?.[0];
  // `passthrough:mine:read` may be what a manifest asks for.
  if (word === undefined && !PATH_PART_REGEXP.test(part)) return undefined;
  // What parses further right, as `passthrough:mine:GET:X` does, is narrowed from a scope no route has.
  if (parsePassthroughScope(scope)?.scope === route) return undefined;
  const path = part.slice(word?.length ?? 0).replace(/^[^/:]*:?\/?/, "");
  return `${route}:${word?.toUpperCase() ?? "GET"}${path === "" ? "" : `:/${path}`}`;
}

function suggestScope(scope: string): string | undefined {
  const mark = scope.indexOf(":");
  if (mark === -1) {
    return scope === "help" || scope === "*" || suggestWord(scope, ["help"]) === undefined
      ? undefined
      : "help";
  }
  const prefix = scope.slice(0, mark);
  const kind = suggestWord(prefix, SCOPE_KINDS);
  return kind === undefined || kind === prefix ? undefined : `${kind}${scope.slice(mark)}`;
}
