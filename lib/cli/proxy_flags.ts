/** The settings of the proxy from its flags, for the commands that start it and that check it. @module */

import { parseProxySettings, type ProxySettings } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";

/**
 * Reads the settings.
 *
 * @throws {ConfigError} As `parseProxySettings`.
 */
export function readProxySettings(
  { runtime, options }: Pick<CommandContext, "runtime" | "options">,
): ProxySettings {
  return parseProxySettings({
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
}
