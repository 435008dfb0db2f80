/**
 * atikit: the credentials of AI agents, on Web APIs alone.
 *
 * Scoped session tokens, sandbox signatures, a keyring, provider manifests, and a proxy that puts
 * credentials into requests so that sandboxes never hold them; wire-compatible with ATI. Everything
 * here runs unchanged on Node, Deno, Bun, in workers and in browsers: nothing reads the environment,
 * a file or the console, and nothing happens at import. What the machine has to give is handed in
 * through the small interfaces of `ports.ts` ({@link Env}, {@link Files}, {@link Upstream}, ...).
 *
 * Each part is also an entry of its own (`atikit/jwt`, `atikit/scope`, `atikit/signature`,
 * `atikit/session`, `atikit/keyring`, `atikit/manifest`, `atikit/passthrough`, `atikit/proxy`,
 * `atikit/errors`), which loads only what that part needs.
 *
 * @example A token that allows some tools, and what it is worth at the other end
 * ```ts
 * import {
 *   checkScope,
 *   generateHs256Secret,
 *   importSecret,
 *   issueToken,
 *   parseScopes,
 *   validateToken,
 * } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { signingKey, verificationKey } = await importSecret(generateHs256Secret());
 * const token = await issueToken({ sub: "agent-7", scope: "tool:github:* help" }, signingKey);
 *
 * const claims = await validateToken(token, {
 *   keys: [verificationKey],
 *   audiences: ["ati-proxy"],
 * });
 * const granted = parseScopes(claims.scope);
 * assert.equal(checkScope("tool:github:search_repos", granted), true);
 * assert.equal(checkScope("tool:stripe:refund", granted), false);
 * ```
 *
 * @module
 */

// Errors
export {
  AtiError,
  ConfigError,
  EncodingError,
  ERROR_CODES,
  FileError,
  isAtiError,
  JwtError,
  KeyringError,
  ManifestError,
  PassthroughError,
  ScopeError,
  SessionError,
  SignatureError,
} from "./lib/errors.ts";
export type { AtiErrorOptions, ErrorCode, ManifestIssue } from "./lib/errors.ts";

// Session tokens
export {
  computeThumbprint,
  createJwks,
  createTokenVerifier,
  DEFAULT_AUDIENCE,
  generateEs256KeyPair,
  generateHs256Secret,
  importSecret,
  importSigningKey,
  importVerificationKeys,
  inspectToken,
  issueToken,
  loadAudiences,
  loadJwtConfig,
  validateToken,
} from "./lib/jwt/mod.ts";
export type {
  AtiClaim,
  EcPoint,
  EcPrivateJwk,
  EcPublicJwk,
  Es256KeyPair,
  InspectedToken,
  IssueInput,
  IssueOptions,
  JsonWebKeySet,
  Jwks,
  JwtAlgorithm,
  JwtClaimName,
  JwtClaims,
  JwtConfig,
  JwtConfigPorts,
  JwtReason,
  RefusalReason,
  RequiredClaimName,
  SecretKeys,
  SigningKey,
  TokenVerifier,
  TokenVerifierOptions,
  ValidationPolicy,
  VerificationKey,
} from "./lib/jwt/mod.ts";

// Scopes and rates
export {
  buildScopeString,
  checkPassthroughScope,
  checkScope,
  formatPassthroughScope,
  matchesWildcard,
  narrowScopes,
  parsePassthroughScope,
  parseRate,
  parseRates,
  parseScope,
  parseScopes,
  toLegacyAlias,
} from "./lib/scope/mod.ts";
export type {
  NamedScope,
  NamedScopeKind,
  PassthroughAccess,
  PassthroughScope,
  Rate,
  RateRule,
  RateUnit,
  Scope,
  ScopeStringInput,
} from "./lib/scope/mod.ts";

