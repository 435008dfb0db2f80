/**
 * The way of a request: canonical path, signature gate, route decision, identity gate, handler.
 *
 * Each step is a decision on what the steps before it found; only the handler acts. The forwarding
 * path stays clear of everything that is slow somewhere: no router, no URL parsing, no copy of the
 * headers, and neither `signal` nor `body` of the request is touched.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type {
  AddressPolicy,
  FetchHandler,
  HeaderList,
  MaybePromise,
  RequestInfo,
  StreamEnd,
  Tunnel,
  Upstream,
} from "../ports.ts";
import { canonicalizeTarget } from "../passthrough/canonical_path.ts";
import type { CanonicalTarget } from "../passthrough/canonical_path.ts";
import { forward } from "../passthrough/forward.ts";
import type { ForwardInput } from "../passthrough/forward.ts";
import { parseHost } from "../passthrough/host.ts";
import type { Route } from "../passthrough/route_table.ts";
import type { Slots } from "../passthrough/slots.ts";
import { isLoopback } from "./address.ts";
import type { NamedApp } from "./app.ts";
import { decideRoute } from "./decide.ts";
import type { Decision } from "./decide.ts";
import { identifyCaller } from "./identity_gate.ts";
import type { Exchange } from "./exchange.ts";
import type { Observer } from "./observe.ts";
import { createProblemResponse, toRefusal } from "./problems.ts";
import type { Refusal } from "./problems.ts";
import { authorizeRoute, isUnaskedFor, needsSignature } from "./route_gate.ts";
import type { RouteVerdict } from "./route_gate.ts";
import type { ProxyState } from "./state.ts";
import { traceError } from "./trace.ts";

const USUAL_METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];
const INVALID_HOST: Refusal = {
  code: "ERR_BAD_REQUEST",
  reason: "invalid_host",
  detail: "bad request: invalid Host",
};
const OPEN_TO_LOOPBACK_ONLY: Refusal = {
  code: "ERR_UNAUTHENTICATED",
  reason: "authentication_not_configured",
  detail:
    "unauthorized: no authentication is configured, only this machine's own callers are served",
};
const PUBLIC_IDENTITY: RouteVerdict = { ok: true, identity: { authenticatedBy: "none" } };

/** What the pipeline acts through. */
export interface PipelineParts {
  /** The state in force; asked once a request. */
  readonly current: () => ProxyState;
  /** The proxy's own pages. */
  readonly app: NamedApp;
  /** The upstream call. */
  readonly upstream: Upstream;
  /** The upstream call for WebSockets. */
  readonly tunnel?: Tunnel | undefined;
  /** Requests under way of each route; outlives every state. */
  readonly slots: Slots;
  /** What is done where a route with a credential would dial a private address. */
  readonly privateAddresses?: AddressPolicy | undefined;
  /** Keeps and logs what happens. */
  readonly observer: Observer;
  /** True: unmatched paths are answered as a proxy with passthrough answers them. */
  readonly enablePassthrough: boolean;
}

/** Makes the fetch handler. It never rejects: whatever is thrown becomes a problem. */
export function createPipeline(parts: PipelineParts): FetchHandler {
  const { observer, current } = parts;
  const readHost = createHostReader();

  return async (request, info) => {
    const exchange = observer.begin(request);
    let answer: Response | Refusal;
    try {
      const host = readHost(request);
      answer = host === undefined
        ? INVALID_HOST
        : await serve({ request, host, info, exchange, state: current() }, parts);
    } catch (error) {
      answer = toRefusal(error);
      if (answer.code === "ERR_INTERNAL") exchange.trace = traceError(error);
    }
    if (exchange.relayed === true && answer instanceof Response) return answer;
    return finish(answer, request, exchange, observer);
  };
}

interface Passage {
  readonly request: Request;
  readonly host: string;
  readonly info: RequestInfo | undefined;
  readonly exchange: Exchange;
  readonly state: ProxyState;
}

async function serve(passage: Passage, parts: PipelineParts): Promise<Response | Refusal> {
  const { request, host, exchange, state } = passage;
  const result = canonicalizeTarget(passage.info?.rawTarget ?? targetOf(request.url));
  if (!result.ok) return { code: "ERR_PATH_INVALID", reason: result.reason };
  const { target } = result;
  exchange.path = target.path;

  const judged = state.gate(request, target);
  exchange.signature = judged instanceof Promise ? await judged : judged;
  const decision = decideRoute({ host, path: target.path }, state.table);
  exchange.decision = decision;
  if (decision.kind === "passthrough") {
    exchange.route = decision.route.name;
    if (isUnaskedFor(decision.route, exchange.signature)) exchange.signature = undefined;
  }
  const refusal = refuseUnsigned(decision, exchange) ??
    refuseBeforeIdentity(decision, target, passage);
  if (refusal !== undefined) return refusal;

  const asked = identify(decision, target, passage);
  const verdict = asked instanceof Promise ? await asked : asked;
  exchange.subject = verdict.identity?.claims?.sub;
  if (!verdict.ok) return verdict.refusal;
  const { identity } = verdict;

  switch (decision.kind) {
    case "passthrough":
      return await relay({ route: decision.route, target, verdict: verdict.path }, passage, parts);
    case "public":
    case "named": {
      const { path } = target;
      const { method, headers } = request;
      const { remoteAddress } = passage.info ?? {};
      const answer = await parts.app({ method, path, headers, remoteAddress, identity, state });
      if (answer instanceof Response) exchange.route = path;
      return answer;
    }
    case "unknown":
      return { code: parts.enablePassthrough ? "ERR_ROUTE_NOT_FOUND" : "ERR_PASSTHROUGH_DISABLED" };
  }
}

