/** The settings of the proxy from its flags, for the commands that start it and that check it. @module */

import {
  type ExaminedSettings,
  examineProxySettings,
  type ProxySettings,
} from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";

type FlagContext = Pick<CommandContext, "runtime" | "options">;

/**
 * Reads the settings.
 *
 * @throws {ConfigError} As `parseProxySettings`.
 */
export function readProxySettings(context: FlagContext): ProxySettings {
  const examined = examineSettings(context);
  if (!examined.ok) throw examined.errors[0];
  return examined.settings;
}

/** Reads the settings, or everything that is wrong with them. */
export function examineSettings({ runtime, options }: FlagContext): ExaminedSettings {
  return examineProxySettings({
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
