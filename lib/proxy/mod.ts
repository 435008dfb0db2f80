/**
 * The proxy: gates, named routes and passthrough behind one standard fetch handler.
 *
 * `createProxy` builds the handler from configuration and ports and runs anywhere; `startProxy` runs
 * it on a machine: it reads settings, listens, reloads on SIGHUP, drains on SIGTERM.
 *
 * Errors are answered as problems (RFC 9457), refused tokens with a challenge (RFC 6750 §3).
 *
 * @module
 */

export type { ProcessFacts } from "./metrics.ts";
export type { ProxyConfig, ProxyPorts, StartupRecord } from "./config.ts";
export { createJsonLog } from "./log.ts";
export type { JsonLogOptions } from "./log.ts";
export type { ProblemBody } from "./problems.ts";
export { createProxy } from "./proxy.ts";
export type { Proxy, ReloadResult } from "./proxy.ts";
export type { Health, Whoami } from "./routes.ts";
export { DEFAULT_EXEMPT_PATHS, parseProxySettings } from "./settings.ts";
export type {
  ProxyFlags,
  ProxySettings,
  SettingsInput,
  SignatureMode,
  SignatureSettings,
} from "./settings.ts";
export { createSourceLoader } from "./sources.ts";
export type { ProxySources, SourcePorts } from "./sources.ts";
export { listenProxy, openProxy, startProxy } from "./start.ts";
export type { OpenProxy, RunningProxy } from "./start.ts";
export { formatStartError } from "./start_error.ts";
export { VERSION } from "./version.ts";
export type { Identity } from "./identity_gate.ts";
export type { SamplerName, SignalSettings, TelemetrySettings } from "../telemetry/settings.ts";
export { AtiError, ConfigError, ERROR_CODES } from "../errors.ts";
export type { AtiErrorOptions, ErrorCode, ManifestIssue } from "../errors.ts";
export type { AtiClaim, JwtClaims } from "../jwt/claims.ts";
export type { JwtConfig } from "../jwt/config.ts";
export type { EcPoint, EcPublicJwk } from "../jwt/jwk.ts";
export type { JwtAlgorithm, SigningKey, VerificationKey } from "../jwt/keys.ts";
export { Keyring } from "../keyring/keyring.ts";
export type { KeyringFiles } from "../keyring/load.ts";
export type {
  AuthGenerator,
  AuthType,
  FalStorageDestination,
  GcsDestination,
  Handler,
  InjectTarget,
  Manifest,
  OpenapiOverride,
  Provider,
  ResponseFormat,
  Tool,
  ToolMethod,
  ToolResponse,
  UploadDestination,
} from "../manifest/types.ts";
export type {
  AddressPolicy,
  ByteTransform,
  Clock,
  CreateFetchUpstream,
  Deadlines,
  Env,
  FetchHandler,
  FetchLike,
  FetchQuirks,
  FileFacts,
  Files,
  FileStore,
  Hashes,
  HeaderList,
  LineSink,
  Listen,
  Listener,
  ListenOptions,
  Log,
  LogLevel,
  MaybePromise,
  OpenUpstream,
  ProcessUsage,
  RequestBody,
  RequestInfo,
  ResponseParts,
  Runtime,
  Schedule,
  SignalName,
  Signals,
  Spawn,
  SpawnOptions,
  SpawnResult,
  StreamEnd,
  Terminal,
  Tunnel,
  TunnelRequest,
  Upstream,
  UpstreamOptions,
  UpstreamRequest,
  UpstreamResponse,
  WriteOptions,
} from "../ports.ts";
