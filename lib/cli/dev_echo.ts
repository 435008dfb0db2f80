/** The upstream of `ati dev`: answers with the request as it arrived. @module */

import { MAX_ECHO_BODY_BYTES } from "../limits.ts";
import { formatJson } from "./format.ts";

/**
 * Answers with method, path and headers, the injected credential among them: it is a made-up one. Of
 * the body only the size is told.
 */
export async function echoRequest(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = {
    method: request.method,
    path: pathname + search,
    headers: Object.fromEntries(request.headers),
    body_bytes: await countBytes(request),
  };
  return new Response(formatJson(body), {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

async function countBytes(request: Request): Promise<number> {
  let count = 0;
  if (request.body === null) return count;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    count += chunk.length;
    if (count > MAX_ECHO_BODY_BYTES) break;
  }
  return count;
}
