/** `ati proxy`: the proxy server, until a signal ends it. @module */

import { startProxy } from "../proxy/start.ts";
import type { CommandContext } from "./command.ts";
import { readProxySettings } from "./proxy_flags.ts";

/** Runs `ati proxy`. */
export async function runProxy(context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  const proxy = await startProxy(readProxySettings(context), runtime);
  if (output.isTerminal) output.line(`listening on ${proxy.url}`);
  await proxy.stopped;
  return 0;
}
