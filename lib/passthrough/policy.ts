/**
 * What a route does with a path: rewrite it, refuse it, or send it upstream as this exact URL.
 *
 * @module
 */

import { canonicalizeTarget, isPlainPath } from "./canonical_path.ts";
import type { CanonicalTarget } from "./canonical_path.ts";
import type { Route } from "./route_table.ts";

/** What becomes of a path on a route. */
export type PathVerdict =
  | {
    readonly allowed: true;
    /** The rewritten path, relative to the route's base path: what rules and scopes are tested on. */
    readonly path: string;
    /** The upstream URL without a query. */
    readonly url: string;
    /** True: the client's own `Authorization` goes upstream and the route's credential does not. */
    readonly keepsAuthorization: boolean;
  }
  | {
    readonly allowed: false;
    /** The stable code. */
    readonly code: "ERR_PATH_INVALID";
    /** Why, for the log. */
    readonly reason: "encoded_slash" | "empty_segment" | "rewrite" | "url_mismatch";
  }
  | {
    readonly allowed: false;
    /** The stable code. */
    readonly code: "ERR_PATH_DENIED";
    /** Why, for the log. */
    readonly reason: "deny_paths";
    /** As for a path that is allowed: who asks must not tell the two apart before it is known. */
    readonly keepsAuthorization: boolean;
  };

/**
 * Decides what a route does with a canonical path, in this order: opt-ins, strip the prefix, replace,
 * deny, keep the client's authorization, build the upstream URL and check that it means what it says.
 *
 * @param route The route that took the request.
 * @param target The canonical target.
 * @returns The verdict; nothing is thrown.
 */
export function resolvePath(route: Route, target: CanonicalTarget): PathVerdict {
  if (target.hasEncodedSlash && !route.allowEncodedSlash) return refuse("encoded_slash");
  if (target.hasEmptySegments && !route.allowEmptySegments) return refuse("empty_segment");
  const path = rewrite(route, target.path);
  if (path === undefined) return refuse("rewrite");
  const keepsAuthorization = route.keepsAuthorization(path);
  if (route.isDenied(path)) {
    return { allowed: false, code: "ERR_PATH_DENIED", reason: "deny_paths", keepsAuthorization };
  }
  const upstreamPath = route.basePath + path;
  const url = route.origin + upstreamPath;
  if (!isPlainPath(path) && !meansPath(url, route, upstreamPath)) return refuse("url_mismatch");
  return { allowed: true, path, url, keepsAuthorization };
}

function refuse(
  reason: "encoded_slash" | "empty_segment" | "rewrite" | "url_mismatch",
): PathVerdict {
  return { allowed: false, code: "ERR_PATH_INVALID", reason };
}

function rewrite(route: Route, path: string): string | undefined {
  let rewritten = path;
  if (route.stripPrefix && route.pathPrefix !== undefined) {
    rewritten = path.slice(route.pathPrefix.length) || "/";
  }
  const replace = route.pathReplace;
  if (replace === undefined || !rewritten.startsWith(replace[0])) return rewritten;
  rewritten = replace[1] + rewritten.slice(replace[0].length);
  // Gluing can make what the canonical form had ruled out: `/a` -> `` turns `/a../x` into `../x`.
  const again = canonicalizeTarget(rewritten);
  const isSame = again.ok && again.target.path === rewritten && again.target.query === "";
  return isSame && (!again.target.hasEmptySegments || route.allowEmptySegments)
    ? rewritten
    : undefined;
}

// The last line of defence: a URL parser must find in the text exactly what was decided on.
function meansPath(url: string, route: Route, upstreamPath: string): boolean {
  if (!URL.canParse(url)) return false;
  const { origin, pathname } = new URL(url);
  return origin === route.origin && pathname === upstreamPath &&
    (route.basePath === "" || pathname.startsWith(`${route.basePath}/`));
}
