/**
 * Header fields on their way through: what stays behind, in both directions.
 *
 * Dropped are hop-by-hop fields (RFC 9110 §7.6.1), what addresses the proxy itself, and trace context,
 * which a proxy makes anew. All other fields go through as they came. That includes `forwarded`,
 * `x-forwarded-*` and `via`: an upstream that trusts them trusts the client.
 *
 * @module
 */

import { HOP_BY_HOP_HEADERS } from "../manifest/proxy_headers.ts";
import type { HeaderList } from "../ports.ts";

/** A list of header fields that can be added to. */
export type MutableHeaderList = (readonly [name: string, value: string])[];

/** How request header fields are filtered. */
export interface RequestFilterOptions {
  /** Names of fields the route sets itself, lower case: the client's are dropped. */
  readonly injected: ReadonlySet<string>;
  /** True: the client's `Authorization` goes through. */
  readonly keepAuthorization: boolean;
}

// `expect` is answered by the server the client speaks to; `x-ati-token` is a session token.
const REQUEST_DROPS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP_HEADERS,
  "authorization",
  "expect",
  "host",
  "traceparent",
  "tracestate",
  "x-ati-token",
]);
const SANDBOX_PREFIX = "x-sandbox-";

/** The fields of a `Headers`. Its iterator costs some runtimes seven times as much. */
export function listHeaders(headers: Headers): MutableHeaderList {
  const list: MutableHeaderList = [];
  headers.forEach((value, name) => list.push([name, value]));
  return list;
}

/**
 * The header fields of a request that go upstream.
 *
 * Dropped besides hop-by-hop fields and those that `Connection` lists: `host`, `expect`,
 * `authorization` (unless kept), `traceparent`, `tracestate`, `x-ati-token`, all `x-sandbox-*`, and
 * the fields the route sets itself, also where the client writes `_` for `-`.
 *
 * @param headers The client's fields, names in lower case, as `Headers` iterates them.
 * @param options What the route injects and keeps.
 */
export function filterRequestHeaders(
  headers: Iterable<readonly [name: string, value: string]>,
  options: RequestFilterOptions,
): MutableHeaderList {
  const kept: MutableHeaderList = [];
  let listed: ReadonlySet<string> | undefined;
  for (const field of headers) {
    const written = field[0];
    // CGI-style servers read `x_api_key` as `x-api-key`.
    const name = written.includes("_") ? written.replaceAll("_", "-") : written;
    if (name === "connection") listed = parseConnection(field[1], listed);
    if (options.injected.has(name)) continue;
    if (REQUEST_DROPS.has(name) && !(name === "authorization" && options.keepAuthorization)) {
      continue;
    }
    if (!name.startsWith(SANDBOX_PREFIX)) kept.push(field);
  }
  return dropListed(kept, listed);
}

/**
 * The header fields of a response that go to the client: all but hop-by-hop fields and those that its
 * `Connection` lists. Repeated fields such as `set-cookie` stay apart.
 *
 * @param headers The upstream's fields, names in lower case.
 * @param redact Takes injected secrets out of a value, should the upstream echo them.
 */
export function filterResponseHeaders(
  headers: HeaderList,
  redact: (value: string) => string,
): MutableHeaderList {
  const kept: MutableHeaderList = [];
  let listed: ReadonlySet<string> | undefined;
  for (const field of headers) {
    const [name, value] = field;
    if (name === "connection") listed = parseConnection(value, listed);
    if (HOP_BY_HOP_HEADERS.has(name)) continue;
    const safe = redact(value);
    kept.push(safe === value ? field : [name, safe]);
  }
  return dropListed(kept, listed);
}

function parseConnection(
  value: string,
  before: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  const names = value.toLowerCase().split(",").map((name) => name.trim());
  // By far the most common values name nothing that is not dropped already.
  if (names.every((name) => name === "" || name === "close" || HOP_BY_HOP_HEADERS.has(name))) {
    return before;
  }
  return new Set([...before ?? [], ...names]);
}

function dropListed(
  fields: MutableHeaderList,
  listed: ReadonlySet<string> | undefined,
): MutableHeaderList {
  return listed === undefined ? fields : fields.filter(([name]) => !listed.has(name));
}
