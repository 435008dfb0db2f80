/** Finds the bearer token of a session: variable, file, default path. @module */

import { isAtiError, SessionError } from "../errors.ts";
import { decodeUtf8 } from "../encoding/utf8.ts";
import { MAX_TOKEN_FILE_BYTES } from "../limits.ts";
import type { Env, Files } from "../ports.ts";
import { defaultTokenFile, SESSION_TOKEN_VARIABLE } from "./default_file.ts";

/** Where tokens are looked for. */
export interface SessionPorts {
  /** Environment variables. */
  readonly env: Env;
  /** Files. */
  readonly files: Files;
}

/** A token and where it was found. */
export interface ResolvedToken {
  /** The token, trimmed. Not checked to be a token: the proxy judges it. */
  readonly token: string;
  /** `env <NAME>`, or the path of the file. Holds no secret. */
  readonly source: string;
}

/** Options of {@link resolveSessionToken}. */
export interface ResolveSessionOptions extends SessionPorts {
  /** Told of each name whose file is there and cannot be read, before the next one is tried. */
  readonly onUnreadable?: ((name: string) => void) | undefined;
}

/**
 * Resolves a token by name: the variable `<name>`, else the file that `<name>_FILE` names, else the
 * file of {@link defaultTokenFile}. Values are trimmed and an empty one counts as not set; once
 * `<name>_FILE` is set the default file is not looked at.
 *
 * Nothing is remembered: each call reads again, so that a rotated token takes effect at once.
 *
 * @param name Name of the variable, for example `ATI_SESSION_TOKEN`.
 * @param ports Environment and files.
 * @returns The token and its source; `undefined` when the file is missing or empty.
 * @throws {SessionError} `ERR_SESSION_NAME` for a bad name; `ERR_SESSION_UNREADABLE` when the file is
 * there and cannot be read, is not UTF-8 or is larger than {@link MAX_TOKEN_FILE_BYTES}.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { resolveToken } from "atikit";
 *
 * const env = { get: () => " eyJ... ", names: () => ["ATI_SESSION_TOKEN"] };
 * const nothing = () => Promise.resolve(undefined);
 * const files = { read: nothing, list: nothing, stat: nothing };
 * const found = await resolveToken("ATI_SESSION_TOKEN", { env, files });
 * assert.deepEqual(found, { token: "eyJ...", source: "env ATI_SESSION_TOKEN" });
 * ```
 */
export async function resolveToken(
  name: string,
  ports: SessionPorts,
): Promise<ResolvedToken | undefined> {
  const fallback = defaultTokenFile(name);
  const value = ports.env.get(name)?.trim() ?? "";
  if (value !== "") return { token: value, source: `env ${name}` };
  const named = ports.env.get(`${name}_FILE`)?.trim() ?? "";
  const path = named === "" ? fallback : named;
  const token = await readTokenFile(path, ports.files);
  return token === "" ? undefined : { token, source: path };
}

/**
 * Resolves the token to send with a request: a provider's own one, else `ATI_SESSION_TOKEN`. A file
 * that cannot be read counts as none here, so that the request goes out without `Authorization` and
 * the proxy judges it; use {@link resolveToken} where that must be an error.
 *
 * @param name The provider's `auth_session_token_env`; `undefined` for `ATI_SESSION_TOKEN` alone.
 * @param options Environment, files, and who is told of unreadable files.
 * @throws {SessionError} `ERR_SESSION_NAME` for a bad name.
 */
export async function resolveSessionToken(
  name: string | undefined,
  options: ResolveSessionOptions,
): Promise<ResolvedToken | undefined> {
  const names = new Set([name ?? SESSION_TOKEN_VARIABLE, SESSION_TOKEN_VARIABLE]);
  for (const each of names) {
    try {
      const found = await resolveToken(each, options);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "ERR_SESSION_UNREADABLE") throw error;
      options.onUnreadable?.(each);
    }
  }
  return undefined;
}

async function readTokenFile(path: string, files: Files): Promise<string> {
  try {
    const bytes = await files.read(path, { maxBytes: MAX_TOKEN_FILE_BYTES });
    return bytes === undefined ? "" : decodeUtf8(bytes).trim();
  } catch (error) {
    if (!isAtiError(error)) throw error;
    throw new SessionError("ERR_SESSION_UNREADABLE", `Cannot read ${path}`, {
      reason: error.code === "ERR_ENCODING" ? "not_utf8" : "io",
      hint: "check that the file is a token file and that this user may read it",
      cause: error,
    });
  }
}
