/** What a server answers by itself: a `Host` that is none, a handler that broke. @module */

// RFC 9112 §3.2: a Host that is not one is refused. Deno pastes it into the URL as it stands, so that
// `Host: a/b?` would move the path. One field only: two are joined with a comma, which is no host.
const HOST_REGEXP = /^[\w.\-[\]:]+$/;

/** True when the value of `Host` (or an absent one, in HTTP/1.0 and HTTP/2) may be trusted as text. */
export function isSafeHost(host: string | null): boolean {
  return host === null || HOST_REGEXP.test(host);
}

/** The answer to a request that names a host it may not name. */
export function refuseHost(): Response {
  return new Response(BAD_HOST, { status: 400, headers: PROBLEM_HEADERS });
}

/** The answer when a handler threw: nothing of the error. */
export function refuseBroken(): Response {
  return new Response(BROKEN, { status: 500, headers: PROBLEM_HEADERS });
}

const PROBLEM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/problem+json",
};
const BAD_HOST = JSON.stringify({
  type: "about:blank",
  title: "Bad Request",
  status: 400,
  reason: "invalid_host",
});
const BROKEN = JSON.stringify({
  type: "about:blank",
  title: "Internal Server Error",
  status: 500,
});
