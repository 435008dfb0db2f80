/** The upstream call on Deno and Bun: their own `fetch`, with what it lacks put beside it. @module */

import { connect } from "node:net";
import type {
  CreateFetchUpstream,
  FetchQuirks,
  HeaderList,
  OpenUpstream,
  Upstream,
  UpstreamOptions,
  UpstreamRequest,
} from "../ports.ts";
import { createAbortFailure } from "../upstream_failures.ts";
import { createAddressGuards } from "./_address_guard.ts";
import { denoNamespace } from "./_deno.ts";
import { REPEATABLE_METHODS } from "./_methods.ts";
import { processEnv } from "./env.ts";
import { openHttpUpstream } from "./upstream_http.ts";
import { createBunTunnel } from "./websocket_bun.ts";
import { createDenoTunnel } from "./websocket_deno.ts";

/** Connections that Deno keeps per upstream; its default of one a host costs a third of the speed. */
const MAX_IDLE_PER_HOST = 256;
/** Calls that Bun's `fetch` carries at once; more wait for their turn. */
const BUN_PARALLEL_CALLS = 256;
/** What Deno says where the client went away inside a body that `fetch` was sending on. */
const CLIENT_GONE_REGEXP = /^Error: Cannot read request body/;
/** How long an origin counts as reachable after it took a connection, in milliseconds. */
const REACHABLE_MS = 10_000;

/** Opens the upstream call on Deno. */
export function openDenoUpstream(
  createFetchUpstream: CreateFetchUpstream,
  options?: UpstreamOptions,
): OpenUpstream {
  const fallback = openHttpUpstream(options);
  const client = denoNamespace().createHttpClient({
    poolMaxIdlePerHost: MAX_IDLE_PER_HOST,
    http2: false,
    allowHost: true,
  });
  const upstream = createFetchUpstream(fetchOnDeno, {
    requestInit: { client },
    // Deno decodes unless the first `accept-encoding` is exactly this.
    acceptEncoding: "identity",
    losesLength: true,
    holdsSmallBodies: true,
    decompresses: false,
    ignoresHost: false,
    fallback: fallback.upstream,
    ...createProbe(),
  });
  return {
    upstream: (request) => isHardForDeno(request) ? fallback.upstream(request) : upstream(request),
    tunnel: createDenoTunnel(createAddressGuards(options)),
    async close(): Promise<void> {
      client.close();
      await fallback.close();
    },
  };
}

/** Opens the upstream call on Bun. */
export function openBunUpstream(
  createFetchUpstream: CreateFetchUpstream,
  options?: UpstreamOptions,
): OpenUpstream {
  const fallback = openHttpUpstream(options);
  // Bun repeats by itself what may be repeated, as long as it holds the body whole.
  const upstream = createFetchUpstream(fetch, {
    requestInit: { decompress: false },
    decompresses: false,
    holdsSmallBodies: true,
    ignoresHost: false,
    fallback: fallback.upstream,
    ...createProbe(),
  });
  // Read by Bun when the process starts, so it cannot be raised from in here.
  const configured = Number(processEnv.get("BUN_CONFIG_MAX_HTTP_REQUESTS"));
  const limit = configured > 0 ? configured : BUN_PARALLEL_CALLS;
  const limited = spillOver(upstream, fallback.upstream, limit);
  return {
    // Bun's `fetch` holds up to 80 MiB of a chunked body; its `node:http` a third of that.
    upstream: (request) =>
      isChunked(request) || isGuarded(request) ? fallback.upstream(request) : limited(request),
    tunnel: createBunTunnel(createAddressGuards(options)),
    close: () => fallback.close(),
  };
}

/**
 * What Deno's `fetch` does badly: bodies without a declared length go at a few MiB a second and pile up
 * in memory; a POST without a body is repeated when a kept connection turns out dead.
 */
function isHardForDeno(request: UpstreamRequest): boolean {
  return isChunked(request) || isGuarded(request) ||
    (!REPEATABLE_METHODS.has(request.method) && !(declaredLength(request.headers) > 0));
}

/** True when the address that is dialled is to be looked at: no `fetch` shows it. */
function isGuarded({ privateAddresses = "allow" }: UpstreamRequest): boolean {
  return privateAddresses !== "allow";
}

/** True when the client sends a body without telling its length. */
function isChunked({ incoming }: UpstreamRequest): boolean {
  return incoming.headers.has("transfer-encoding");
}

/**
 * Deno repeats any request whose body it holds whole. RFC 9110 §9.2.2 forbids that for a POST, which the
 * upstream may have acted on. A `Blob` it does not repeat, and unlike a stream of ours a `Blob` keeps
 * its length.
 */
async function fetchOnDeno(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const { method = "GET", body } = init;
  const isHeld = body instanceof Uint8Array && !REPEATABLE_METHODS.has(method);
  try {
    return await fetch(input, isHeld ? { ...init, body: new Blob([body as BlobPart]) } : init);
  } catch (error) {
    throw CLIENT_GONE_REGEXP.test(String((error as Error).cause)) ? createAbortFailure() : error;
  }
}

function declaredLength(headers: HeaderList): number {
  return Number(headers.find(([name]) => name === "content-length")?.[1] ?? Number.NaN);
}

/** Sends what exceeds `limit` calls at once over a second way. */
function spillOver(first: Upstream, second: Upstream, limit: number): Upstream {
  let open = 0;
  return async (request) => {
    if (open >= limit) return await second(request);
    open++;
    let isOpen = true;
    const release = (): void => {
      if (isOpen) open--;
      isOpen = false;
    };
    try {
      const response = await first(request);
      // Member by member: spreading is dear.
      return {
        status: response.status,
        statusText: response.statusText,
        headers: response.headers,
        respond: ({ status, statusText, headers, transform, onClose }) =>
          response.respond({
            status,
            statusText,
            headers,
            transform,
            onClose(end): void {
              release();
              onClose?.(end);
            },
          }),
        cancel(): void {
          release();
          response.cancel();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  };
}

// Neither `fetch` gives up connecting before the kernel does, after two minutes.
function createProbe(): Pick<FetchQuirks, "canConnect"> {
  // Behind a forward proxy the origin itself may be out of reach.
  const usesProxy = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].some((name) =>
    processEnv.get(name) !== undefined || processEnv.get(name.toLowerCase()) !== undefined
  );
  if (usesProxy) return {};
  const reachable = new Map<string, number>();
  const probing = new Map<string, Promise<boolean>>();
  return {
    async canConnect(origin: string, timeoutMs: number): Promise<boolean> {
      if ((reachable.get(origin) ?? 0) > Date.now()) return true;
      const probe = probing.get(origin) ?? takesConnection(origin, timeoutMs);
      probing.set(origin, probe);
      const isReachable = await probe.finally(() => probing.delete(origin));
      if (isReachable) reachable.set(origin, Date.now() + REACHABLE_MS);
      return isReachable;
    },
  };
}

function takesConnection(origin: string, timeoutMs: number): Promise<boolean> {
  const { protocol, hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || (protocol === "https:" ? 443 : 80),
    });
    const finish = (isReachable: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isReachable);
    };
    const timer = setTimeout(() => finish(false), timeoutMs);
    socket.once("connect", () => finish(true));
    // A refusal comes at once, also to `fetch`, which then tells it better.
    socket.on("error", () => finish(true));
  });
}
