/** `ati version`. @module */

import { VERSION } from "../proxy/version.ts";
import type { CommandContext } from "./command.ts";

/** Prints name and version, with `--verbose` also the runtime. */
export async function showVersion({ runtime, output, options }: CommandContext): Promise<number> {
  const under = `${runtime.name} ${runtime.version}`;
  const line = options.has("verbose") ? `ati ${VERSION} (${under})` : `ati ${VERSION}`;
  const data = { name: "ati", version: VERSION, runtime: runtime.name };
  await output.show(
    { data: { ...data, runtime_version: runtime.version }, text: [line] },
    { terminal: "text", piped: "text", isScript: true },
  );
  return 0;
}
