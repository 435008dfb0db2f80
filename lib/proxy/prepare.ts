/**
 * From settings and sources to a state that may be served: what a start, a reload and `ati proxy check`
 * share.
 *
 * @module
 */

import { formatAddress } from "./address.ts";
import { assertDialable, findNotices } from "./checks.ts";
import type { Notice } from "./checks.ts";
import type { ProxyConfig, StartupRecord } from "./config.ts";
import type { ProxySettings } from "./settings.ts";
import type { ProxySources } from "./sources.ts";
import { buildState } from "./state.ts";
import type { ProxyState, StatePorts } from "./state.ts";
import { VERSION } from "./version.ts";

/** A state, and what is odd about it. */
export interface PreparedState {
  /** The state. */
  readonly state: ProxyState;
  /** What is odd, most serious first. */
  readonly notices: readonly Notice[];
}

/** The configuration of a proxy that is run from settings and reads its sources by `load`. */
export function configureProxy(
  settings: ProxySettings,
  load: () => Promise<ProxySources>,
): ProxyConfig {
  return {
    version: VERSION,
    atiDir: settings.atiDir,
    bind: settings.bind,
    port: settings.port,
    enablePassthrough: settings.enablePassthrough,
    signature: settings.signature,
    privateAddresses: settings.privateAddresses,
    metricsToken: settings.metricsToken,
    telemetry: settings.telemetry,
    load,
  };
}

/**
 * Judges sources and builds a state of them.
 *
 * @param config How the proxy is set up.
 * @param sources What it is to serve from.
 * @param assertSound Judges the sources: `assertStartable` at start, `assertServable` at a reload.
 * @param ports What the state works with.
 * @throws {AtiError} When it must not be served, or cannot be built.
 */
export function prepareState(
  config: ProxyConfig,
  sources: ProxySources,
  assertSound: (config: ProxyConfig, sources: ProxySources) => void,
  ports: StatePorts,
): PreparedState {
  assertSound(config, sources);
  const state = buildState(config, sources, ports);
  assertDialable(config, state);
  return { state, notices: findNotices(config, sources, state) };
}

/** What a state serves, in the field names of the start-up record. */
export function describeStartup(config: ProxyConfig, state: ProxyState): StartupRecord {
  return {
    version: config.version,
    addr: formatAddress(config.bind, config.port),
    auth: state.verifier === undefined ? "DISABLED (no JWT keys configured)" : "JWT enabled",
    ati_dir: config.atiDir,
    ...state.inventory,
    keyring: state.keyringSource,
    db: "disabled",
    passthrough: state.table.routes.length,
    sig_verify_mode: config.signature.mode,
    sig_verify_secret: state.hasSecret,
  };
}
