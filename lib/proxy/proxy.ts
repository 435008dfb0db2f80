/**
 * The proxy: a standard fetch handler that can be reloaded while it serves.
 *
 * @module
 */

import { webHashes } from "../encoding/hashes.ts";
import { AtiError, isAtiError } from "../errors.ts";
import type { FetchHandler } from "../ports.ts";
import { createSlots } from "../passthrough/slots.ts";
import { createNonceCache } from "../signature/nonce_cache.ts";
import { createNamedApp } from "./app.ts";
import { createBodyRoom } from "./body_room.ts";
import { assertServable, assertStartable } from "./checks.ts";
import type { ProxyConfig, ProxyPorts, StartupRecord } from "./config.ts";
import { openObservation } from "./observation.ts";
import { createPipeline } from "./pipeline.ts";
import { describeStartup, prepareState } from "./prepare.ts";
import type { ProxyState } from "./state.ts";

/** How a reload went. */
export type ReloadResult =
  | { readonly ok: true; readonly startup: StartupRecord }
  | {
    readonly ok: false;
    /** Why the old state was kept. */
    readonly error: AtiError;
  };

/** A proxy that is ready to serve. */
export interface Proxy {
  /** Answers a request. Never rejects. */
  readonly fetch: FetchHandler;
  /** What is served now. */
  readonly startup: StartupRecord;
  /**
   * Reads everything anew and swaps it in at once; requests under way keep what they began with. On
   * failure the old state stays in force and the log says why. Calls during a reload share the next
   * one, so that a change made meanwhile is not missed.
   */
  reload(): Promise<ReloadResult>;
  /**
   * Ends it: waits for a reload under way, forgets verified tokens, exports what is left of spans and
   * metrics. The caller stops the server first.
   */
  close(): Promise<void>;
}

/**
 * Creates a proxy: loads its sources, refuses what must not be started, and builds the handler.
 *
 * @param config How it is set up.
 * @param ports What it acts through.
 * @returns The proxy. It does not listen: hand `fetch` to a server.
 * @throws {ConfigError} `ERR_CONFIG` when the configuration must not be started with: broken keys, an
 *   empty audience list, mode `enforce` without a signing secret, no authentication on an address
 *   that others reach, a credentialed upstream on a private address that is blocked. Message and `hint` name the variable and what mends it.
 * @throws {ManifestError} `ERR_MANIFEST` when a manifest is broken.
 * @throws {KeyringError} Any `ERR_KEYRING_*` code when the keyring cannot be opened.
 *
 * @example Usage
 * ```ts
 * import { createFetchUpstream, createProxy, Keyring } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const proxy = await createProxy(
 *   {
 *     version: "1.0.0",
 *     atiDir: "memory",
 *     bind: "127.0.0.1",
 *     port: 8090,
 *     enablePassthrough: false,
 *     signature: { mode: "log", driftSeconds: 60, exemptPaths: ["/health"] },
 *     load: () =>
 *       Promise.resolve({
 *         keyring: new Keyring({}),
 *         keyringSource: "empty (no auth)",
 *         manifests: [],
 *         warnings: [],
 *       }),
 *   },
 *   { upstream: createFetchUpstream(fetch) },
 * );
 * const response = await proxy.fetch(new Request("http://localhost/health"));
 * assert.equal((await response.json()).status, "ok");
 * await proxy.close();
 * ```
 */
export async function createProxy(config: ProxyConfig, ports: ProxyPorts): Promise<Proxy> {
  const { upstream, log = ignoreRecord, hashes = webHashes, now = Date.now } = ports;
  const statePorts = { hashes, now, nonces: createNonceCache(), room: createBodyRoom() };

  async function load(assertSound: typeof assertStartable): Promise<ProxyState> {
    const sources = await config.load();
    const prepared = prepareState(config, sources, assertSound, statePorts);
    for (const { level, message, fields } of prepared.notices) log(level, message, fields);
    return prepared.state;
  }

  let state = await load(assertStartable);
  const observation = await openObservation(config, { ...ports, log, hashes, now });
  const { metrics } = observation;

  async function reloadNow(): Promise<ReloadResult> {
    try {
      state = await load(assertServable);
    } catch (error) {
      const known = isAtiError(error)
        ? error
        : new AtiError("ERR_INTERNAL", "Cannot reload: an unforeseen error");
      log("error", "reload failed: the last good configuration stays in force", {
        error: known.message,
        code: known.code,
        reason: known.reason,
        hint: known.hint,
      });
      metrics.countReload(false);
      return { ok: false, error: known };
    }
    metrics.countReload(true);
    const startup = describeStartup(config, state);
    // What does not change: the address least of all, which may be another than the one asked for.
    const { version: _version, addr: _addr, ati_dir: _directory, ...changeable } = startup;
    log("info", "reloaded", changeable);
    return { ok: true, startup };
  }

  const reload = shareRuns(reloadNow);
  return {
    fetch: createPipeline({
      current: () => state,
      app: createNamedApp({ version: config.version, now, metricsPage: observation.metricsPage }),
      upstream,
      tunnel: observation.tunnel,
      slots: createSlots(),
      privateAddresses: config.privateAddresses,
      observer: observation.observer,
      enablePassthrough: config.enablePassthrough,
    }),
    get startup(): StartupRecord {
      return describeStartup(config, state);
    },
    reload: reload.run,
    async close(): Promise<void> {
      await reload.settle();
      state.verifier?.clear();
      await observation.close();
    },
  };
}

function ignoreRecord(): void {}

interface SharedRuns<Result> {
  run(): Promise<Result>;
  settle(): Promise<void>;
}

/** Lets one run be under way and one wait; whoever asks meanwhile shares the waiting one. */
function shareRuns<Result>(start: () => Promise<Result>): SharedRuns<Result> {
  let active: Promise<Result> | undefined;
  let waiting: Promise<Result> | undefined;

  async function begin(): Promise<Result> {
    try {
      return await start();
    } finally {
      active = undefined;
    }
  }

  function run(): Promise<Result> {
    if (active === undefined) {
      active = begin();
      return active;
    }
    waiting ??= active.then(again, again);
    return waiting;
  }

  function again(): Promise<Result> {
    waiting = undefined;
    return run();
  }

  return {
    run,
    async settle(): Promise<void> {
      await (waiting ?? active)?.catch(() => {/* whoever asked for it was told */});
    },
  };
}
