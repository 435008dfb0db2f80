/** Passthrough providers for tests. @module */

import type { CanonicalTarget } from "../../lib/passthrough/canonical_path.ts";
import { canonicalizeTarget } from "../../lib/passthrough/canonical_path.ts";
import { createRouteTable } from "../../lib/passthrough/route_table.ts";
import type { PassthroughProvider, Route } from "../../lib/passthrough/route_table.ts";

/** The credential that tests look for. */
export const SECRET = "canary-secret-0123456789";

/** A keyring of one entry, `api_key`. */
export const KEYRING: ReadonlyMap<string, string> = new Map([["api_key", SECRET]]);

/** A provider with the defaults of a manifest. */
export function makeProvider(parts: Partial<PassthroughProvider> = {}): PassthroughProvider {
  return {
    name: "api",
    handler: "passthrough",
    base_url: "http://upstream.example/base",
    auth_type: "none",
    extra_headers: {},
    path_prefix: "/x",
    strip_prefix: true,
    deny_paths: [],
    forward_authorization_paths: [],
    connect_timeout_seconds: 5,
    read_timeout_seconds: 300,
    idle_timeout_seconds: 60,
    total_timeout_seconds: 0,
    max_request_bytes: 1000,
    max_response_bytes: 2000,
    allow_missing_credential: false,
    allow_encoded_slash: false,
    allow_empty_segments: false,
    auth: "signature",
    redact_response: false,
    max_concurrent_requests: 0,
    forward_websockets: false,
    websocket_idle_timeout_seconds: 600,
    max_message_bytes: 0,
    ...parts,
  };
}

/** The route of such a provider. */
export function makeRoute(
  parts: Partial<PassthroughProvider> = {},
  keyring: { get(name: string): string | undefined } = KEYRING,
): Route {
  return createRouteTable([makeProvider(parts)], keyring).routes[0]!;
}

/** The canonical form of a target that has one. */
export function makeTarget(rawTarget: string): CanonicalTarget {
  const result = canonicalizeTarget(rawTarget);
  if (!result.ok) throw new TypeError(`the target is refused: ${result.reason}`);
  return result.target;
}
