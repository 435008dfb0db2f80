/** Header fields that are the proxy's own to write: what routes may not set and messages do not carry on. @module */

/** Fields of one connection (RFC 9110 §7.6.1), lower case. */
export const HOP_BY_HOP_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "trailers",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Those and the fields that frame or route a message (RFC 9112 §3.2 and §6), lower case. Setting one of
 * them is a request-smuggling hazard.
 */
export const PROXY_HEADERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP_HEADERS,
  "content-length",
  "expect",
  "host",
]);
