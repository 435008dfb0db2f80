/**
 * What a passthrough manifest must hold across fields. A slip here opens a route or loses a
 * credential, so that doubt is an error.
 *
 * @module
 */

import type { Report } from "./_findings.ts";
import { PROXY_HEADERS } from "./proxy_headers.ts";
import type { Provider } from "./types.ts";

// As a token narrows a scope: to a method, and perhaps a path. A route that asks for such a scope would
// be open to whoever may do that much on another one. `passthrough:<name>` is no such scope.
const NARROWED_SCOPE_REGEXP = /^(?:passthrough:.+?|(?!passthrough:).+?):[A-Z][A-Z-]*(?::\/.*)?$/;

/** Checks the fields a passthrough reads; `given` are the keys that stand in the file. */
export function checkPassthrough(
  provider: Provider,
  given: readonly string[],
  report: Report,
): void {
  if (provider.base_url === "") {
    report("error", ["provider", "base_url"], `Is missing: handler "passthrough" needs it`);
  }
  if (!given.includes("host_match") && !given.includes("path_prefix")) {
    report("error", ["provider"], `Needs path_prefix or host_match: handler "passthrough"`);
  }
  if (provider.auth_type === "oauth2") {
    report("warning", ["provider", "auth_type"], `A passthrough sends no "oauth2" credential`);
  }
  if (provider.auth_generator !== undefined) {
    report("warning", ["provider", "auth_generator"], "A passthrough runs no generator");
  }
  checkScope(provider, report);
  if (provider.redact_response && provider.forward_websockets) {
    const message =
      "Cannot be had with forward_websockets: what goes over a WebSocket is not redacted";
    report("error", ["provider", "redact_response"], message);
  }
  checkHeaders(provider, report);
}

function checkScope({ auth, scope }: Provider, report: Report): void {
  if (scope === undefined) return;
  const path = ["provider", "scope"];
  if (NARROWED_SCOPE_REGEXP.test(scope)) {
    report("error", path, 'Must not end like ":GET" or ":GET:/v1": so a token narrows a scope');
  }
  if (auth === "signature") {
    report("warning", path, `Has no effect: auth "signature" asks for no token`);
  }
}

function checkHeaders(provider: Provider, report: Report): void {
  const authHeader = authHeaderOf(provider);
  if (authHeader !== undefined && PROXY_HEADERS.has(authHeader)) {
    report("error", ["provider", "auth_header_name"], "Must not be a header the proxy writes");
  }
  const seen = new Set<string>();
  for (const name of Object.keys(provider.extra_headers)) {
    const lower = name.toLowerCase();
    const path = ["provider", "extra_headers", name];
    if (lower === "host") report("error", path, "Must not be Host: use host_override");
    else if (PROXY_HEADERS.has(lower)) {
      report("error", path, "Must not be a header the proxy writes");
    } else if (lower === authHeader) {
      report("error", path, "Must not be the header that carries the credential");
    } else if (seen.has(lower)) report("error", path, "Is set twice: header names ignore case");
    seen.add(lower);
  }
}

function authHeaderOf(provider: Provider): string | undefined {
  switch (provider.auth_type) {
    case "bearer":
    case "basic":
      return "authorization";
    case "header":
      return (provider.auth_header_name ?? "X-Api-Key").toLowerCase();
    default:
      return undefined;
  }
}
