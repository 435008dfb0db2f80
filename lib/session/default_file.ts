/** Where a session token lies when nothing else is said. @module */

import { SessionError } from "../errors.ts";
import { MAX_NAME_CHARS } from "../limits.ts";

/** The variable of the session token that everything but a provider's own calls use. */
export const SESSION_TOKEN_VARIABLE: string = "ATI_SESSION_TOKEN";

const FOLDER = "/run/ati";
// Names come from manifests too: a slash or a dot in one would point outside the folder.
const NAME_REGEXP = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SUFFIX_REGEXP = /(?:_SESSION_TOKEN|_session_token)$/;

/**
 * The file a supervisor keeps a session token in: `/run/ati/session_token` for `ATI_SESSION_TOKEN`,
 * else `/run/ati/` and the name in lower case without one trailing `_SESSION_TOKEN`.
 *
 * @param name Name of the variable that would hold the token.
 * @throws {SessionError} `ERR_SESSION_NAME` when the name is no variable name, is longer than
 * {@link MAX_NAME_CHARS}, or is nothing but the suffix.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaultTokenFile } from "atikit";
 *
 * assert.equal(defaultTokenFile("PARCHA_TOOLS_SESSION_TOKEN"), "/run/ati/parcha_tools");
 * ```
 */
export function defaultTokenFile(name: string): string {
  assertVariableName(name);
  if (name === SESSION_TOKEN_VARIABLE) return `${FOLDER}/session_token`;
  const slug = name.replace(SUFFIX_REGEXP, "").toLowerCase();
  if (slug === "") throw nameError("it is nothing but the suffix");
  return `${FOLDER}/${slug}`;
}

/** Refuses what is not the name of a variable. */
export function assertVariableName(name: string): void {
  if (name.length > MAX_NAME_CHARS) throw nameError("the name is too long");
  if (!NAME_REGEXP.test(name)) throw nameError("the name is not that of a variable");
}

function nameError(why: string): SessionError {
  return new SessionError("ERR_SESSION_NAME", `Cannot look up a session token: ${why}`, {
    hint: "use letters, digits and underscores, for example PARCHA_TOOLS_SESSION_TOKEN",
  });
}
