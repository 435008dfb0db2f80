/** Files that hold keys, and errors about them that show no key. @module */

import { decodeUtf8 } from "../encoding/utf8.ts";
import { ConfigError, isAtiError, JwtError } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files } from "../ports.ts";
import { explainRefusal } from "./refusals.ts";
import type { RefusalReason } from "./refusals.ts";

// Text that is more likely a key than the path of one: PEM, JSON, or a long run of hex or base64.
const KEY_LIKE_REGEXP = /-----|[\r\n{}"]|^[A-Za-z0-9+/=_-]{40,}$/;

/** Where a key is, and what to say when it cannot be used. */
export interface KeyFile {
  /** The variable that names the file. */
  readonly variable: string;
  /** The path. */
  readonly path: string;
  /** How to make a key that can be used. */
  readonly hint: string;
  /** The file port. */
  readonly files: Files;
}

/**
 * Reads a file and imports what is in it.
 *
 * @throws {ConfigError} Reason `key_unreadable` or `key_invalid`, naming variable and file.
 */
export async function importKeyFile<T>(
  file: KeyFile,
  importKey: (material: string) => Promise<T>,
): Promise<T> {
  const text = await readKeyFile(file);
  try {
    return await importKey(text);
  } catch (error: unknown) {
    throw wrapKeyError(error, `${file.variable} (${nameFile(file.path)})`, {
      reason: "key_invalid",
      hint: file.hint,
    });
  }
}

/** A refused key as the `ConfigError` of a variable; any other error as it is. */
export function wrapKeyError(
  error: unknown,
  what: string,
  options: { readonly reason: string; readonly hint: string },
): unknown {
  if (!(error instanceof JwtError)) return error;
  const because = explainRefusal(error.reason as RefusalReason);
  return new ConfigError(`Cannot use ${what}: ${because}`, {
    reason: options.reason,
    hint: error.hint ?? options.hint,
    cause: error,
  });
}

async function readKeyFile({ variable, path, hint, files }: KeyFile): Promise<string> {
  const refuse = (because: string): ConfigError =>
    new ConfigError(`Cannot use ${variable}: ${nameFile(path)} ${because}`, {
      reason: "key_unreadable",
      hint: isKeyLike(path) ? `${variable} takes the path of a file, not the key itself` : hint,
    });
  let bytes: Uint8Array | undefined;
  try {
    bytes = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  } catch (error: unknown) {
    if (!isAtiError(error)) throw error;
    // Its message names the path, which may be a key in the wrong place: the reason alone goes on.
    throw refuse(`cannot be read${error.reason === undefined ? "" : ` (${error.reason})`}`);
  }
  if (bytes === undefined) throw refuse("does not exist");
  try {
    return decodeUtf8(bytes);
  } catch {
    throw refuse("is not text");
  }
}

function nameFile(path: string): string {
  return isKeyLike(path) ? "the file that it names" : path;
}

function isKeyLike(path: string): boolean {
  return KEY_LIKE_REGEXP.test(path);
}
