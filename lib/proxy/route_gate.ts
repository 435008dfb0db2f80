/**
 * The gate of a passthrough route that asks for a session token: who is calling, and may they do
 * this, on exactly the path that is sent?
 *
 * @module
 */

import { chain } from "../chain.ts";
import { isAtiError } from "../errors.ts";
import type { JwtClaims } from "../jwt/claims.ts";
import type { TokenVerifier } from "../jwt/verifier.ts";
import type { CanonicalTarget } from "../passthrough/canonical_path.ts";
import { resolvePath } from "../passthrough/policy.ts";
import type { PathVerdict } from "../passthrough/policy.ts";
import type { Route } from "../passthrough/route_table.ts";
import type { MaybePromise } from "../ports.ts";
import { parseScopes } from "../scope/parse.ts";
import { checkPassthroughScope, formatPassthroughScope } from "../scope/passthrough.ts";
import { identifyByToken, isTokenPresented } from "./identity_gate.ts";
import type { Identity, IdentityVerdict, TokenHeaders } from "./identity_gate.ts";
import type { Refusal } from "./problems.ts";
import type { SignatureOutcome } from "./signature_gate.ts";

/** What the gate decides on. */
export interface RouteFacts {
  /** The route that took the request. */
  readonly route: Route;
  /** The canonical target. */
  readonly target: CanonicalTarget;
  /** Method and header fields of the request. */
  readonly request: Pick<Request, "method" | "headers">;
  /** What the signature gate found; absent where it did not look. */
  readonly signature: SignatureOutcome | undefined;
}

/** The verdict: an identity and what becomes of the path, or a refusal. */
export type RouteVerdict =
  | { readonly ok: true; readonly identity: Identity; readonly path?: PathVerdict | undefined }
  | Extract<IdentityVerdict, { ok: false }>;

/** What is asked of a path before anything is known of the caller. */
type KnownPath = Exclude<PathVerdict, { code: "ERR_PATH_INVALID" }>;

const TOKEN_HEADER = "x-ati-token";
const UNTOKENED: Identity = { authenticatedBy: "none" };
// RFC 7519 §3: a header that is a JSON object, so it begins with the base64url of `{"`.
const JWT_REGEXP = /\beyJ[\w-]*\.[\w-]+\.[\w-]+/;
// What frameworks take in place of the method or the path of the request line.
const OVERRIDES: ReadonlySet<string> = new Set([
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
]);
const TOKEN_DETAIL = "unauthorized: this route needs a session token in Authorization, or in " +
  "X-Ati-Token where the client's own Authorization goes upstream";
const NEITHER: Refusal = {
  code: "ERR_UNAUTHENTICATED",
  reason: "signature_or_token_required",
  detail: "unauthorized: this route needs a valid sandbox signature or a session token",
};
const TOKEN_UPSTREAM: Refusal = {
  code: "ERR_BAD_REQUEST",
  reason: "session_token_in_authorization",
  detail:
    "bad request: Authorization goes upstream on this path and must not hold the session token",
};

/** True for a route on which the signature gate's refusal stands, whatever else the caller shows. */
export function needsSignature({ auth }: Route): boolean {
  return auth === "signature" || auth === "signature+jwt";
}

/** True where nobody asked for a signature and none was sent: there is nothing to tell of it. */
export function isUnaskedFor({ auth }: Route, signature: SignatureOutcome | undefined): boolean {
  return auth === "jwt" && signature?.reason === "missing_signature";
}

/**
 * Decides whether a caller may send this request over the route. In this order: is the path one a
 * route can take (400), who is calling (401), is the path denied, does a scope allow method and path
 * (both 403). So nobody learns a deny rule without a token. The method itself is for `forward`.
 *
 * With `auth = "any"` a valid signature is enough; an exempt path has none, since nobody looked at it.
 * The signature that `signature` and `signature+jwt` ask for is the signature gate's to judge. A
 * request whose header fields name another method or path needs the scope of the whole route. And
 * whoever may go on is refused (400) who would send a session token upstream.
 *
 * @param facts Route, target, request and the signature gate's finding.
 * @param verifier Verifies session tokens; without one no token is valid.
 */
