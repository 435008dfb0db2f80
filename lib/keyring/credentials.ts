/** The plaintext store: `credentials` in the state directory, mode 0600. @module */

import { KeyringError } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files, FileStore } from "../ports.ts";
import { formatCredentials, parseCredentials } from "./format.ts";
import { assertKeyName } from "./name.ts";
import { keyringPaths } from "./paths.ts";

/**
 * Reads the store as it is: references (`@file:`) are not followed. Changes nothing.
 *
 * @param directory The state directory.
 * @param files Files.
 * @returns Values by name; empty where there is no store.
 * @throws {KeyringError} `ERR_KEYRING_FORMAT` or `ERR_KEYRING_ENTRY` as `parseCredentials`.
 * @throws {FileError} `ERR_FILE_READ` when the file is there and cannot be read.
 */
export async function readCredentials(
  directory: string,
  files: Files,
): Promise<Record<string, string>> {
  const path = keyringPaths(directory).credentials;
  const bytes = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  return parseStore(path, bytes);
}

/**
 * Stores one credential, in place of an older value. Makes the directory and the file where there is
 * none. Two writers at once lose nothing, and a reader never sees half a file.
 *
 * @param directory The state directory.
 * @param name Its name.
 * @param value Its value, not empty; `@file:/path` is stored as it is and followed on loading.
 * @param files Files.
 * @throws {KeyringError} `ERR_KEYRING_ENTRY` for a bad name (reason `name`) or an empty value
 * (`value`); `ERR_KEYRING_FORMAT` when the store that is there cannot be read: it is left alone.
 * @throws {FileError} `ERR_FILE_READ` or `ERR_FILE_WRITE`.
 */
export async function setCredential(
  directory: string,
  name: string,
  value: string,
  files: FileStore,
): Promise<void> {
  assertKeyName(name);
  if (value === "") {
    throw new KeyringError("ERR_KEYRING_ENTRY", `Cannot store "${name}": the value is empty`, {
      reason: "value",
    });
  }
  await files.makeDirectory(directory);
  const path = keyringPaths(directory).credentials;
  await files.update(
    path,
    (old) => formatCredentials({ ...parseStore(path, old), [name]: value }),
    { mode: 0o600 },
  );
}

/**
 * Removes one credential.
 *
 * @param directory The state directory.
 * @param name Its name.
 * @param files Files.
 * @returns False where there was none; then nothing was written.
 * @throws {KeyringError} `ERR_KEYRING_FORMAT` or `ERR_KEYRING_ENTRY` as `parseCredentials`.
 * @throws {FileError} `ERR_FILE_READ` or `ERR_FILE_WRITE`.
 */
export async function removeCredential(
  directory: string,
  name: string,
  files: FileStore,
): Promise<boolean> {
  const path = keyringPaths(directory).credentials;
  // A lock needs the directory: do not make one only to find nothing in it.
  if (await files.stat(path) === undefined) return false;
  let removed = false;
  await files.update(path, (old) => {
    const entries = parseStore(path, old);
    removed = Object.hasOwn(entries, name);
    if (!removed) return undefined;
    delete entries[name];
    return formatCredentials(entries);
  }, { mode: 0o600 });
  return removed;
}

function parseStore(file: string, bytes: Uint8Array | undefined): Record<string, string> {
  return bytes === undefined ? {} : parseCredentials(bytes, { file });
}
