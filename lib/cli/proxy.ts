/** `ati proxy`: the proxy server, until a signal ends it. @module */

import { parseProxySettings } from "../proxy/settings.ts";
import { startProxy } from "../proxy/start.ts";
import type { CommandContext } from "./command.ts";

/** Runs `ati proxy`. */
export async function runProxy({ runtime, output, options }: CommandContext): Promise<number> {
  const settings = parseProxySettings({
    env: runtime.env,
    flags: {
      port: options.text("port"),
      bind: options.text("bind"),
      atiDir: options.text("atiDir"),
      envKeys: options.has("envKeys") || undefined,
      enablePassthrough: options.has("enablePassthrough") || undefined,
      sigVerifyMode: options.text("sigVerifyMode"),
      sigDriftSeconds: options.text("sigDriftSeconds"),
      sigMinVersion: options.text("sigMinVersion"),
      sigExemptPaths: options.text("sigExemptPaths"),
      watch: options.has("watch") || undefined,
      logLevel: options.text("logLevel") ?? (options.has("verbose") ? "debug" : undefined),
    },
  });
  const proxy = await startProxy(settings, runtime);
  if (output.isTerminal) output.line(`listening on ${proxy.url}`);
  await proxy.stopped;
  return 0;
}
