/**
 * From settings to a server that runs: open, listen, reload on SIGHUP and on changed files, drain on
 * SIGTERM.
 *
 * @module
 */

import { DRAIN_GRACE_MS, LOG_FLUSH_MS } from "../limits.ts";
import { createFetchUpstream } from "../passthrough/fetch_upstream.ts";
import type { Listener, ListenOptions, Log, Runtime } from "../ports.ts";
import { formatAddress } from "./address.ts";
import { createFileJournal } from "./file_journal.ts";
import { createAddressNotice } from "./address_notice.ts";
import { createJsonLog } from "./log.ts";
import { configureProxy } from "./prepare.ts";
import { createProxy } from "./proxy.ts";
import type { Proxy, ReloadResult } from "./proxy.ts";
import type { ProxySettings } from "./settings.ts";
import { createSourceLoader } from "./sources.ts";
import { watchFiles } from "./watch.ts";

/** A proxy with its ports opened; something else listens for it. */
export interface OpenProxy {
  /** The proxy. Reloads on SIGHUP and, where told to watch, when files change. */
  readonly proxy: Proxy;
  /** Where its settings say that it listens. */
  readonly address: ListenOptions;
  /** Its log. */
  readonly log: Log;
  /** Writes the start-up record, once it is known where the server listens. */
  announce(address: ListenOptions): void;
  /** Ends it, once no request comes any more: upstream connections are closed, the log is flushed. */
  close(): Promise<void>;
}

/** A proxy that listens. */
export interface RunningProxy {
  /** Where it listens, for example `http://127.0.0.1:8090`. */
  readonly url: string;
  /** The actual port. */
  readonly port: number;
  /** Resolves when it has stopped, by signal or by `stop`. */
  readonly stopped: Promise<void>;
  /** Reads keys, credentials and manifests anew, as SIGHUP does. */
  reload(): Promise<ReloadResult>;
  /** Stops accepting and lets requests finish for 10 s; called again it cuts them off. */
  stop(): Promise<void>;
}

/**
 * Opens a proxy for a server that is not ours (`deno serve`, a worker): loads the sources, opens log
 * and upstream, reloads on SIGHUP and on changed files. Does not listen.
 *
 * @param settings What it is told.
 * @param runtime The machine.
 * @throws {AtiError} As `createProxy`.
 */
export async function openProxy(settings: ProxySettings, runtime: Runtime): Promise<OpenProxy> {
  const sink = runtime.openLog();
  const log = createJsonLog(sink, { level: settings.logLevel });
  const opened = await runtime.openUpstream(createFetchUpstream, {
    onPrivateAddress: createAddressNotice(log),
  });
  const journal = createFileJournal(runtime.files);
  const load = createSourceLoader(settings, { env: runtime.env, files: journal.files });
  const readSources = settings.watch ? () => journal.record(load) : load;
  let proxy: Proxy;
  try {
    proxy = await createProxy(configureProxy(settings, readSources), {
      upstream: opened.upstream,
      tunnel: opened.tunnel,
      hashes: runtime.hashes,
      log,
      processFacts: {
        runtime: `${runtime.name} ${runtime.version}`,
        droppedLogLines: sink.dropped,
        usage: runtime.usage,
      },
    });
  } catch (error) {
    await opened.close();
    throw error;
  }
  const ignoreHangup = runtime.signals.on("SIGHUP", () => void proxy.reload());
  const { reload } = proxy;
  const { schedule } = runtime;
  const endWatch = settings.watch ? watchFiles({ journal, reload, schedule, log }) : undefined;
  return {
    proxy,
    address: { hostname: settings.bind, port: settings.port },
    log,
    announce({ hostname, port }): void {
      const addr = formatAddress(hostname, port);
      log("info", "ATI proxy server starting", { ...proxy.startup, addr, watch: settings.watch });
    },
    async close(): Promise<void> {
      ignoreHangup();
      endWatch?.();
      await proxy.close();
      await opened.close();
      await sink.flush(LOG_FLUSH_MS);
    },
  };
}

/**
 * Starts a proxy: opens it, listens, writes the start-up record. SIGHUP reloads; the first SIGTERM or
 * SIGINT stops accepting and lets requests finish, the second cuts them off.
 *
 * @param settings What it is told, for example by `parseProxySettings`.
 * @param runtime The machine.
 * @returns The running proxy.
 * @throws {AtiError} As `createProxy`, and `ERR_CONFIG` when the address cannot be listened on.
 */
export async function startProxy(settings: ProxySettings, runtime: Runtime): Promise<RunningProxy> {
  return await listenProxy(await openProxy(settings, runtime), runtime);
}

/**
 * Listens for a proxy that is open; otherwise as {@link startProxy}. When the address cannot be
 * listened on, the proxy is closed.
 *
 * @param opened The open proxy.
 * @param runtime The machine.
 * @throws {ConfigError} `ERR_CONFIG` when the address cannot be listened on.
 */
export async function listenProxy(opened: OpenProxy, runtime: Runtime): Promise<RunningProxy> {
  try {
    const listener = await runtime.listen(opened.proxy.fetch, opened.address);
    return superviseProxy(opened, listener, runtime);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function superviseProxy(opened: OpenProxy, listener: Listener, runtime: Runtime): RunningProxy {
  const { proxy, log } = opened;
  let stopping: Promise<void> | undefined;
  const { promise: stopped, resolve: markStopped } = createSignal();
  const { promise: cutOff, resolve: markCutOff } = createSignal();

  async function drain(): Promise<void> {
    log("info", "draining: no new connections", { grace_ms: DRAIN_GRACE_MS });
    await Promise.race([listener.close(DRAIN_GRACE_MS), cutOff]);
    for (const ignore of ignoreSignals) ignore();
    log("info", "ATI proxy server stopped");
    await opened.close();
    markStopped();
  }

  function stop(): Promise<void> {
    if (stopping === undefined) stopping = drain();
    else void listener.close(0).then(markCutOff, markCutOff);
    return stopping;
  }

  const ignoreSignals = (["SIGTERM", "SIGINT"] as const).map((name) =>
    runtime.signals.on(name, () => void stop())
  );
  opened.announce(listener);
  const url = `http://${formatAddress(listener.hostname, listener.port)}`;
  return { url, port: listener.port, stopped, reload: proxy.reload, stop };
}

function createSignal(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve() };
}
