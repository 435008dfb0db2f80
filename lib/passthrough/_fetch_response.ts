/** A response of `fetch` as an upstream's answer. @module */

import { SMALL_BODY_BYTES } from "../limits.ts";
import type {
  FetchQuirks,
  HeaderList,
  ResponseParts,
  UpstreamRequest,
  UpstreamResponse,
} from "../ports.ts";
import type { Exchange } from "./_exchange.ts";
import { createBrokenFailure } from "../upstream_failures.ts";
import { listHeaders } from "./headers.ts";
import { relayResponseBody } from "./_relayed_body.ts";
import { transformStream, transformWhole } from "./_transformed_body.ts";

/** What a `fetch` that decodes bodies may be counted on to decode; others it hands over as they are. */
export const DECODED_CODINGS: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate", "br"]);
// RFC 9110 §15: answers that never have a body.
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);
const REASON_PHRASE_REGEXP = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The answer behind a response of `fetch`.
 *
 * @throws {PassthroughError} `ERR_UPSTREAM_FAILED` (`status`) for a status no response can carry.
 */
export async function createResponse(
  response: Response,
  exchange: Exchange,
  request: UpstreamRequest,
  quirks: FetchQuirks,
): Promise<UpstreamResponse> {
  const { status } = response;
  if (status < 200 || status > 599) throw createBrokenFailure("status");
  const hasBody = request.method !== "HEAD" && !NULL_BODY_STATUSES.has(status) &&
    response.body !== null;
  const decodes = hasBody && quirks.decompresses !== false;
  const headers = listResponseHeaders(response.headers, decodes);
  const bytes = hasBody ? await readSmallBody(response, headers, exchange, request) : undefined;
  return {
    status,
    statusText: REASON_PHRASE_REGEXP.test(response.statusText) ? response.statusText : "",
    headers,
    respond(parts): Response {
      const init = createHead(parts);
      const { transform } = parts;
      if (hasBody && bytes === undefined) {
        exchange.watchClient();
        exchange.notify(parts.onClose);
        const body = relayResponseBody(response.body, exchange, request);
        return new Response(transform ? transformStream(body, transform) : body, init);
      }
      exchange.bytesSent = bytes?.byteLength ?? 0;
      exchange.close();
      exchange.notify(parts.onClose);
      const whole = bytes && transform ? transformWhole(bytes, transform) : bytes;
      return new Response(whole ?? null, init);
    },
    cancel: (): void => exchange.abandon(),
  };
}

// A stream costs more than the bytes of a small body: whose length is known and small comes whole.
async function readSmallBody(
  response: Response,
  headers: HeaderList,
  exchange: Exchange,
  { deadlines, maxResponseBytes }: UpstreamRequest,
): Promise<ArrayBuffer | undefined> {
  const length = Number(readHeader(headers, "content-length") ?? Number.NaN);
  if (!(length <= SMALL_BODY_BYTES) || (maxResponseBytes > 0 && length > maxResponseBytes)) {
    return undefined;
  }
  exchange.wait("idle", deadlines.idleMs);
  const bytes = await response.arrayBuffer();
  exchange.rest();
  return bytes;
}

function createHead(parts: ResponseParts): ResponseInit {
  return {
    status: parts.status,
    statusText: parts.statusText,
    headers: parts.headers as [string, string][],
  };
}

function listResponseHeaders(headers: Headers, mayBeDecoded: boolean): HeaderList {
  const list = listHeaders(headers);
  const coding = mayBeDecoded ? headers.get("content-encoding") : null;
  if (coding === null) return list;
  const isDecoded = coding.toLowerCase().split(",").every((one) => DECODED_CODINGS.has(one.trim()));
  // Both speak of the encoded bytes, which nobody has any more.
  return isDecoded
    ? list.filter(([name]) => name !== "content-encoding" && name !== "content-length")
    : list;
}

/** The value of a field, the first where it is repeated. */
export function readHeader(headers: HeaderList, name: string): string | undefined {
  return headers.find(([one]) => one === name)?.[1];
}
