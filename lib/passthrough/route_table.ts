/**
 * The route table: every passthrough provider compiled into a route, and which one a request takes.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { Deadlines } from "../ports.ts";
import type { PassthroughAuth, Provider } from "../manifest/types.ts";
import {
  compileRules,
  inField,
  parseBaseUrl,
  parseHostMatch,
  parseHostOverride,
  parsePrefix,
  toMilliseconds,
} from "./_route_fields.ts";
import { createCredential } from "./credentials.ts";
import type { Credential, CredentialFields, SecretSource } from "./credentials.ts";
import { parseHost } from "./host.ts";
import type { HostName } from "./host.ts";

/** The fields of a provider that a route is made of. */
export type PassthroughProvider =
  & CredentialFields
  & Pick<
    Provider,
    | "name"
    | "handler"
    | "base_url"
    | "host_match"
    | "path_prefix"
    | "strip_prefix"
    | "path_replace"
    | "host_override"
    | "deny_paths"
    | "forward_authorization_paths"
    | "connect_timeout_seconds"
    | "read_timeout_seconds"
    | "idle_timeout_seconds"
    | "total_timeout_seconds"
    | "max_request_bytes"
    | "max_response_bytes"
    | "allow_missing_credential"
    | "allow_encoded_slash"
    | "allow_empty_segments"
    | "allow_methods"
    | "auth"
    | "scope"
    | "redact_response"
    | "max_concurrent_requests"
    | "forward_websockets"
    | "websocket_idle_timeout_seconds"
    | "max_message_bytes"
  >;

/** One passthrough route, compiled. Holds no secret that can be printed or enumerated. */
export interface Route extends Credential {
  /** The provider's name. */
  readonly name: string;
  /** Host it takes, lower case, with `:port` where the manifest names one; absent: every host. */
  readonly hostMatch?: string | undefined;
  /** Path prefix it takes; absent: every path. Never `/`. */
  readonly pathPrefix?: string | undefined;
  /** True: the prefix is removed before forwarding. */
  readonly stripPrefix: boolean;
  /** `[from, to]`: a leading `from` becomes `to`, after stripping. */
  readonly pathReplace?: readonly [from: string, to: string] | undefined;
  /** Scheme, host and port of the upstream, without a slash at the end. */
  readonly origin: string;
  /** Path of the upstream, without a slash at the end; may be empty. */
  readonly basePath: string;
  /** `Host` to send instead of the origin's. */
  readonly hostOverride?: string | undefined;
  /** True for a rewritten path that is refused. */
  isDenied(path: string): boolean;
  /** True for a rewritten path on which the client's own `Authorization` is kept. */
  keepsAuthorization(path: string): boolean;
  /** Methods that are forwarded, upper case; absent: all but `CONNECT` and `TRACE`. */
  readonly allowMethods?: readonly string[] | undefined;
  /** True: `%2F` inside the path is let through. */
  readonly allowEncodedSlash: boolean;
  /** True: `//` inside the path is let through. */
  readonly allowEmptySegments: boolean;
  /** True: without its credential a request is forwarded bare. */
  readonly allowMissingCredential: boolean;
  /** Deadlines of an exchange. */
  readonly deadlines: Deadlines;
  /** How long an unused upstream connection is kept, in milliseconds. */
  readonly keepAliveMs: number;
  /** Most bytes of a request body; 0: no limit. */
  readonly maxRequestBytes: number;
  /** Most bytes of a response body; 0: no limit. */
  readonly maxResponseBytes: number;
  /** What a caller must show. */
  readonly auth: PassthroughAuth;
  /** Scope that a session token must hold, whole or for the request's method and path. */
  readonly scope: string;
  /** True: injected secrets are taken out of response bodies. */
  readonly redactsBody: boolean;
  /** Most requests forwarded at once; 0: no limit. */
  readonly maxConcurrent: number;
  /** True: WebSocket upgrades are relayed. */
  readonly forwardsWebSockets: boolean;
  /** How long a WebSocket may be silent both ways, in milliseconds; 0: no limit. */
  readonly webSocketIdleMs: number;
  /** Most bytes of one WebSocket message; 0: no limit. */
  readonly maxMessageBytes: number;
}

/** Routes in the order they are tried. */
export interface RouteTable {
  /** Host routes first, then longer prefixes first, then manifest order. */
  readonly routes: readonly Route[];
}

/** What routing looks at. */
export interface RouteQuery {
  /** The `Host` header. */
  readonly host: string;
  /** The canonical path. */
  readonly path: string;
}

const NO_HOST: HostName = { name: "", port: undefined };

/**
 * Compiles the passthrough providers among `providers` into routes; others are left out.
 *
 * @param providers Providers as loaded from manifests.
 * @param keyring Where credentials come from. A missing one is no error here: see `missingCredential`.
 * @throws {ConfigError} `ERR_CONFIG` naming the provider and field, for a bad URL, host, prefix, glob,
 * header, or a credential that no header can carry.
 *
 * @example Usage
 * ```ts
 * import { createRouteTable, matchRoute, parseManifest } from "atikit";
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
 * const table = createRouteTable([manifest.provider], new Map([["chat_key", "canary"]]));
 *
 * assert.equal(matchRoute(table, { host: "localhost", path: "/chat/models" })?.name, "chat");
 * assert.equal(matchRoute(table, { host: "localhost", path: "/chatter" }), undefined);
 * assert.ok(!JSON.stringify(table).includes("canary"));
 * ```
 */
