/**
 * Scopes of passthrough routes: a whole route, or one method and path of it.
 *
 * `<scope>` allows everything of the routes that ask for it; `<scope>:<METHOD>` one method, and
 * `<scope>:<METHOD>:<path>` one method on one path, or, with a star at its end, on every path that
 * begins so. `*` in place of a method stands for all of them. A route asks for `passthrough:<name>`
 * unless its manifest names another scope.
 *
 * @module
 */

import { MAX_NAMED_SCOPE_CHARS } from "../limits.ts";
import { checkScope, matchesWildcard } from "./match.ts";

/** What a caller wants to do on a passthrough route. */
export interface PassthroughAccess {
  /** The scope the route asks for, for example `passthrough:github`. */
  readonly scope: string;
  /** The method as it is sent upstream, in upper case; `*` asks for every method. */
  readonly method: string;
  /**
   * The path as it is sent upstream, relative to the route's `base_url`: canonical, not decoded. With a
   * star at its end it asks for every path that begins so.
   */
  readonly path: string;
}

/** What a scope such as `passthrough:github:GET:/v1/*` stands for. */
export interface PassthroughScope {
  /** The route's scope. */
  readonly scope: string;
  /** A method in upper case, or `*` for every method. */
  readonly method: string;
  /** A path, or with a star at its end every path that begins so; `/*` where the token names none. */
  readonly path: string;
}

const METHOD = "\\*|[A-Z][A-Z-]*";
const PART_REGEXP = new RegExp(`^(${METHOD})(?::(/.*))?$`);
// The shortest scope that leaves a method: a path may hold colons too. `passthrough:A` has no part.
const NARROWED_REGEXP = new RegExp(
  `^(passthrough:.+?|(?!passthrough:).+?):(${METHOD})(?::(/.*))?$`,
);
// RFC 6749 §3.3: what one token of a scope may hold.
const SCOPE_TOKEN_REGEXP = /^[!#-[\]-~]+$/;
const EVERY_PATH = "/*";

/**
 * Tells whether one of the granted scopes allows an access to a passthrough route.
 *
 * That does the route's scope itself, whatever ends in a star and begins it (`*`, `passthrough:*`),
 * and `<scope>:<METHOD>[:<path>]` whose method and path fit. `GET` allows `HEAD` too, which asks for
 * the same without the content (RFC 9110 §9.3.2). Paths are compared as bytes: case counts, `/v1/*`
 * allows `/v1/x` and `/v1/x/y` but neither `/v1` nor `/v1x`, and a star elsewhere is an ordinary
 * character. A granted scope that does not parse allows nothing. The query is not looked at.
 *
 * Security: `access` must hold the very method and path that are sent, so that what is judged is
 * what happens. Its scope must not read as a narrowed one (`a:GET`); manifests refuse such scopes.
 *
 * @param access Scope of the route, method and path.
 * @param granted The scopes of a validated token.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkPassthroughScope } from "atikit";
 *
 * const scope = "passthrough:github";
 * const granted = ["passthrough:github:GET:/repos/*"];
 * assert.equal(
 *   checkPassthroughScope({ scope, method: "GET", path: "/repos/a/b" }, granted),
 *   true,
 * );
 * assert.equal(checkPassthroughScope({ scope, method: "POST", path: "/repos/a" }, granted), false);
 * assert.equal(checkPassthroughScope({ scope, method: "GET", path: "/user" }, granted), false);
 * ```
 */
export function checkPassthroughScope(
  access: PassthroughAccess,
  granted: readonly string[],
): boolean {
  const { scope } = access;
  if (checkScope(scope, granted)) return true;
  if (scope === "") return false;
  const prefix = `${scope}:`;
  return granted.some((token) => {
    const part = token.startsWith(prefix) ? PART_REGEXP.exec(token.slice(prefix.length)) : null;
    return part !== null && includesMethod(part[1] ?? "", access.method) &&
      matchesWildcard(access.path, part[2] ?? EVERY_PATH);
  });
}

/**
 * The narrowest scope that allows an access, for whoever has to issue a token that does.
 *
 * @param access Scope of the route, method and path.
 * @returns For example `passthrough:github:GET:/repos/a`; the route's scope where method or path
 * cannot stand in a scope (RFC 6749 §3.3) or the whole is longer than {@link MAX_NAMED_SCOPE_CHARS}.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatPassthroughScope } from "atikit";
 *
 * assert.equal(
 *   formatPassthroughScope({ scope: "passthrough:github", method: "GET", path: "/user" }),
 *   "passthrough:github:GET:/user",
 * );
 * ```
 */
export function formatPassthroughScope({ scope, method, path }: PassthroughAccess): string {
  const part = `${method}:${path}`;
  const text = `${scope}:${part}`;
  const isScope = text.length <= MAX_NAMED_SCOPE_CHARS && SCOPE_TOKEN_REGEXP.test(text) &&
    PART_REGEXP.test(part);
  return isScope ? text : scope;
}

/**
 * Takes a narrowed scope apart: the shortest scope that is followed by a method, and by a path or
 * nothing. `passthrough:<name>` keeps its name, also where that looks like a method.
 *
 * @param token One token of a scope claim.
 * @returns The parts; `undefined` for a scope that names no method.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parsePassthroughScope } from "atikit";
 *
 * assert.deepEqual(parsePassthroughScope("passthrough:github:GET:/repos/*"), {
 *   scope: "passthrough:github",
 *   method: "GET",
 *   path: "/repos/*",
 * });
 * assert.equal(parsePassthroughScope("passthrough:github"), undefined);
 * ```
 */
export function parsePassthroughScope(token: string): PassthroughScope | undefined {
  const [, scope, method, path = EVERY_PATH] = NARROWED_REGEXP.exec(token) ?? [];
  return scope === undefined || method === undefined ? undefined : { scope, method, path };
}

/**
 * Tells whether a method, as a scope names it, includes another one.
 *
 * @param granted A method in upper case, or `*`.
 * @param method A method in upper case, or `*`.
 */
export function includesMethod(granted: string, method: string): boolean {
  return granted === "*" || granted === method || (granted === "GET" && method === "HEAD");
}
