/**
 * Does a granted scope allow a required one? Trailing-star matching and the legacy spelling.
 *
 * @module
 */

const TOOL_PREFIX = "tool:";

/**
 * Matches a name against one pattern: `*` matches everything, a trailing `*` every name that begins
 * so, anything else only itself. Case counts; a star elsewhere is an ordinary character.
 *
 * @param name The name, for example `tool:github:search`.
 * @param pattern The pattern, for example `tool:github:*`.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { matchesWildcard } from "atikit";
 *
 * assert.equal(matchesWildcard("tool:github:search", "tool:github:*"), true);
 * assert.equal(matchesWildcard("tool:github", "tool:github:*"), false);
 * ```
 */
export function matchesWildcard(name: string, pattern: string): boolean {
  if (pattern === name) return true;
  return pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1));
}

/**
 * Tells whether one of the granted scopes allows the required one, also in its legacy spelling: a
 * token issued for `tool:finnhub_quote` or `tool:finnhub_*` still allows `tool:finnhub:quote`.
 *
 * Security: says nothing about expiry. An empty `required` is allowed by `*` only, never by default.
 *
 * @param required One scope without a star, for example `tool:finnhub:quote`.
 * @param granted The scopes of a validated token.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkScope } from "atikit";
 *
 * assert.equal(checkScope("tool:github:search_repos", ["tool:github:*"]), true);
 * assert.equal(checkScope("tool:secret_api", ["tool:web_search"]), false);
 * ```
 */
export function checkScope(required: string, granted: readonly string[]): boolean {
  const alias = toLegacyAlias(required);
  return granted.some((pattern) =>
    matchesWildcard(required, pattern) || (alias !== undefined && matchesWildcard(alias, pattern))
  );
}

/**
 * The spelling of a tool scope before providers had a namespace: `tool:a:b` was `tool:a_b`.
 *
 * @param scope Any scope.
 * @returns The older spelling; `undefined` where there is none.
 */
export function toLegacyAlias(scope: string): string | undefined {
  if (!scope.startsWith(TOOL_PREFIX)) return undefined;
  const colon = scope.indexOf(":", TOOL_PREFIX.length);
  if (colon <= TOOL_PREFIX.length) return undefined;
  return `${scope.slice(0, colon)}_${scope.slice(colon + 1)}`;
}
