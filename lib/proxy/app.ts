/**
 * The named routes. The only file that knows the router.
 *
 * The router sees a plain `{ method, url }` made of the canonical path, never the request: it would
 * read the path anew from the URL, and its own error helper would spread an error into the answer.
 *
 * @module
 */

import { IttyRouter } from "itty-router/IttyRouter";

import type { Clock } from "../ports.ts";
import type { Identity } from "./identity_gate.ts";
import type { MetricsCaller, MetricsPage } from "./metrics_page.ts";
import type { Refusal } from "./problems.ts";
import { showHealth, showIdentity, showJwks } from "./routes.ts";
import type { ProxyState } from "./state.ts";

/** A request to a named path that passed the gates. */
export interface NamedRequest extends MetricsCaller {
  /** Method of the request. */
  readonly method: string;
  /** Canonical path. */
  readonly path: string;
  /** Who is calling. */
  readonly identity: Identity;
  /** What the request is judged by. */
  readonly state: ProxyState;
}

/** Answers named paths: a response, or why there is none. */
export type NamedApp = (request: NamedRequest) => Promise<Response | Refusal>;

/** What the named routes are made of. */
export interface NamedAppParts {
  /** Version of atikit. */
  readonly version: string;
  /** Clock. */
  readonly now: Clock;
  /** Answers `GET /metrics`. */
  readonly metricsPage: MetricsPage;
}

/** Makes the named routes. */
export function createNamedApp({ version, now, metricsPage }: NamedAppParts): NamedApp {
  const router = IttyRouter();
  router
    .get("/metrics", (_: unknown, named: NamedRequest) => metricsPage(named))
    .get("/health", (_: unknown, named: NamedRequest) => showHealth(named.state, version))
    .get("/.well-known/jwks.json", (_: unknown, named: NamedRequest) => showJwks(named.state))
    .get("/whoami", (_: unknown, named: NamedRequest) => showIdentity(named.identity, now()));

  function allowedMethods(path: string): readonly string[] {
    const methods = router.routes
      .filter(([, pattern]) => pattern.test(path))
      .map(([method]) => method);
    return methods.includes("GET") ? [...methods, "HEAD"] : methods;
  }

  return async (named) => {
    // RFC 9110 §9.3.2: HEAD is GET without the content, which the caller of this function drops.
    const method = named.method === "HEAD" ? "GET" : named.method;
    const url = `http://proxy${named.path}`;
    const answer: unknown = await router.fetch({ method, url }, named);
    if (answer instanceof Response) return answer;
    if (answer !== undefined) return answer as Refusal;
    const allow = allowedMethods(named.path);
    if (allow.length === 0) return { code: "ERR_NOT_FOUND" };
    return { code: "ERR_METHOD_NOT_ALLOWED", headers: [["allow", allow.join(", ")]] };
  };
}
