/** The proxy's own pages: health, keys, and who the caller is. @module */

import { JWKS_MAX_AGE_SECONDS } from "../limits.ts";
import { parseScopes } from "../scope/parse.ts";
import type { Identity } from "./identity_gate.ts";
import type { ProxyState } from "./state.ts";

/** The body of `GET /health`. */
export interface Health {
  /** Always `ok`: an answer is the sign of life. */
  readonly status: "ok";
  /** Version of atikit. */
  readonly version: string;
  /** Tools that listings show. */
  readonly tools: number;
  /** Providers. */
  readonly providers: number;
  /** Local skills. */
  readonly skills: number;
  /** `jwt` when session tokens are verified. */
  readonly auth: "jwt" | "disabled";
  /** `connected` when a database is configured. */
  readonly db: "disabled" | "connected";
}

/** The body of `GET /whoami`; `null` where a token does not say. */
export interface Whoami {
  /** How the caller was authenticated; `none` when authentication is disabled. */
  readonly authenticated_by: Identity["authenticatedBy"];
  /** Subject of the token; `dev` without authentication, as the reference. */
  readonly sub: string;
  /** Scopes held; `*` without authentication. */
  readonly scopes: readonly string[];
  /** When the token ends, RFC 3339. */
  readonly expires_at: string | null;
  /** Seconds left, never below 0. */
  readonly expires_in_seconds: number | null;
  /** Audience. */
  readonly aud: string | readonly string[] | null;
  /** Issuer. */
  readonly iss: string | null;
  /** Job of the sandbox. */
  readonly job_id: string | null;
  /** The sandbox. */
  readonly sandbox_id: string | null;
  /** Id of the token. */
  readonly jti: string | null;
}

/** Answers `GET /health`. */
export function showHealth(state: ProxyState, version: string): Response {
  const { tools, providers, skills } = state.inventory;
  const auth = state.verifier === undefined ? "disabled" : "jwt";
  const health: Health = { status: "ok", version, tools, providers, skills, auth, db: "disabled" };
  return createJson(JSON.stringify(health), { "cache-control": "no-store" });
}

/** Answers `GET /.well-known/jwks.json` (RFC 7517 §5); 404 without a public key. */
export function showJwks(state: ProxyState): Response {
  if (state.jwks === undefined) {
    return createJson('{"error":"JWKS not configured"}', { "cache-control": "no-store" }, 404);
  }
  return createJson(state.jwks, { "cache-control": `public, max-age=${JWKS_MAX_AGE_SECONDS}` });
}

/** Answers `GET /whoami`: what the proxy knows of the caller, nothing the token does not say. */
export function showIdentity(identity: Identity, nowMs: number): Response {
  return createJson(JSON.stringify(describeIdentity(identity, nowMs)), {
    "cache-control": "no-store",
  });
}

function describeIdentity({ authenticatedBy, claims }: Identity, nowMs: number): Whoami {
  return {
    authenticated_by: authenticatedBy,
    sub: claims?.sub ?? "dev",
    scopes: claims === undefined ? ["*"] : parseScopes(claims.scope),
    expires_at: claims === undefined ? null : new Date(claims.exp * 1000).toISOString(),
    expires_in_seconds: claims === undefined
      ? null
      : Math.max(0, Math.floor(claims.exp - nowMs / 1000)),
    aud: claims?.aud ?? null,
    iss: claims?.iss ?? null,
    job_id: claims?.job_id ?? null,
    sandbox_id: claims?.sandbox_id ?? null,
    jti: claims?.jti ?? null,
  };
}

function createJson(
  body: string,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