/** The origin-form target in a URL that was not put together by us: everything from the path on. */
function targetOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  return start === -1 ? "/" : url.slice(start);
}

/** Reads the host of requests; `undefined` where it is none. Most requests name the one before them. */
function createHostReader(): (request: Request) => string | undefined {
  let last: string | undefined;
  return (request) => {
    const host = request.headers.get("host") ?? authorityOf(request.url);
    // RFC 9112 §3.2: an invalid Host is answered 400. Some runtimes paste it into the URL as it is.
    if (host !== last && parseHost(host) !== undefined) last = host;
    return host === last ? host : undefined;
  };
}

function authorityOf(url: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1] ?? "";
}

/** Which routes need no signature is known only once there is a route. */
function refuseUnsigned(decision: Decision, { signature }: Exchange): Refusal | undefined {
  if (decision.kind === "passthrough" && !needsSignature(decision.route)) return undefined;
  return signature?.refusal;
}

function refuseBeforeIdentity(
  decision: Decision,
  target: CanonicalTarget,
  { state, info }: Passage,
): Refusal | undefined {
  if (decision.kind === "public") return undefined;
  // Whether a route takes `%2F` and `//` is the route's to say; nothing else does.
  if (decision.kind !== "passthrough" && (target.hasEncodedSlash || target.hasEmptySegments)) {
    return { code: "ERR_PATH_INVALID", reason: "ambiguous_path" };
  }
  // A server that was told another address than we were must not open what is meant for one machine.
  if (state.isOpen && info?.remoteAddress !== undefined && !isLoopback(info.remoteAddress)) {
    return OPEN_TO_LOOPBACK_ONLY;
  }
  return undefined;
}

function identify(
  decision: Decision,
  target: CanonicalTarget,
  { request, exchange: { signature }, state }: Passage,
): MaybePromise<RouteVerdict> {
  switch (decision.kind) {
    case "public":
      return PUBLIC_IDENTITY;
    case "passthrough":
      return authorizeRoute({ route: decision.route, target, request, signature }, state.verifier);
    default:
      return identifyCaller(request.headers.get("authorization"), state.verifier);
  }
}

async function relay(
  way: Pick<ForwardInput, "route" | "target" | "verdict">,
  { request, exchange }: Passage,
  { upstream, tunnel, slots, privateAddresses, observer }: PipelineParts,
): Promise<Response | Refusal> {
  const { route, target, verdict } = way;
  let response: Response | undefined;
  let end: StreamEnd | undefined;
  // An answer without a body may have ended before it is in our hands.
  const endOnce = (): void => {
    if (response !== undefined && end !== undefined) observer.end(exchange, response.status, end);
  };
  try {
    response = await forward(
      {
        // Member by member: spreading costs as much as a signature here.
        route,
        target,
        verdict,
        request,
        body: exchange.signature?.body,
        requestHeaders: () => observer.propagate(exchange),
        // `x-request-id` is the upstream's, if it sends one: its support asks for that.
        responseHeaders: answerHeaders(exchange, "x-ati-request-id"),
        privateAddresses,
        onClose(closed: StreamEnd): void {
          end = closed;
          endOnce();
        },
      },
      { upstream, tunnel, slots },
    );
    exchange.relayed = true;
    letGoOfBody(exchange);
    endOnce();
    return response;
  } catch (error) {
    if (!isAtiError(error)) throw error;
    return { ...toRefusal(error), ...describeForRoute(error.code, route) };
  }
}

/** A body that was read is the upstream's now, or nobody's: an answer may stream for hours. */
function letGoOfBody(exchange: Exchange): void {
  const { signature } = exchange;
  if (signature?.release === undefined) return;
  signature.release();
  exchange.signature = { ...signature, body: undefined, release: undefined };
}

function describeForRoute(code: ErrorCode, route: Route): Partial<Refusal> | undefined {
  switch (code) {
    case "ERR_METHOD_NOT_ALLOWED":
      // RFC 9110 §15.5.6: a 405 names the methods that are allowed.
      return { headers: [["allow", (route.allowMethods ?? USUAL_METHODS).join(", ")]] };
    case "ERR_CREDENTIAL_MISSING":
      return {
        detail: `service unavailable: keyring entry "${route.missingCredential}" is missing`,
      };
    default:
      return undefined;
  }
}

function answerHeaders({ requestId, signature }: Exchange, idHeader: string): HeaderList {
  const header = [idHeader, requestId] as const;
  const status = signature?.statusHeader;
  return status === undefined ? [header] : [header, ["x-signature-status", status]];
}

function finish(
  answer: Response | Refusal,
  request: Request,
  exchange: Exchange,
  observer: Observer,
): Response {
  const isRefused = !(answer instanceof Response);
  if (isRefused) exchange.refusal = answer;
  letGoOfBody(exchange);
  const full = isRefused ? createProblemResponse(answer, exchange.requestId) : answer;
  const response = request.method === "HEAD" ? new Response(null, full) : full;
  for (const [name, value] of answerHeaders(exchange, "x-request-id")) {
    response.headers.set(name, value);
  }
  observer.end(exchange, response.status);
  return response;
}
