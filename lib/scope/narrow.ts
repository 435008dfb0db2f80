/**
 * What a child token may get: never more than the token that asks for it.
 *
 * @module
 */

import { ScopeError } from "../errors.ts";
import { MAX_SCOPES } from "../limits.ts";
import { toLegacyAlias } from "./match.ts";
import { parseScope } from "./parse.ts";
import type { Scope } from "./parse.ts";
import { includesMethod, parsePassthroughScope } from "./passthrough.ts";
import type { PassthroughScope } from "./passthrough.ts";

/**
 * Narrows the held scopes to the wanted ones: each wanted scope must be covered by one held scope,
 * so that the result allows nothing the held scopes do not.
 *
 * `*` is covered by `*` only, `help` by `help` or `*`. A named scope is covered by the same kind
 * with the same name or a star that begins it: `tool:*` covers `tool:a:*`, not the other way round.
 * The legacy `tool:a_*` covers `tool:a:x` and `tool:a:*`, unless the provider's name holds an
 * underscore: then the old spelling does not say where the name ends. A token that is not
 * understood is covered by itself and by `*`.
 *
 * The scope of a passthrough route, `passthrough:<name>` or one that a manifest made up, covers its
 * narrowed forms: `passthrough:a` covers `passthrough:a:GET:/v1/*`, that covers
 * `passthrough:a:GET:/v1/x` and `passthrough:a:HEAD:/v1/*`. `passthrough:a:*` is not covered by
 * `passthrough:a`: its star also stands for scopes that only begin so.
 *
 * Security: both lists are taken as they are. Validate the token that holds `held` first.
 *
 * @param held Scopes of the parent, for example of a validated token.
 * @param wanted Scopes for the child.
 * @returns The wanted scopes in their order, each once.
 * @throws {ScopeError} `ERR_SCOPE_DENIED` (reason `insufficient_scope`) with the uncovered scopes in
 * `missing`; `ERR_SCOPE_SYNTAX` when an entry is not one token or there are more than
 * {@link MAX_SCOPES}.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { narrowScopes } from "atikit";
 *
 * assert.deepEqual(narrowScopes(["tool:github:*", "help"], ["tool:github:search"]), [
 *   "tool:github:search",
 * ]);
 * assert.throws(() => narrowScopes(["tool:github:*"], ["tool:*"]), { code: "ERR_SCOPE_DENIED" });
 * ```
 */
export function narrowScopes(held: readonly string[], wanted: readonly string[]): string[] {
  if (held.length > MAX_SCOPES || wanted.length > MAX_SCOPES) {
    const message = `Cannot narrow the scopes: there are more than ${MAX_SCOPES}`;
    throw new ScopeError("ERR_SCOPE_SYNTAX", message, { reason: "too_many" });
  }
  const parents = held.map(toToken);
  const unique = [...new Set(wanted)];
  const missing = unique.filter((text) => {
    const child = toToken(text);
    return !parents.some((parent) => covers(parent, child));
  });
  if (missing.length === 0) return unique;
  throw new ScopeError("ERR_SCOPE_DENIED", "Cannot narrow the scopes: some are not held", {
    reason: "insufficient_scope",
    hint: "ask for scopes that the parent token holds; the error lists the others in `missing`",
    missing,
  });
}

interface Token {
  readonly text: string;
  readonly scope: Scope;
  /** The legacy spelling that means no more than the token itself. */
  readonly alias: string | undefined;
  /** Method and path, where the token names them. */
  readonly part: PassthroughScope | undefined;
}

function toToken(text: string): Token {
  const scope = parseScope(text);
  const alias = toLegacyAlias(text);
  return {
    text,
    scope,
    alias: alias === undefined || isAmbiguous(text) ? undefined : alias,
    part: scope.kind === "passthrough" || scope.kind === "unknown"
      ? parsePassthroughScope(text)
      : undefined,
  };
}

function covers(parent: Token, child: Token): boolean {
  if (parent.scope.kind === "all" || parent.text === child.text) return true;
  if (parent.scope.kind !== child.scope.kind) return false;
  if (child.part !== undefined) return coversPart(parent, child, child.part);
  // Only a known kind gives the star a meaning: `h*` is not `help`, and `s*` is no skill.
  if (!("pattern" in child.scope)) return false;
  return reaches(parent.text, child.text) ||
    (child.alias !== undefined && reaches(parent.text, child.alias)) ||
    (parent.part !== undefined && !child.scope.isWildcard &&
      includes(parent.part, wholeOf(child)));
}

function coversPart(parent: Token, child: Token, part: PassthroughScope): boolean {
  const isPattern = "pattern" in parent.scope && hasStarForScopes(parent);
  if (isPattern && reaches(parent.text, part.scope)) return true;
  return !hasStarForScopes(child) && includes(parent.part ?? wholeOf(parent), part);
}

// `passthrough:a:*` is every method of one route, and every scope that begins so; the star of
// `passthrough:a:GET:/v1/*` belongs to the path.
function hasStarForScopes({ text, part }: Token): boolean {
  return text.endsWith("*") && (part === undefined || text === `${part.scope}:*`);
}

function wholeOf({ text }: Token): PassthroughScope {
  return { scope: text, method: "*", path: "/*" };
}

function includes(parent: PassthroughScope, child: PassthroughScope): boolean {
  return parent.scope === child.scope && includesMethod(parent.method, child.method) &&
    reaches(parent.path, child.path);
}

// Every name that `text` matches is matched by `pattern` too.
function reaches(pattern: string, text: string): boolean {
  return pattern === text || (pattern.endsWith("*") && stem(text).startsWith(stem(pattern)));
}

// `tool:a_b:c` also allows the tool `a:b:c` through its alias, which `tool:a_b_*` does not.
function isAmbiguous(toolScope: string): boolean {
  return toolScope.slice(0, toolScope.indexOf(":", "tool:".length)).includes("_");
}

function stem(text: string): string {
  return text.endsWith("*") ? text.slice(0, -1) : text;
}
