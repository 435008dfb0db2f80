/** The route decision: made once, on the canonical path, and handed on. @module */

import { matchRoute } from "../passthrough/route_table.ts";
import type { Route, RouteTable } from "../passthrough/route_table.ts";

/** Path of the metrics. Public here: the page itself knows who may read it. */
export const METRICS_PATH = "/metrics";

const PUBLIC_PATHS: ReadonlySet<string> = new Set([
  "/health",
  METRICS_PATH,
  "/.well-known/jwks.json",
]);
const NAMED_PATHS: ReadonlySet<string> = new Set([
  ...PUBLIC_PATHS,
  "/whoami",
  "/call",
  "/help",
  "/mcp",
  "/tools",
  "/skills",
  "/skills/resolve",
  "/skills/bundle",
  "/skillati/catalog",
]);
const NAMED_PREFIXES: readonly string[] = ["/tools/", "/skills/", "/skillati/"];
const ADMIN_PATH = "/admin/keys";

/** Who may go where. `public` needs no identity, `passthrough` what its route asks for. */
export type Decision =
  | { readonly kind: "public" | "named" | "unknown" }
  | { readonly kind: "passthrough"; readonly route: Route };

/** What the decision is made on. */
export interface DecisionFacts {
  /** `Host` of the request. */
  readonly host: string;
  /** Canonical path. */
  readonly path: string;
}

const PUBLIC: Decision = { kind: "public" };
const NAMED: Decision = { kind: "named" };
const UNKNOWN: Decision = { kind: "unknown" };

/** Decides who serves a request. Named paths win on any host. */
export function decideRoute(facts: DecisionFacts, table: RouteTable): Decision {
  const { path } = facts;
  if (PUBLIC_PATHS.has(path)) return PUBLIC;
  if (isNamedPath(path)) return NAMED;
  const route = matchRoute(table, facts);
  return route === undefined ? UNKNOWN : { kind: "passthrough", route };
}

/** True for the paths of the key administration, which sandboxes do not sign. */
export function isAdminPath(path: string): boolean {
  return path === ADMIN_PATH || path.startsWith(`${ADMIN_PATH}/`);
}

/** True for the paths of the proxy's own pages, built or reserved. No route can take them over. */
export function isNamedPath(path: string): boolean {
  return NAMED_PATHS.has(path) || isAdminPath(path) ||
    NAMED_PREFIXES.some((prefix) => path.startsWith(prefix));
}

/** A named path as a label: itself, or the pattern that it falls under. */
export function labelNamedPath(path: string): string {
  if (NAMED_PATHS.has(path)) return path;
  const prefix = NAMED_PREFIXES.find((candidate) => path.startsWith(candidate));
  return prefix === undefined ? ADMIN_PATH : `${prefix}*`;
}
