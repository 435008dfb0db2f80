/**
 * The passthrough: which route a request takes, what of it goes upstream, and how both bodies stream.
 *
 * A request target becomes one canonical path or is refused; everything after that (routing, deny
 * rules, authorization, the upstream URL) is decided on that path. Credentials are put in at the end,
 * from closures that nothing prints. Standards: RFC 3986 and the WHATWG URL Standard for paths,
 * RFC 9110 and RFC 9112 for messages, the Fetch Standard for the portable upstream call.
 *
 * Deviations: `Forwarded`, `X-Forwarded-*` and `Via` go through as the client sent them; a method's case
 * is folded to upper case; dot segments are refused where RFC 3986 §5.2.4 would resolve them.
 *
 * @example Usage
 * ```ts
 * import { canonicalizeTarget, createRouteTable, matchRoute, parseManifest } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const text = `[provider]
 * name = "chat"
 * description = "Chat"
 * handler = "passthrough"
 * base_url = "https://api.example.com"
 * path_prefix = "/chat"`;
 * const { manifest } = parseManifest(text, { file: "chat.toml" });
 * const table = createRouteTable([manifest.provider], new Map());
 *
 * const result = canonicalizeTarget("/%63hat/models");
 * assert.ok(result.ok);
 * const { path } = result.target;
 * assert.equal(matchRoute(table, { host: "localhost", path })?.name, "chat");
 * ```
 *
 * @module
 */

export { canonicalizeTarget } from "./canonical_path.ts";
export { createFetchUpstream } from "./fetch_upstream.ts";
export { createRouteTable, matchRoute } from "./route_table.ts";
export { compileGlob, compileGlobs } from "./glob.ts";
export { compilePathRules } from "./path_rules.ts";
export { filterRequestHeaders, filterResponseHeaders } from "./headers.ts";
export { forward } from "./forward.ts";
export { parseHost } from "./host.ts";
export { resolvePath } from "./policy.ts";
export { createSlots } from "./slots.ts";

export type { CanonicalResult, CanonicalTarget, PathRefusal } from "./canonical_path.ts";
export type { Credential, CredentialFields, Injection, SecretSource } from "./credentials.ts";
export type { ForwardInput, ForwardPorts } from "./forward.ts";
export type { HostName } from "./host.ts";
export type { MutableHeaderList, RequestFilterOptions } from "./headers.ts";
export type { PassthroughProvider, Route, RouteQuery, RouteTable } from "./route_table.ts";
export type { PathVerdict } from "./policy.ts";
export type { Slots } from "./slots.ts";
export { ERROR_CODES } from "../errors.ts";
export type { ErrorCode } from "../errors.ts";
export type {
  AuthGenerator,
  AuthType,
  FalStorageDestination,
  GcsDestination,
  Handler,
  InjectTarget,
  OpenapiOverride,
  Provider,
  ResponseFormat,
  UploadDestination,
} from "../manifest/types.ts";
export type {
  AddressPolicy,
  ByteTransform,
  Deadlines,
  FetchLike,
  FetchQuirks,
  HeaderList,
  ResponseParts,
  StreamEnd,
  Tunnel,
  TunnelRequest,
  Upstream,
  UpstreamRequest,
  UpstreamResponse,
} from "../ports.ts";
