/**
 * Scopes: what a session token allows.
 *
 * The grammar of the `scope` claim (RFC 6749 §3.3), matching with a trailing star, methods and paths
 * of passthrough routes, what a child token may get, and rate specifications. Deviations from the reference: `skill:` scopes take a
 * star too, a rate specification that cannot be read is an error, and names with white space are
 * refused when a claim is built.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkPassthroughScope, checkScope, parseScopes } from "atikit";
 *
 * const granted = parseScopes("tool:github:* help");
 * assert.equal(checkScope("tool:github:search", granted), true);
 *
 * const access = { scope: "passthrough:github", method: "GET", path: "/repos/a" };
 * assert.equal(checkPassthroughScope(access, ["passthrough:github:GET:/repos/*"]), true);
 * ```
 *
 * @module
 */

export { checkScope, matchesWildcard, toLegacyAlias } from "./match.ts";
export { narrowScopes } from "./narrow.ts";
export {
  checkPassthroughScope,
  formatPassthroughScope,
  parsePassthroughScope,
} from "./passthrough.ts";
export { buildScopeString, parseScope, parseScopes } from "./parse.ts";
export { parseRate, parseRates } from "./rate.ts";
export type { NamedScope, NamedScopeKind, Scope, ScopeStringInput } from "./parse.ts";
export type { PassthroughAccess, PassthroughScope } from "./passthrough.ts";
export type { Rate, RateRule, RateUnit } from "./rate.ts";