export function createRouteTable(
  providers: readonly PassthroughProvider[],
  keyring: SecretSource,
): RouteTable {
  const routes = providers
    .filter((provider) => provider.handler === "passthrough")
    .map((provider) => createRoute(provider, keyring));
  return { routes: routes.toSorted(compareRoutes) };
}

/**
 * The route a request takes, or `undefined`.
 *
 * A route takes a request when its host, where it names one, equals the request's without regard to
 * case, and its prefix, where it has one, equals the path or is followed by `/` in it. A host without
 * port takes every port.
 *
 * @param table The table.
 * @param query Host and canonical path of the request.
 */
export function matchRoute(table: RouteTable, query: RouteQuery): Route | undefined {
  let host: HostName | undefined;
  for (const route of table.routes) {
    if (route.hostMatch !== undefined) {
      host ??= parseHost(query.host) ?? NO_HOST;
      if (!matchesHost(route.hostMatch, host)) continue;
    }
    if (route.pathPrefix === undefined || hasPrefix(query.path, route.pathPrefix)) return route;
  }
  return undefined;
}

/** A route that no request ever reaches, and the one that takes its requests. */
export interface HiddenRoute {
  /** The route that is never reached. */
  readonly route: Route;
  /** The route before it that takes whatever it would. */
  readonly behind: Route;
}

/** Finds the routes that an earlier one hides wholly: it takes their host and their prefix. */
export function findHiddenRoutes({ routes }: RouteTable): readonly HiddenRoute[] {
  return routes.flatMap((route, index) => {
    const behind = routes.slice(0, index).find((earlier) => hides(earlier, route));
    return behind === undefined ? [] : [{ route, behind }];
  });
}

function hides(earlier: Route, later: Route): boolean {
  return takesHost(earlier, later.hostMatch) &&
    (earlier.pathPrefix === undefined ||
      (later.pathPrefix !== undefined && hasPrefix(later.pathPrefix, earlier.pathPrefix)));
}

function takesHost({ hostMatch }: Route, host: string | undefined): boolean {
  if (hostMatch === undefined) return true;
  const name = host === undefined ? undefined : parseHost(host);
  return name !== undefined && matchesHost(hostMatch, name);
}

function matchesHost(wanted: string, host: HostName): boolean {
  return wanted === host.name ||
    (host.port !== undefined && wanted === `${host.name}:${host.port}`);
}

function hasPrefix(path: string, prefix: string): boolean {
  return path.startsWith(prefix) &&
    (path.length === prefix.length || path[prefix.length] === "/");
}

function compareRoutes(a: Route, b: Route): number {
  return Number(a.hostMatch === undefined) - Number(b.hostMatch === undefined) ||
    (b.pathPrefix?.length ?? 0) - (a.pathPrefix?.length ?? 0);
}

function createRoute(provider: PassthroughProvider, keyring: SecretSource): Route {
  const at = (field: string): string => `Cannot build route "${provider.name}": ${field}`;
  if (provider.redact_response && provider.forward_websockets) {
    throw new ConfigError(`${at("redact_response")} cannot hold for WebSockets`);
  }
  const base = parseBaseUrl(provider.base_url, at("base_url"));
  return {
    ...inField(at("credential"), () => createCredential(provider, keyring)),
    name: provider.name,
    hostMatch: parseHostMatch(provider.host_match, at("host_match")),
    pathPrefix: parsePrefix(provider.path_prefix, at("path_prefix")),
    stripPrefix: provider.strip_prefix,
    pathReplace: provider.path_replace,
    origin: base.origin,
    basePath: base.pathname.replace(/\/+$/, ""),
    hostOverride: parseHostOverride(provider.host_override, at("host_override")),
    isDenied: compileRules(provider.deny_paths, at("deny_paths")),
    keepsAuthorization: compileRules(
      provider.forward_authorization_paths,
      at("forward_authorization_paths"),
    ),
    allowMethods: provider.allow_methods?.map((method) => method.toUpperCase()),
    allowEncodedSlash: provider.allow_encoded_slash,
    allowEmptySegments: provider.allow_empty_segments,
    allowMissingCredential: provider.allow_missing_credential,
    deadlines: {
      connectMs: toMilliseconds(provider.connect_timeout_seconds),
      headersMs: toMilliseconds(provider.read_timeout_seconds),
      idleMs: toMilliseconds(provider.read_timeout_seconds),
      totalMs: toMilliseconds(provider.total_timeout_seconds),
    },
    keepAliveMs: toMilliseconds(provider.idle_timeout_seconds),
    maxRequestBytes: provider.max_request_bytes,
    maxResponseBytes: provider.max_response_bytes,
    auth: provider.auth,
    scope: provider.scope ?? `passthrough:${provider.name}`,
    redactsBody: provider.redact_response,
    maxConcurrent: provider.max_concurrent_requests,
    forwardsWebSockets: provider.forward_websockets,
    webSocketIdleMs: toMilliseconds(provider.websocket_idle_timeout_seconds),
    maxMessageBytes: provider.max_message_bytes,
  };
}
