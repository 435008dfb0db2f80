/**
 * `GET /metrics`: who may read it, and what is in it.
 *
 * @module
 */

import { equalBytes } from "../encoding/constant_time.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { parseHost } from "../passthrough/host.ts";
import type { Hashes } from "../ports.ts";
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "../telemetry/prometheus.ts";
import { isLoopback } from "./address.ts";
import type { ProxyMetrics } from "./metrics.ts";
import type { Refusal } from "./problems.ts";

/** Who asks for the metrics. */
export interface MetricsCaller {
  /** Header fields of the request. */
  readonly headers: Headers;
  /** The peer's address, where it is known. */
  readonly remoteAddress: string | undefined;
}

/** Answers `GET /metrics`: the text, or why there is none. */
export type MetricsPage = (caller: MetricsCaller) => Promise<Response | Refusal>;

/** What the page is made of. */
export interface MetricsPageInput {
  /** The numbers. */
  readonly metrics: ProxyMetrics;
  /** Opens the page to whoever shows it; absent: to this machine only. */
  readonly token: string | undefined;
  /** Hash primitives. */
  readonly hashes: Hashes;
}

/** What a proxy on the way adds: with one of them the peer is not who asks. */
const FORWARDING_HEADERS: readonly string[] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
const BEARER_REGEXP = /^bearer +([\x21-\x7e]+) *$/i;
const REFUSED: Refusal = {
  code: "ERR_UNAUTHENTICATED",
  detail: "unauthorized: metrics are for this machine's own callers, or for a bearer token",
};

/** Makes the page. */
export function createMetricsPage({ metrics, token, hashes }: MetricsPageInput): MetricsPage {
  return async ({ headers, remoteAddress }) => {
    const authorization = headers.get("authorization");
    const isKnown = authorization === null
      ? isDirectFromHere(headers, remoteAddress)
      : token !== undefined && await isSame(BEARER_REGEXP.exec(authorization)?.[1], token, hashes);
    if (!isKnown) {
      const reason = authorization === null ? "missing_credentials" : "invalid_token";
      return { ...REFUSED, reason };
    }
    return new Response(formatPrometheus(metrics.families), {
      headers: { "content-type": PROMETHEUS_CONTENT_TYPE, "cache-control": "no-store" },
    });
  };
}

/**
 * True for a caller on this machine that speaks to us itself. A reverse proxy on the same machine must
 * not open the page to the world: most add a field that tells, and those that do not mostly hand on the
 * public `Host`. That also stops web pages whose name was made to point here (DNS rebinding).
 */
function isDirectFromHere(headers: Headers, remoteAddress: string | undefined): boolean {
  if (remoteAddress === undefined || !isLoopback(remoteAddress)) return false;
  if (FORWARDING_HEADERS.some((name) => headers.has(name))) return false;
  const host = parseHost(headers.get("host") ?? "localhost")?.name;
  return host !== undefined && (host === "localhost" || isLoopback(host));
}

/** Compares texts in a time that tells neither content nor length. */
async function isSame(sent: string | undefined, token: string, hashes: Hashes): Promise<boolean> {
  if (sent === undefined) return false;
  return equalBytes(
    await hashes.sha256(encodeUtf8(sent)),
    await hashes.sha256(encodeUtf8(token)),
  );
}
