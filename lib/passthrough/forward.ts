/**
 * Forwarding one request: from a route and a canonical target to the client's response.
 *
 * @module
 */

import { PassthroughError } from "../errors.ts";
import type {
  AddressPolicy,
  HeaderList,
  RequestBody,
  StreamEnd,
  Tunnel,
  Upstream,
  UpstreamRequest,
  UpstreamResponse,
} from "../ports.ts";
import type { CanonicalTarget } from "./canonical_path.ts";
import { askForReadable, assertReadable, dropDigests } from "./_readable_body.ts";
import { filterRequestHeaders, filterResponseHeaders, listHeaders } from "./headers.ts";
import type { MutableHeaderList } from "./headers.ts";
import { resolvePath } from "./policy.ts";
import type { PathVerdict } from "./policy.ts";
import type { Route } from "./route_table.ts";
import type { Slots } from "./slots.ts";
import { assertHandshake, dropHandshakeFields, isWebSocketUpgrade } from "./websocket.ts";

/** What a request is forwarded through. */
export interface ForwardPorts {
  /** The upstream call. */
  readonly upstream: Upstream;
  /** The upstream call for WebSockets; without one an upgrade is forwarded as plain HTTP. */
  readonly tunnel?: Tunnel | undefined;
  /** Counts requests under way. A route with a cap is not forwarded without it. */
  readonly slots?: Slots | undefined;
}

/** One request to forward. */
export interface ForwardInput {
  /** The route that took it. */
  readonly route: Route;
  /** The client's request. Its URL is not looked at. */
  readonly request: Request;
  /** Its body, where somebody has read it already. */
  readonly body?: RequestBody | undefined;
  /** Its canonical target: the one the route was chosen by. */
  readonly target: CanonicalTarget;
  /** What `resolvePath` says of route and target, where it was asked before. */
  readonly verdict?: PathVerdict | undefined;
  /**
   * Fields added to the request, for example of a trace: asked for when the upstream is about to be
   * called. What the route sets itself wins. Names in lower case, none that the header filter lets
   * through.
   */
  readonly requestHeaders?: (() => HeaderList) | undefined;
  /** Fields added to the answer; they replace the upstream's of the same name. Names in lower case. */
  readonly responseHeaders?: HeaderList | undefined;
  /**
   * What to do where the address that would be dialled is a private one; default `allow`. In force for
   * routes that inject a credential.
   */
  readonly privateAddresses?: AddressPolicy | undefined;
  /** Called once when the answer is through or broke off. Not called when `forward` rejects. */
  readonly onClose?: ((end: StreamEnd) => void) | undefined;
}

// RFC 9110 §9.3.6 and §9.3.8: a tunnel to anywhere, and an echo of the credentials just injected.
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);
const DECIMAL_REGEXP = /^[0-9]{1,15}$/;