// Sandbox signatures
export {
  createNonceCache,
  parseSandboxSignature,
  parseSigningSecret,
  SANDBOX_JOB_ID_HEADER,
  SANDBOX_SIGNATURE_HEADER,
  signSandboxRequest,
  verifySandboxSignature,
  verifySignedBody,
} from "./lib/signature/mod.ts";
export type {
  NonceCache,
  NonceCacheOptions,
  NonceVerdict,
  ReplayGuard,
  ReplayTerms,
  SandboxSignature,
  SignatureInput,
  SignatureReason,
  SignatureVerdict,
  SignatureVersion,
  SignedRequest,
  SigningInput,
  SignSandboxOptions,
  VerifyBodyOptions,
  VerifySandboxOptions,
} from "./lib/signature/mod.ts";

// Where a session token comes from
export {
  defaultTokenFile,
  resolveSessionToken,
  resolveToken,
  SESSION_TOKEN_VARIABLE,
} from "./lib/session/mod.ts";
export type { ResolvedToken, ResolveSessionOptions, SessionPorts } from "./lib/session/mod.ts";

// Upstream credentials
export {
  assertKeyName,
  assertSealedDirectory,
  DEFAULT_ONE_SHOT_KEY_FILE,
  formatCredentials,
  formatSealingKey,
  generateSealingKey,
  Keyring,
  keyringPaths,
  loadKeyring,
  maskSecret,
  openFromDirectory,
  openKeyring,
  parseCredentials,
  parseEntries,
  parseOnePasswordItem,
  parseSealingKey,
  readCredentials,
  readKeyVariables,
  removeCredential,
  resolveReferences,
  rotateInDirectory,
  sealKeyring,
  sealToDirectory,
  setCredential,
} from "./lib/keyring/mod.ts";
export type {
  KeyringFiles,
  KeyringPaths,
  KeyringPorts,
  KeyringSource,
  LoadedKeyring,
  LoadKeyringInput,
  ParseCredentialsOptions,
  SealedFiles,
} from "./lib/keyring/mod.ts";

// Provider manifests
export { formatManifestIssue, loadManifests, parseManifest } from "./lib/manifest/mod.ts";
export type {
  AuthGenerator,
  AuthType,
  FalStorageDestination,
  GcsDestination,
  Handler,
  InjectTarget,
  LoadedManifests,
  LoadManifestsOptions,
  Manifest,
  OpenapiOverride,
  ParsedManifest,
  ParseManifestOptions,
  PassthroughAuth,
  Provider,
  ResponseFormat,
  Tool,
  ToolMethod,
  ToolResponse,
  UploadDestination,
} from "./lib/manifest/mod.ts";

// Forwarding
export {
  canonicalizeTarget,
  compileGlob,
  compileGlobs,
  compilePathRules,
  createFetchUpstream,
  createRouteTable,
  createSlots,
  filterRequestHeaders,
  filterResponseHeaders,
  forward,
  matchRoute,
  parseHost,
  resolvePath,
} from "./lib/passthrough/mod.ts";
export type {
  CanonicalResult,
  CanonicalTarget,
  Credential,
  CredentialFields,
  ForwardInput,
  ForwardPorts,
  HostName,
  Injection,
  MutableHeaderList,
  PassthroughProvider,
  PathRefusal,
  PathVerdict,
  RequestFilterOptions,
  Route,
  RouteQuery,
  RouteTable,
  SecretSource,
  Slots,
} from "./lib/passthrough/mod.ts";

// The proxy
export {
  createJsonLog,
  createProxy,
  createSourceLoader,
  DEFAULT_EXEMPT_PATHS,
  formatStartError,
  listenProxy,
  openProxy,
  parseProxySettings,
  startProxy,
  VERSION,
} from "./lib/proxy/mod.ts";
export type {
  Health,
  Identity,
  JsonLogOptions,
  OpenProxy,
  ProblemBody,
  ProcessFacts,
  Proxy,
  ProxyConfig,
  ProxyFlags,
  ProxyPorts,
  ProxySettings,
  ProxySources,
  ReloadResult,
  RunningProxy,
  SamplerName,
  SettingsInput,
  SignalSettings,
  SignatureMode,
  SignatureSettings,
  SourcePorts,
  StartupRecord,
  TelemetrySettings,
  Whoami,
} from "./lib/proxy/mod.ts";

// What the machine hands in
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
} from "./lib/ports.ts";
