/** An upstream request as `fetch` takes it. @module */

import { chain } from "../chain.ts";
import { createAbortFailure, createTooLargeFailure } from "../upstream_failures.ts";
import { MAX_TIMER_MS, SLOWEST_UPLOAD_BYTES_PER_SECOND, SMALL_BODY_BYTES } from "../limits.ts";
import type { FetchQuirks, HeaderList, MaybePromise, UpstreamRequest } from "../ports.ts";
import { DECODED_CODINGS, readHeader } from "./_fetch_response.ts";
import type { Exchange } from "./_exchange.ts";
import { relayRequestBody } from "./_relayed_body.ts";

/** What `fetch` is given. */
export interface FetchInit extends RequestInit {
  /** Fetch standard: a streamed body without it is a TypeError. Not in every library of types yet. */
  readonly duplex: "half";
}

/** Why `fetch` cannot send a request, where it cannot. */
export function findObstacle(request: UpstreamRequest, honoursHost: boolean): string | undefined {
  if (request.host !== undefined && !honoursHost) return "host_not_supported";
  // `fetch` dials whatever the name has become by then.
  if (request.privateAddresses === "block") return "address_check_not_supported";
  // Fetch standard, Request constructor: a body on GET or HEAD is a TypeError.
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const length = readHeader(request.headers, "content-length");
  const hasBody = (length !== undefined && length !== "0") ||
    request.incoming.headers.has("transfer-encoding");
  return hasBody ? "body_not_supported" : undefined;
}

/** The second argument of `fetch`; later, where the body is read first. */
export function createInit(
  request: UpstreamRequest,
  exchange: Exchange,
  quirks: FetchQuirks,
): MaybePromise<FetchInit> {
  const complete = (body: BodyInit | null): FetchInit => ({
    ...quirks.requestInit,
    method: request.method,
    headers: listRequestHeaders(request, quirks) as [string, string][],
    body,
    duplex: "half",
    redirect: "manual",
    signal: exchange.signal,
  });
  return chain(chooseBody(request, exchange, quirks), complete);
}

function listRequestHeaders(request: UpstreamRequest, quirks: FetchQuirks): HeaderList {
  const headers = [...request.headers];
  if (quirks.acceptEncoding !== undefined) {
    // First, as a line of its own: `fetch` looks at the first line, the upstream at all of them.
    headers.unshift(["accept-encoding", quirks.acceptEncoding]);
  } else {
    const index = headers.findIndex(([name]) => name === "accept-encoding");
    const accepted = headers[index]?.[1] ?? "identity";
    const value = quirks.decompresses === false ? accepted : acceptDecoded(accepted);
    headers.splice(index === -1 ? headers.length : index, 1, ["accept-encoding", value]);
  }
  if (request.host !== undefined) headers.push(["host", request.host]);
  return headers;
}

// Asking only for what is surely decoded keeps us from guessing which bytes came.
function acceptDecoded(accepted: string): string {
  const kept = accepted.split(",").filter((one) => {
    const coding = one.split(";", 1)[0]!.trim().toLowerCase();
    return coding === "identity" || DECODED_CODINGS.has(coding);
  });
  return kept.length === 0 ? "identity" : kept.join(",").trim();
}

function chooseBody(
  request: UpstreamRequest,
  exchange: Exchange,
  quirks: FetchQuirks,
): MaybePromise<BodyInit | null> {
  if (request.method === "GET" || request.method === "HEAD") return null;
  if (request.body instanceof Uint8Array) return sendWhole(request.body, request, exchange);
  const length = Number(readHeader(request.headers, "content-length") ?? Number.NaN);
  // The server holds the client to a declared length, so the body need not be counted.
  const isWithinLimit = request.maxRequestBytes === 0 || length <= request.maxRequestBytes;
  const isSmall = isWithinLimit && length <= SMALL_BODY_BYTES;
  if (isSmall && length > 0 && quirks.holdsSmallBodies && request.body === undefined) {
    sendUnwatched(length, request, exchange);
    return readWhole(request, exchange);
  }
  const body = (request.body ?? request.incoming.body) as
    | ReadableStream<Uint8Array<ArrayBuffer>>
    | null;
  if (body === null) return null;
  if (isSmall || (isWithinLimit && quirks.losesLength && length > 0)) {
    sendUnwatched(length, request, exchange);
    return body;
  }
  return relayRequestBody(body, exchange, request);
}

/** The client's body, unless the exchange fails first. A body that breaks off went with the client. */
function readWhole({ incoming }: UpstreamRequest, exchange: Exchange): Promise<BodyInit> {
  return new Promise((resolve, reject) => {
    exchange.onFailure = reject;
    incoming.arrayBuffer().then((bytes) => {
      exchange.onFailure = undefined;
      resolve(new Uint8Array(bytes));
    }, () => reject(createAbortFailure()));
  });
}

function sendWhole(body: Uint8Array, request: UpstreamRequest, exchange: Exchange): BodyInit {
  if (request.maxRequestBytes > 0 && body.length > request.maxRequestBytes) {
    const failure = createTooLargeFailure("request");
    exchange.fail(failure);
    throw failure;
  }
  sendUnwatched(body.length, request, exchange);
  return body as Uint8Array<ArrayBuffer>;
}

function sendUnwatched(length: number, { deadlines }: UpstreamRequest, exchange: Exchange): void {
  const { headersMs } = deadlines;
  const uploadMs = Math.ceil(length * 1000 / SLOWEST_UPLOAD_BYTES_PER_SECOND);
  exchange.wait("headers", headersMs && Math.min(headersMs + uploadMs, MAX_TIMER_MS));
  exchange.bytesReceived = length;
}
