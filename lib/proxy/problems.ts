/**
 * From error codes to answers: RFC 9457 problems, one exhaustive table.
 *
 * Rich inside, vague outside: the log keeps code and reason, the caller learns no more than the
 * table says. An unknown error is a 500 with a request id and nothing else.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { HeaderList } from "../ports.ts";

/** Content type of a problem (RFC 9457 §6.1). */
export const PROBLEM_CONTENT_TYPE = "application/problem+json";

/** A verdict against a request: what the log keeps and what the caller is told. */
export interface Refusal {
  /** The stable code. */
  readonly code: ErrorCode;
  /** Reason inside the code; told to the caller only where the table says so. */
  readonly reason?: string | undefined;
  /** Replaces the table's sentence. Names only. */
  readonly detail?: string | undefined;
  /** The narrowest scope that would have done (RFC 6750 §3); characters of a scope token only. */
  readonly scope?: string | undefined;
  /** Header fields the answer needs, for example `allow`. */
  readonly headers?: HeaderList | undefined;
}

/** The body of a problem (RFC 9457 §3.1) with the members this proxy adds. */
export interface ProblemBody {
  /** Always `about:blank`: `reason` is what to branch on. */
  readonly type: "about:blank";
  /** The status in words. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** A sentence about this kind of problem. */
  readonly detail: string;
  /** Machine-readable reason, for example `missing_signature`. */
  readonly reason: string;
  /** The id under which the log has this request. */
  readonly request_id: string;
}