/**
 * Forwards a request over its route: decides on path and method, filters headers, puts the credential
 * in, streams both bodies. Redirects are not followed; they go to the client. A WebSocket is dialled
 * where the route forwards them; elsewhere its handshake is an ordinary request.
 *
 * Security: everything that reaches the upstream is decided from `route` and `target`. The client's
 * copies of injected header fields and of an injected query parameter do not go upstream; secrets that
 * the upstream echoes in a header field or the reason phrase do not reach the client, nor those in a
 * body where the route says so. To that end such a route asks for bodies without a coding and whole.
 *
 * @param input Route, request and canonical target.
 * @param ports The upstream calls.
 * @returns The answer for the client, its body still streaming.
 * @throws {PassthroughError} `ERR_PATH_INVALID` (reason `encoded_slash`, `empty_segment`, `rewrite`,
 * `url_mismatch`) or `ERR_PATH_DENIED` for the path; `ERR_METHOD_NOT_ALLOWED` for the method;
 * `ERR_CREDENTIAL_MISSING` when the route's keyring entry is not there; `ERR_ROUTE_BUSY` when as many
 * requests as the route may have are under way; `ERR_REQUEST_TOO_LARGE` or `ERR_RESPONSE_TOO_LARGE` for
 * a declared length beyond the route's limit; and what the upstream call rejects with. For a bad
 * WebSocket handshake `ERR_WEBSOCKET_VERSION`, or `ERR_BAD_REQUEST` (reason `websocket_key`).
 * @throws {TypeError} When the route has a cap on requests under way and `ports` has no `slots`.
 *
 * @example Usage
 * ```ts
 * import { canonicalizeTarget, createFetchUpstream, createRouteTable, forward, parseManifest } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const text = `[provider]
 * name = "chat"
 * description = "Chat"
 * handler = "passthrough"
 * base_url = "https://api.example.com/v1"
 * path_prefix = "/chat"
 * auth_type = "bearer"
 * auth_key_name = "chat_key"`;
 * const { manifest } = parseManifest(text, { file: "chat.toml" });
 * const { routes } = createRouteTable([manifest.provider], new Map([["chat_key", "secret"]]));
 * const upstream = createFetchUpstream(async (url, init) => {
 *   return new Response(`${url} ${new Headers(init?.headers).get("authorization")}`);
 * });
 *
 * const target = canonicalizeTarget("/chat/models?limit=1");
 * assert.ok(target.ok && routes[0]);
 * const request = new Request("http://localhost/chat/models?limit=1");
 * const input = { route: routes[0], request, target: target.target };
 * const response = await forward(input, { upstream });
 * assert.equal(await response.text(), "https://api.example.com/v1/models?limit=1 Bearer secret");
 * ```
 */
export async function forward(input: ForwardInput, ports: ForwardPorts): Promise<Response> {
  const { route, request, target } = input;
  const method = request.method.toUpperCase();
  assertMethod(route, method);
  const { verdict = resolvePath(route, target) } = input;
  if (!verdict.allowed) throw refusePath(verdict);
  const { keepsAuthorization } = verdict;
  if (!keepsAuthorization) assertCredential(route);
  const injection = keepsAuthorization ? route.bareInjection : route.injection;
  const headers = filterRequestHeaders(listHeaders(request.headers), {
    injected: injection.headerNames,
    keepAuthorization: keepsAuthorization,
  });
  assertRequestLength(headers, route.maxRequestBytes);
  injection.addHeaders(headers);
  const slot = takeSlot(route, ports.slots);
  try {
    for (const field of input.requestHeaders?.() ?? []) {
      if (!injection.headerNames.has(field[0])) headers.push(field);
    }
    const response = await callUpstream(route, ports, {
      method,
      url: verdict.url + injection.addQuery(target.query),
      headers: route.redactsBody ? askForReadable(headers) : headers,
      host: route.hostOverride,
      incoming: request,
      body: input.body,
      deadlines: route.deadlines,
      keepAliveMs: route.keepAliveMs,
      maxRequestBytes: route.maxRequestBytes,
      maxResponseBytes: route.maxResponseBytes,
      privateAddresses: route.injectsCredential ? input.privateAddresses : "allow",
    });
    return relay(slot === undefined ? input : holdSlot(input, slot), method, response);
  } catch (error) {
    slot?.();
    throw error;
  }
}

function callUpstream(
  route: Route,
  { upstream, tunnel }: ForwardPorts,
  call: UpstreamRequest,
): Promise<UpstreamResponse> {
  const { forwardsWebSockets, webSocketIdleMs: idleMs, maxMessageBytes } = route;
  if (!forwardsWebSockets || tunnel === undefined || !isWebSocketUpgrade(call.incoming)) {
    return upstream(call);
  }
  assertHandshake(call.incoming.headers);
  const headers = dropHandshakeFields(call.headers);
  return tunnel({ ...call, headers, idleMs, maxMessageBytes });
}

function takeSlot(route: Route, slots: Slots | undefined): (() => void) | undefined {
  if (route.maxConcurrent === 0) return undefined;
  if (slots === undefined) {
    throw new TypeError(`Cannot forward the request: route "${route.name}" needs "slots"`);
  }
  const slot = slots.take(route.name, route.maxConcurrent);
  if (slot !== undefined) return slot;
  throw new PassthroughError(
    "ERR_ROUTE_BUSY",
    `Cannot forward the request: route "${route.name}" limits it by max_concurrent_requests`,
  );
}

