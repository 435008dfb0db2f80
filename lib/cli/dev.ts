/**
 * `ati dev`: a proxy to try, with everything made for it, on loopback only, until Ctrl-C.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import type { Listen, Listener, Runtime } from "../ports.ts";
import { DEFAULT_EXEMPT_PATHS, parseProxySettings, type ProxySettings } from "../proxy/settings.ts";
import { type RunningProxy, startProxy } from "../proxy/start.ts";
import type { CommandContext } from "./command.ts";
import { type DevCommand, listCommands } from "./dev_commands.ts";
import { echoRequest } from "./dev_echo.ts";
import { createPrettyLog } from "./dev_log.ts";
import { createDevEnv, type DevState, prepareState } from "./dev_state.ts";
import { loadStyle } from "./output.ts";
import { absolutePath } from "./shell.ts";
import { wantsColor } from "./style.ts";
import { formatTime } from "./time.ts";

const LOOPBACK = "127.0.0.1";

/** Runs `ati dev`. */
export async function runDev(context: CommandContext): Promise<number> {
  const { runtime, options } = context;
  const kept = options.text("dir");
  const watch = watchForStop(runtime);
  const directory = kept === undefined
    ? await runtime.files.makeTemporaryDirectory("ati-dev-")
    : absolutePath(kept, runtime.cwd());
  let echo: Listener | undefined;
  try {
    echo = await runtime.listen(echoRequest, { hostname: LOOPBACK, port: 0 });
    const upstreamUrl = `http://${LOOPBACK}:${echo.port}`;
    const state = await prepareState(directory, upstreamUrl, runtime.files);
    const proxy = await startDevProxy(context, state);
    if (watch.isStopped()) void proxy.stop();
    else await showStart(context, { proxy, state, upstreamUrl, isTemporary: kept === undefined });
    // The proxy reloads on SIGHUP. Here the signal means that the terminal was closed.
    const ignoreHangup = runtime.signals.on("SIGHUP", () => void proxy.stop());
    await proxy.stopped;
    ignoreHangup();
    context.output.note("stopped");
  } finally {
    await echo?.close(0);
    if (kept === undefined) await runtime.files.remove(directory, { recursive: true });
    watch.end();
  }
  return 0;
}

// No signal may leave a folder with keys behind: not before the proxy listens to signals itself, and not
// after, when the one that a shell or npm hands on comes a moment behind the terminal's own.
function watchForStop({ signals }: Runtime): { isStopped(): boolean; end(): void } {
  let isStopped = false;
  const ignore = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) =>
    signals.on(name, () => {
      isStopped = true;
    })
  );
  return {
    isStopped: () => isStopped,
    end: () => ignore.forEach((each) => each()),
  };
}

async function startDevProxy(
  { runtime, options }: CommandContext,
  { directory }: DevState,
): Promise<RunningProxy> {
  const env = createDevEnv(directory, runtime.env);
  const port = options.text("port");
  const parsed = parseProxySettings({
    env,
    flags: {
      port,
      bind: LOOPBACK,
      enablePassthrough: true,
      sigVerifyMode: "enforce",
      watch: true,
    },
  });
  const settings: ProxySettings = {
    ...parsed,
    // A token alone is enough to ask who one is: the first thing that people try.
    signature: { ...parsed.signature, exemptPaths: [...DEFAULT_EXEMPT_PATHS, "/whoami"] },
  };
  const isPretty = runtime.terminal.isTerminal("stderr");
  const style = await loadStyle(wantsColor("stderr", runtime, options));
  return await startProxy(settings, {
    ...runtime,
    env,
    listen: port === undefined ? listenSomewhere(runtime) : runtime.listen,
    openLog: () => isPretty ? createPrettyLog(runtime.openLog(), style) : runtime.openLog(),
  });
}

// The usual port may be taken, by another `ati dev` for one. Asked for by name it must be that one.
function listenSomewhere({ listen }: Runtime): Listen {
  return async (handler, address) => {
    try {
      return await listen(handler, address);
    } catch (error) {
      if (!isAtiError(error) || error.reason !== "EADDRINUSE") throw error;
      return await listen(handler, { ...address, port: 0 });
    }
  };
}

interface Started {
  readonly proxy: RunningProxy;
  readonly state: DevState;
  readonly upstreamUrl: string;
  readonly isTemporary: boolean;
}

async function showStart({ output }: CommandContext, started: Started): Promise<void> {
  const { proxy, state, upstreamUrl } = started;
  const commands = listCommands(proxy.url, state);
  const { style } = output;
  await output.show({
    data: {
      url: proxy.url,
      upstream_url: upstreamUrl,
      dir: state.directory,
      token_file: state.tokenFile,
      signing_secret_file: state.secretFile,
      expires_at: formatTime(state.expiresAt),
      commands,
    },
    text: [
      "",
      `  ${style.bold("ati dev")}  ${style.dim("a proxy to try, for this machine only")}`,
      "",
      ...listFacts(started).map(([label, value, remark]) =>
        `  ${style.cyan(label.padEnd(9))} ${value}${remark === "" ? "" : `  ${style.dim(remark)}`}`
      ),
      "",
      ...commands.flatMap(({ title, command }: DevCommand) => [
        `  ${style.bold(title)}`,
        "",
        command,
        "",
      ]),
      `  ${style.dim("Changes in the state are served within three seconds. Ctrl-C stops it.")}`,
      "",
    ],
  }, { terminal: "text", piped: "text" });
}

type Fact = readonly [label: string, value: string, remark: string];

function listFacts({ proxy, state, upstreamUrl, isTemporary }: Started): readonly Fact[] {
  return [
    ["Proxy", proxy.url, "session tokens (ES256), signatures enforced"],
    ["Upstream", upstreamUrl, "answers with the request it got"],
    ["State", state.directory, isTemporary ? "removed at the end" : "kept"],
    ["Manifest", `${state.directory}/manifests/echo.toml`, `injects ${state.credentialName}`],
    ["Token", state.tokenFile, `valid until ${formatTime(state.expiresAt)}`],
    ["Secret", state.secretFile, "signs requests"],
  ];
}
