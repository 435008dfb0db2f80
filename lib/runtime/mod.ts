/**
 * The edge: everything of the machine that the rest of the house is handed, on Node, Deno and Bun.
 *
 * `openRuntime` opens it; `createEntry` makes a module's default export that each of them runs or serves.
 *
 * @module
 */

export { ERROR_CODES } from "../errors.ts";
export type { ErrorCode } from "../errors.ts";
export { createEntry, isMainModule } from "./entry.ts";
export type { EntryOptions, ServerEntry } from "./entry.ts";
export { openRuntime } from "./open.ts";
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