/** The same input, whose end gives the slot back. */
function holdSlot(input: ForwardInput, slot: () => void): ForwardInput {
  return {
    ...input,
    onClose(end): void {
      slot();
      input.onClose?.(end);
    },
  };
}

function relay(input: ForwardInput, method: string, response: UpstreamResponse): Response {
  const { route, responseHeaders = [], onClose } = input;
  const received = response.status === 101
    ? dropHandshakeFields(response.headers)
    : response.headers;
  const filtered = filterResponseHeaders(received, route.redact);
  const headers = route.redactsBody ? dropDigests(filtered) : filtered;
  // A HEAD or 304 answer declares the length of a body that is not sent (RFC 9110 §8.6).
  const hasBody = method !== "HEAD" && response.status !== 304;
  if (hasBody) assertResponse(route, response);
  return response.respond({
    status: response.status,
    statusText: route.redact(response.statusText),
    headers: setHeaders(headers, responseHeaders),
    onClose,
    transform: hasBody && route.redactsBody ? route.createRedaction?.() : undefined,
  });
}

function assertResponse(route: Route, response: UpstreamResponse): void {
  try {
    if (route.redactsBody) assertReadable(response.headers);
    if (exceeds(declaredLength(response.headers), route.maxResponseBytes)) {
      throw new PassthroughError(
        "ERR_RESPONSE_TOO_LARGE",
        `Cannot forward the response: route "${route.name}" limits it by max_response_bytes`,
      );
    }
  } catch (error) {
    response.cancel();
    throw error;
  }
}

function setHeaders(headers: MutableHeaderList, added: HeaderList): HeaderList {
  if (added.length === 0) return headers;
  const list = headers.filter(([name]) => !added.some(([other]) => other === name));
  list.push(...added);
  return list;
}

function assertMethod(route: Route, method: string): void {
  const { allowMethods } = route;
  if (REFUSED_METHODS.has(method) || (allowMethods && !allowMethods.includes(method))) {
    throw new PassthroughError(
      "ERR_METHOD_NOT_ALLOWED",
      `Cannot forward the request: route "${route.name}" does not take its method`,
      allowMethods && { hint: `allowed: ${allowMethods.join(", ")}` },
    );
  }
}

function assertCredential(route: Route): void {
  const { missingCredential: key } = route;
  if (key === undefined || route.allowMissingCredential) return;
  throw new PassthroughError(
    "ERR_CREDENTIAL_MISSING",
    `Cannot forward the request: route "${route.name}" needs keyring entry "${key}"`,
    { reason: "missing_credential", hint: `set it with: ati key set ${key}` },
  );
}

function refusePath(verdict: Extract<PathVerdict, { allowed: false }>): PassthroughError {
  const message = verdict.code === "ERR_PATH_DENIED"
    ? "Cannot forward the request: its path is denied by policy"
    : "Cannot forward the request: its path is ambiguous";
  return new PassthroughError(verdict.code, message, { reason: verdict.reason });
}

function assertRequestLength(headers: HeaderList, maxBytes: number): void {
  const declared = declaredLength(headers);
  if (declared === "malformed") {
    throw new PassthroughError(
      "ERR_BAD_REQUEST",
      'Cannot forward the request: header "content-length" is malformed',
      { reason: "content_length" },
    );
  }
  if (exceeds(declared, maxBytes)) {
    throw new PassthroughError(
      "ERR_REQUEST_TOO_LARGE",
      "Cannot forward the request: its length exceeds max_request_bytes",
    );
  }
}

function declaredLength(headers: HeaderList): number | "malformed" | undefined {
  const value = headers.find(([name]) => name === "content-length")?.[1];
  if (value === undefined) return undefined;
  return DECIMAL_REGEXP.test(value) ? Number(value) : "malformed";
}

function exceeds(length: number | "malformed" | undefined, maxBytes: number): boolean {
  return maxBytes > 0 && typeof length === "number" && length > maxBytes;
}
