/** Credentials from `ATI_KEY_*` variables. @module */

import type { Env } from "../ports.ts";

const PREFIX = "ATI_KEY_";

/** The variable that names the one-shot key file. It is configuration, not a credential. */
export const KEY_FILE_VARIABLE: string = "ATI_KEY_FILE";

/**
 * Collects the credentials in the environment: `ATI_KEY_GITHUB_TOKEN` becomes `github_token`. Empty
 * ones and `ATI_KEY_FILE` are left out.
 *
 * @param env Environment variables.
 * @returns Values by name in lower case. Of two spellings of one name the later in code unit order
 * counts.
 */
export function readKeyVariables(env: Env): Record<string, string> {
  const entries = new Map<string, string>();
  for (const variable of [...env.names()].sort()) {
    if (!variable.startsWith(PREFIX) || variable === KEY_FILE_VARIABLE) continue;
    const name = variable.slice(PREFIX.length).toLowerCase();
    const value = env.get(variable) ?? "";
    if (name !== "" && value !== "") entries.set(name, value);
  }
  return Object.fromEntries(entries);
}