export function authorizeRoute(
  facts: RouteFacts,
  verifier: TokenVerifier | undefined,
): MaybePromise<RouteVerdict> {
  const { route, target, request: { headers }, signature } = facts;
  const isSignatureEnough = route.auth === "signature";
  // By far the most requests: nothing to be found in them.
  if (isSignatureEnough && !JWT_REGEXP.test(headers.get("authorization") ?? "")) {
    return { ok: true, identity: UNTOKENED };
  }
  const path = resolvePath(route, target);
  if (!path.allowed && path.code === "ERR_PATH_INVALID") {
    return { ok: false, refusal: { code: path.code, reason: path.reason } };
  }
  const isEither = route.auth === "any";
  if (isSignatureEnough || (isEither && signature?.valid === true)) {
    return admit(UNTOKENED, facts, path, verifier);
  }
  const sent: TokenHeaders = {
    // What goes upstream is the upstream's: never read, so that it is never taken for a token.
    authorization: path.keepsAuthorization ? null : headers.get("authorization"),
    atiToken: headers.get(TOKEN_HEADER),
  };
  if (isEither && (verifier === undefined || !isTokenPresented(sent))) {
    return { ok: false, refusal: NEITHER };
  }
  return chain(
    identifyByToken(sent, verifier),
    (verdict) => judge(verdict, facts, path, verifier),
  );
}

function judge(
  verdict: IdentityVerdict,
  facts: RouteFacts,
  path: KnownPath,
  verifier: TokenVerifier | undefined,
): MaybePromise<RouteVerdict> {
  if (!verdict.ok) return { ok: false, refusal: explain(verdict.refusal) };
  const { identity } = verdict;
  const refusal = refuseAccess(identity.claims, facts, path);
  return refusal === undefined
    ? admit(identity, facts, path, verifier)
    : { ok: false, refusal, identity };
}

/** A session token must not go upstream, also where its holder sends it so. */
function admit(
  identity: Identity,
  { request: { headers } }: RouteFacts,
  path: KnownPath,
  verifier: TokenVerifier | undefined,
): MaybePromise<RouteVerdict> {
  const admitted = { ok: true, identity, path } as const;
  if (!path.keepsAuthorization) return admitted;
  const refused = { ok: false, refusal: TOKEN_UPSTREAM, identity } as const;
  if (repeatsToken(headers)) return refused;
  // Not the token that was shown, but one of ours all the same.
  const found = JWT_REGEXP.exec(headers.get("authorization") ?? "")?.[0];
  if (found === undefined || verifier === undefined) return admitted;
  return chain(
    identifyByToken({ authorization: null, atiToken: found }, verifier),
    ({ ok }) => ok ? refused : admitted,
  );
}

function repeatsToken(headers: Headers): boolean {
  const token = headers.get(TOKEN_HEADER)?.trim().split(" ").at(-1) ?? "";
  return token !== "" && (headers.get("authorization") ?? "").split(/[\s,]+/).includes(token);
}

function explain(refusal: Refusal): Refusal {
  return refusal.code === "ERR_UNAUTHENTICATED" ? { ...refusal, detail: TOKEN_DETAIL } : refusal;
}

function refuseAccess(
  claims: JwtClaims | undefined,
  { route: { scope }, request: { method, headers } }: RouteFacts,
  path: KnownPath,
): Refusal | undefined {
  if (!path.allowed) return { code: path.code, reason: path.reason };
  const granted = readScopes(claims);
  const everything = { scope, method: "*", path: "/*" };
  if (checkPassthroughScope(everything, granted)) return undefined;
  // The method as `forward` sends it.
  const access = isOverridden(headers)
    ? everything
    : { scope, method: method.toUpperCase(), path: path.path };
  if (checkPassthroughScope(access, granted)) return undefined;
  const needed = formatPassthroughScope(access);
  return {
    code: "ERR_SCOPE_DENIED",
    reason: "insufficient_scope",
    detail: `forbidden: this request needs scope "${needed}" or a wider one`,
    scope: needed,
  };
}

/** True where an upstream might act on another method or path than the one a scope was compared with. */
function isOverridden(headers: Headers): boolean {
  for (const name of headers.keys()) {
    // CGI-style servers read `_` as `-`.
    if (name.startsWith("x") && OVERRIDES.has(name.replaceAll("_", "-"))) return true;
  }
  return false;
}

function readScopes(claims: JwtClaims | undefined): readonly string[] {
  try {
    return parseScopes(claims?.scope ?? "");
  } catch (error) {
    if (!isAtiError(error)) throw error;
    // More scopes than are looked at: none of them is.
    return [];
  }
}