/** What a code becomes on the wire. */
export interface PublicProblem {
  /** HTTP status. */
  readonly status: number;
  /** Reason told to the caller. */
  readonly reason: string;
  /** Sentence told to the caller. */
  readonly detail: string;
  /** True where the refusal's own reason is told instead of the table's. */
  readonly tellsReason?: boolean;
  /** `WWW-Authenticate` of the answer (RFC 6750 §3). */
  readonly challenge?: string;
  /** Other fields of the answer. */
  readonly headers?: HeaderList;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  426: "Upgrade Required",
  499: "Client Closed Request",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

// RFC 6750 §3: at least one parameter, and no error code where no credentials were sent.
const CHALLENGE = 'Bearer realm="ati"';

const INTERNAL: PublicProblem = {
  status: 500,
  reason: "internal_error",
  detail: "internal error: the log has more under this request id",
};

// RFC 6750 §3.1: one truthful text for expired, revoked, malformed and foreign tokens alike.
const INVALID_TOKEN: PublicProblem = {
  status: 401,
  reason: "invalid_token",
  detail: "unauthorized: the access token is malformed, expired or not valid here",
  challenge: `${CHALLENGE}, error="invalid_token", ` +
    'error_description="The access token is malformed, expired or not valid here"',
};

/** The whole table. A code that is added and not mapped does not compile. */
export const PROBLEMS: Readonly<Record<ErrorCode, PublicProblem>> = {
  ERR_ENCODING: INTERNAL,
  ERR_JWT_MALFORMED: INVALID_TOKEN,
  ERR_JWT_TOO_LARGE: INVALID_TOKEN,
  ERR_JWT_ALGORITHM: INVALID_TOKEN,
  ERR_JWT_TYPE: INVALID_TOKEN,
  ERR_JWT_SIGNATURE: INVALID_TOKEN,
  ERR_JWT_CLAIM: INVALID_TOKEN,
  ERR_JWT_EXPIRED: INVALID_TOKEN,
  ERR_JWT_NOT_YET_VALID: INVALID_TOKEN,
  ERR_JWT_AUDIENCE: INVALID_TOKEN,
  ERR_JWT_ISSUER: INVALID_TOKEN,
  // A key of ours, not a token: the caller has done nothing wrong.
  ERR_JWT_KEY: INTERNAL,
  ERR_SCOPE_SYNTAX: INTERNAL,
  ERR_SCOPE_DENIED: {
    status: 403,
    reason: "insufficient_scope",
    detail: "forbidden: a scope is missing",
    challenge: `${CHALLENGE}, error="insufficient_scope"`,
  },
  ERR_RATE_SPEC: INVALID_TOKEN,
  ERR_SIGNATURE: {
    status: 403,
    reason: "invalid_signature",
    detail: "forbidden: the sandbox signature is missing or not valid",
    tellsReason: true,
  },
  ERR_SIGNATURE_SECRET: INTERNAL,
  ERR_SESSION_NAME: INTERNAL,
  ERR_SESSION_UNREADABLE: INTERNAL,
  ERR_KEYRING_FORMAT: INTERNAL,
  ERR_KEYRING_DECRYPT: INTERNAL,
  ERR_KEYRING_KEY: INTERNAL,
  ERR_KEYRING_ENTRY: INTERNAL,
  ERR_KEYRING_REFERENCE: INTERNAL,
  ERR_KEYRING_NOT_FOUND: INTERNAL,
  ERR_KEYRING_SOURCE: INTERNAL,
  ERR_MANIFEST: INTERNAL,
  ERR_PATH_INVALID: {
    status: 400,
    reason: "invalid_path",
    detail: "bad request: invalid path",
  },
  ERR_PATH_DENIED: {
    status: 403,
    reason: "path_denied",
    detail: "forbidden: path denied by policy",
  },
  ERR_ROUTE_NOT_FOUND: {
    status: 404,
    reason: "no_route",
    detail: "not found: no passthrough route",
  },
  ERR_PASSTHROUGH_DISABLED: {
    status: 404,
    reason: "passthrough_disabled",
    detail: "not found: passthrough disabled",
  },
  ERR_CREDENTIAL_MISSING: {
    status: 503,
    reason: "credential_missing",
    detail: "service unavailable: the credential of this route is not in the keyring",
  },
  ERR_ROUTE_BUSY: {
    status: 503,
    reason: "route_busy",
    detail: "service unavailable: as many requests of this route as it may forward are under way",
    headers: [["retry-after", "1"]],
  },
  ERR_REQUEST_TOO_LARGE: {
    status: 413,
    reason: "request_too_large",
    detail: "payload too large: request exceeds max_request_bytes",
  },
  ERR_RESPONSE_TOO_LARGE: {
    status: 502,
    reason: "response_too_large",
    detail: "bad gateway: response exceeds max_response_bytes",
  },
  ERR_UPSTREAM_CONNECT: {
    status: 502,
    reason: "upstream_unreachable",
    detail: "bad gateway: the upstream cannot be reached",
  },
  ERR_UPSTREAM_TIMEOUT: {
    status: 504,
    reason: "upstream_timeout",
    detail: "gateway timeout: the upstream did not answer in time",
  },
  ERR_UPSTREAM_FAILED: {
    status: 502,
    reason: "upstream_failed",
    detail: "bad gateway: the upstream broke off or sent no valid answer",
  },
  // Nobody reads this answer; the status is for the log, as nginx writes it.
  ERR_CLIENT_ABORTED: {
    status: 499,
    reason: "client_closed_request",
    detail: "client closed request",
  },
  ERR_UNAUTHENTICATED: {
    status: 401,
    reason: "missing_credentials",
    detail: "unauthorized: this path needs a bearer token",
    tellsReason: true,
    challenge: CHALLENGE,
  },
  ERR_BAD_REQUEST: {
    status: 400,
    reason: "bad_request",
    detail: "bad request",
    tellsReason: true,
  },
  ERR_WEBSOCKET_VERSION: {
    status: 426,
    reason: "websocket_version",
    detail: "upgrade required: only version 13 of the WebSocket protocol is spoken here",
    // RFC 6455 §4.4 and RFC 9110 §15.5.22.
    headers: [["sec-websocket-version", "13"], ["upgrade", "websocket"]],
  },
  ERR_NOT_FOUND: { status: 404, reason: "not_found", detail: "not found" },
  ERR_METHOD_NOT_ALLOWED: {
    status: 405,
    reason: "method_not_allowed",
    detail: "method not allowed: see the Allow header",
  },
  ERR_CONFIG: INTERNAL,
  ERR_FILE_NOT_FOUND: INTERNAL,
  ERR_FILE_READ: INTERNAL,
  ERR_FILE_WRITE: INTERNAL,
  ERR_FILE_EXISTS: INTERNAL,
  ERR_SPAWN: INTERNAL,
  ERR_USAGE: INTERNAL,
  ERR_INTERNAL: INTERNAL,
};

/** Makes the answer to a refused request. */
export function createProblemResponse(refusal: Refusal, requestId: string): Response {
  const entry: PublicProblem = PROBLEMS[refusal.code];
  const body: ProblemBody = {
    type: "about:blank",
    title: TITLES[entry.status] ?? "Error",
    status: entry.status,
    detail: refusal.detail ?? entry.detail,
    reason: (entry.tellsReason ? refusal.reason : undefined) ?? entry.reason,
    request_id: requestId,
  };
  const headers = new Headers([
    ["content-type", PROBLEM_CONTENT_TYPE],
    ["cache-control", "no-store"],
  ]);
  if (entry.challenge !== undefined) {
    const scope = refusal.scope === undefined ? "" : `, scope="${refusal.scope}"`;
    headers.set("www-authenticate", entry.challenge + scope);
  }
  for (const [name, value] of [...entry.headers ?? [], ...refusal.headers ?? []]) {
    headers.set(name, value);
  }
  return new Response(JSON.stringify(body), {
    status: entry.status,
    statusText: body.title,
    headers,
  });
}

/** The refusal that a thrown error stands for. Anything unknown is `ERR_INTERNAL`. */
export function toRefusal(error: unknown): Refusal {
  if (!isAtiError(error)) return { code: "ERR_INTERNAL" };
  return { code: error.code, reason: error.reason };
}
