/**
 * The upstream call over a standard `fetch`: for workers, and wherever a runtime has nothing faster.
 *
 * What the Fetch standard keeps from a proxy is handled or refused, never done silently wrong: bodies
 * on GET and HEAD, a `Host` of its own, decoded bodies, headers it would add.
 *
 * @module
 */

import { PassthroughError } from "../errors.ts";
import type { FetchLike, FetchQuirks, Upstream, UpstreamRequest } from "../ports.ts";
import { createTimeoutFailure } from "../upstream_failures.ts";
import { Exchange } from "./_exchange.ts";
import { createFetchFailure } from "./_fetch_failure.ts";
import { createInit, findObstacle } from "./_fetch_request.ts";
import { createResponse } from "./_fetch_response.ts";
import { createLateWatch } from "./_late_watch.ts";

/**
 * Makes an upstream call of a standard `fetch`.
 *
 * Redirects are not followed. Bodies stream in both directions with back-pressure, except that a
 * response body with a declared length of at most 64 KiB comes whole; request bodies are counted and
 * end with `ERR_REQUEST_TOO_LARGE` past the limit, response bodies break off past theirs. The client's
 * abort, and a client that stops reading the response, abort the upstream call. `connectMs` counts within `headersMs`, unless `quirks.canConnect` can tell. An explicit
 * `accept-encoding` is always sent (the client's, else `identity`), so that `fetch` adds none.
 *
 * Security: failures carry a code and a reason, never the words of `fetch`, which quote the URL with
 * its injected credential.
 *
 * @param fetch The `fetch` to call.
 * @param quirks Where it departs from the standard, and what carries the requests it cannot.
 * @returns The upstream call. It rejects with `PassthroughError`: `ERR_UPSTREAM_CONNECT` (reason
 * `refused`, `dns`, `unreachable`, `tls`), `ERR_UPSTREAM_TIMEOUT` (`connect`, `headers`, `idle`,
 * `total`), `ERR_UPSTREAM_FAILED` (`reset`, `failed`, `status`), `ERR_REQUEST_TOO_LARGE`,
 * `ERR_CLIENT_ABORTED`, or `ERR_BAD_REQUEST` (`body_not_supported`, `host_not_supported`) for
 * what `fetch` cannot send and no `fallback` carries; so does `privateAddresses: "block"`, which no
 * `fetch` can keep, as `ERR_UPSTREAM_CONNECT` (`address_check_not_supported`).
 *
 * @example Usage
 * ```ts
 * import { createFetchUpstream } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const upstream = createFetchUpstream(async () => new Response("hello", { status: 203 }));
 * const response = await upstream({
 *   method: "GET",
 *   url: "https://api.example.com/v1",
 *   headers: [["accept", "text/plain"]],
 *   incoming: new Request("http://localhost/"),
 *   deadlines: { connectMs: 5000, headersMs: 0, idleMs: 0, totalMs: 0 },
 *   keepAliveMs: 0,
 *   maxRequestBytes: 0,
 *   maxResponseBytes: 0,
 * });
 * const answer = response.respond({ status: 200, statusText: "", headers: response.headers });
 * assert.equal(await answer.text(), "hello");
 * ```
 */
export function createFetchUpstream(fetch: FetchLike, quirks: FetchQuirks = {}): Upstream {
  const honoursHost = quirks.ignoresHost === false;
  const watch = createLateWatch();
  return async (request) => {
    const obstacle = findObstacle(request, honoursHost);
    if (obstacle !== undefined) {
      if (quirks.fallback !== undefined) return await quirks.fallback(request);
      throw new PassthroughError(
        obstacle === "address_check_not_supported" ? "ERR_UPSTREAM_CONNECT" : "ERR_BAD_REQUEST",
        "Cannot forward the request: this runtime's fetch cannot send it",
        { reason: obstacle },
      );
    }
    const exchange = new Exchange(request, watch);
    try {
      probeConnect(exchange, request, quirks);
      const init = createInit(request, exchange, quirks);
      const response = await fetch(request.url, init instanceof Promise ? await init : init);
      exchange.answer();
      return await createResponse(response, exchange, request, quirks);
    } catch (error) {
      // A body that the client broke off rejects with words of the runtime's own.
      if (request.incoming.signal.aborted) exchange.watchClient();
      const failure = exchange.failure ?? createFetchFailure(error);
      exchange.fail(failure);
      throw failure;
    }
  };
}

// Halfway through the connect deadline it asks whether the upstream takes connections at all, where
// somebody can tell: `fetch` cannot.
function probeConnect(exchange: Exchange, request: UpstreamRequest, quirks: FetchQuirks): void {
  const { connectMs } = request.deadlines;
  const { canConnect } = quirks;
  if (canConnect === undefined || connectMs === 0) return;
  const halfMs = Math.ceil(connectMs / 2);
  const probe = (): void => {
    canConnect(new URL(request.url).origin, halfMs).then((isUp) => {
      if (!isUp && !exchange.isAnswered) exchange.fail(createTimeoutFailure("connect"));
    }, () => {/* nobody can tell: the header deadline decides */});
  };
  exchange.onSlowStart = (): void => exchange.probe(probe, halfMs);
}
