/**
 * What a proxy is made of: its configuration, its ports, and the record of what it serves.
 *
 * @module
 */

import type { AddressPolicy, Clock, FetchLike, Hashes, Log, Tunnel, Upstream } from "../ports.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import type { ProcessFacts } from "./_metric_families.ts";
import type { SignatureSettings } from "./settings.ts";
import type { ProxySources } from "./sources.ts";

/** Keyring entry of the secret that sandboxes and proxy share. */
export const SIGNING_SECRET_NAME = "sandbox_signing_shared_secret";

/** How a proxy is set up. */
export interface ProxyConfig {
  /** Version shown by `/health` and the start-up record. */
  readonly version: string;
  /** Where the sources come from, for the start-up record. */
  readonly atiDir: string;
  /** IP literal it is to listen on: without authentication only a loopback one is accepted. */
  readonly bind: string;
  /** Port it is to listen on. */
  readonly port: number;
  /** True: passthrough manifests are served. */
  readonly enablePassthrough: boolean;
  /** How sandbox signatures are judged. */
  readonly signature: SignatureSettings;
  /** What is done where a route with a credential would dial a private address; default `allow`. */
  readonly privateAddresses?: AddressPolicy | undefined;
  /** Opens `/metrics` to whoever shows it; absent: to callers on this machine only. */
  readonly metricsToken?: string | undefined;
  /** Where spans and metrics are exported to; absent: nowhere. */
  readonly telemetry?: TelemetrySettings | undefined;
  /** Reads keys, credentials and manifests; called at start and at each reload. */
  readonly load: () => Promise<ProxySources>;
}

/** What a proxy acts through. */
export interface ProxyPorts {
  /** The upstream call, for example of `createFetchUpstream(fetch)`. */
  readonly upstream: Upstream;
  /** The upstream call for WebSockets; without one no upgrade is relayed. */
  readonly tunnel?: Tunnel | undefined;
  /** Takes log records; default none. */
  readonly log?: Log | undefined;
  /** Hash primitives; default Web Crypto. Synchronous ones keep the gates synchronous. */
  readonly hashes?: Hashes | undefined;
  /** Clock; default `Date.now`. */
  readonly now?: Clock | undefined;
  /** What exports go out through; default the `fetch` of the platform. */
  readonly fetch?: FetchLike | undefined;
  /** What the metrics tell of the process. */
  readonly processFacts?: ProcessFacts | undefined;
}

/** What a proxy serves, in the field names of the start-up log record. */
export interface StartupRecord {
  /** Version of atikit. */
  readonly version: string;
  /** Address and port. */
  readonly addr: string;
  /** `JWT enabled` or `DISABLED (no JWT keys configured)`. */
  readonly auth: string;
  /** State directory. */
  readonly ati_dir: string;
  /** Tools that listings show. */
  readonly tools: number;
  /** Providers, of every handler. */
  readonly providers: number;
  /** Providers with handler `mcp`. */
  readonly mcp: number;
  /** Providers with handler `openapi`. */
  readonly openapi: number;
  /** Local skills. */
  readonly skills: number;
  /** Where the keyring came from. */
  readonly keyring: string;
  /** `disabled` or `connected`. */
  readonly db: "disabled" | "connected";
  /** Passthrough routes served. */
  readonly passthrough: number;
  /** `log`, `warn` or `enforce`. */
  readonly sig_verify_mode: string;
  /** True when there is a signing secret. */
  readonly sig_verify_secret: boolean;
}

/** True when nothing identifies any caller: no tokens, and signatures that do not refuse. */
export function isOpen(config: ProxyConfig, sources: Pick<ProxySources, "jwt">): boolean {
  return sources.jwt === undefined && config.signature.mode !== "enforce";
}
