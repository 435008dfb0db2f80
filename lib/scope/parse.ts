/**
 * The grammar of the `scope` claim: what each token means, and how a claim is built.
 *
 * A scope claim is a list of tokens between white space (RFC 6749 §3.3, RFC 9068 §2.2.3). Tokens
 * that are not understood are kept and grant nothing.
 *
 * @module
 */

import { ScopeError } from "../errors.ts";
import { MAX_SCOPES } from "../limits.ts";

// The Unicode property, as the reference splits: `\s` lacks U+0085 and adds U+FEFF.
const WHITE_SPACE_REGEXP = /\p{White_Space}+/u;
// White space would smuggle a second scope in; controls and lone surrogates have no honest use.
const FORBIDDEN_REGEXP = /[\p{White_Space}\p{Cc}\p{Cs}]/u;
/** The kinds of scope that name something, as they are written before the colon. */
export const SCOPE_KINDS: readonly NamedScopeKind[] = [
  "tool",
  "skill",
  "provider",
  "category",
  "passthrough",
];

/** The kinds of scope that name something. */
export type NamedScopeKind = "tool" | "skill" | "provider" | "category" | "passthrough";

/** A scope such as `tool:github:search` or `skill:research-*`. */
export interface NamedScope {
  /** What is named. */
  readonly kind: NamedScopeKind;
  /** The name after the prefix, with its trailing star if it has one. */
  readonly pattern: string;
  /** True when the pattern ends in `*` and so stands for every name it begins. */
  readonly isWildcard: boolean;
}

/** What one token of a scope claim means. */
export type Scope =
  | { readonly kind: "all" }
  | { readonly kind: "help" }
  | NamedScope
  | { readonly kind: "unknown"; readonly text: string };

/** What {@link buildScopeString} puts together. */
export interface ScopeStringInput {
  /** Tool names or patterns, with or without `tool:` in front. */
  readonly tools?: readonly string[] | undefined;
  /** Skill names or patterns, with or without `skill:` in front. */
  readonly skills?: readonly string[] | undefined;
  /** Whole scopes, taken as they are, for example `help`. */
  readonly extra?: readonly string[] | undefined;
}

/**
 * Splits a scope claim into its tokens: order and repetitions are kept, an empty text gives none.
 *
 * @param text The claim, at most {@link MAX_SCOPES} tokens.
 * @throws {ScopeError} `ERR_SCOPE_SYNTAX` (reason `too_many`) when there are more.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseScopes } from "atikit";
 *
 * assert.deepEqual(parseScopes("tool:github:*  help"), ["tool:github:*", "help"]);
 * ```
 */
export function parseScopes(text: string): string[] {
  const tokens = text.split(WHITE_SPACE_REGEXP).filter((token) => token !== "");
  assertCount(tokens.length);
  return tokens;
}

/**
 * Says what one token means. A prefix without a name, and anything else unknown, is `unknown`.
 *
 * @param token One token, as {@link parseScopes} gives it.
 * @throws {ScopeError} `ERR_SCOPE_SYNTAX` (reason `token`) when it is empty or holds white space or
 * control characters: then it is not one token.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseScope } from "atikit";
 *
 * assert.deepEqual(parseScope("skill:research-*"), {
 *   kind: "skill",
 *   pattern: "research-*",
 *   isWildcard: true,
 * });
 * ```
 */
export function parseScope(token: string): Scope {
  assertToken(token);
  if (token === "*") return { kind: "all" };
  if (token === "help") return { kind: "help" };
  for (const kind of SCOPE_KINDS) {
    const pattern = token.slice(kind.length + 1);
    if (pattern !== "" && token.startsWith(`${kind}:`)) {
      return { kind, pattern, isWildcard: pattern.endsWith("*") };
    }
  }
  return { kind: "unknown", text: token };
}

/**
 * Builds a scope claim: tools, then skills, then extras, one blank between them.
 *
 * Security: a name that holds white space is refused, because it would grant a second scope.
 *
 * @param input Names; see {@link ScopeStringInput}.
 * @throws {ScopeError} `ERR_SCOPE_SYNTAX` when a name is empty or not one token (reason `token`), or
 * when there are more than {@link MAX_SCOPES} (reason `too_many`).
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { buildScopeString } from "atikit";
 *
 * const scope = buildScopeString({ tools: ["web_search", "github:*"], extra: ["help"] });
 * assert.equal(scope, "tool:web_search tool:github:* help");
 * ```
 */
export function buildScopeString(input: ScopeStringInput): string {
  const tokens = [
    ...(input.tools ?? []).map((name) => withPrefix("tool:", name)),
    ...(input.skills ?? []).map((name) => withPrefix("skill:", name)),
    ...(input.extra ?? []),
  ];
  for (const token of tokens) assertToken(token);
  assertCount(tokens.length);
  return tokens.join(" ");
}

function withPrefix(prefix: string, name: string): string {
  const token = name.startsWith(prefix) ? name : `${prefix}${name}`;
  if (token !== prefix) return token;
  throw new ScopeError("ERR_SCOPE_SYNTAX", "Cannot build a scope: a name is empty", {
    reason: "token",
  });
}

function assertToken(token: string): void {
  if (token !== "" && !FORBIDDEN_REGEXP.test(token)) return;
  const message = "Cannot read a scope: it is empty or holds white space or control characters";
  throw new ScopeError("ERR_SCOPE_SYNTAX", message, { reason: "token" });
}

function assertCount(count: number): void {
  if (count <= MAX_SCOPES) return;
  const message = `Cannot use the scopes: there are more than ${MAX_SCOPES}`;
  throw new ScopeError("ERR_SCOPE_SYNTAX", message, { reason: "too_many" });
}
