/**
 * Session tokens: where the bearer token of this process comes from. The variable itself, a file it
 * names, or a file that a supervisor keeps under `/run/ati`; read anew on each call.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaultTokenFile } from "atikit";
 *
 * assert.equal(defaultTokenFile("ATI_SESSION_TOKEN"), "/run/ati/session_token");
 * ```
 *
 * @module
 */

export { defaultTokenFile, SESSION_TOKEN_VARIABLE } from "./default_file.ts";
export { resolveSessionToken, resolveToken } from "./resolve.ts";
export type { ResolvedToken, ResolveSessionOptions, SessionPorts } from "./resolve.ts";
export type { Env, FileFacts, Files } from "../ports.ts";
