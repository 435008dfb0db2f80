/**
 * The sealed keyring of a state directory: `keyring.enc` and its persistent key, both mode 0600.
 *
 * @module
 */

import { isAtiError, KeyringError } from "../errors.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files, FileStore } from "../ports.ts";
import { keyringPaths } from "./paths.ts";
import { openKeyring, sealKeyring } from "./seal.ts";
import { formatSealingKey, generateSealingKey, readSealingKey } from "./sealing_key.ts";

/** What was written. */
export interface SealedFiles {
  /** Path of the sealed keyring. */
  readonly keyringPath: string;
  /** Path of its key. */
  readonly keyPath: string;
  /** Size of the sealed keyring, in bytes. */
  readonly sizeBytes: number;
  /** True when the key was made now, false when the one that was there is used. */
  readonly isKeyNew: boolean;
}

/**
 * Seals entries into a directory: makes the directory and the key where there is none, and replaces
 * `keyring.enc` whole.
 *
 * @param directory The state directory.
 * @param entries Values by name.
 * @param files Files.
 * @throws {KeyringError} `ERR_KEYRING_KEY` when the key that is there is malformed: it is left alone;
 * `ERR_KEYRING_ENTRY` when an entry cannot be stored.
 * @throws {FileError} `ERR_FILE_READ` or `ERR_FILE_WRITE`.
 */
export async function sealToDirectory(
  directory: string,
  entries: Readonly<Record<string, string>>,
  files: FileStore,
): Promise<SealedFiles> {
  const paths = keyringPaths(directory);
  await files.makeDirectory(directory);
  const known = await readSealingKey(paths.key, files);
  const key = known ?? await createKey(paths.key, files);
  return await replace(directory, entries, { key, isKeyNew: known === undefined }, files);
}

/**
 * Seals other entries under the key that is there. Both files must exist; nothing is made.
 *
 * @param directory The state directory.
 * @param entries Values by name.
 * @param files Files.
 * @throws {KeyringError} As {@link assertSealedDirectory} and {@link sealToDirectory}.
 * @throws {FileError} `ERR_FILE_READ` or `ERR_FILE_WRITE`.
 */
export async function rotateInDirectory(
  directory: string,
  entries: Readonly<Record<string, string>>,
  files: FileStore,
): Promise<SealedFiles> {
  await assertSealedDirectory(directory, files);
  const key = await readSealingKey(keyringPaths(directory).key, files);
  if (key === undefined) throw notSealed(directory);
  return await replace(directory, entries, { key, isKeyNew: false }, files);
}

/**
 * Refuses a directory in which there is nothing to rotate. Call it before the entries are fetched.
 *
 * @param directory The state directory.
 * @param files Files.
 * @throws {KeyringError} `ERR_KEYRING_NOT_FOUND` (reason `not_sealed`) unless `keyring.enc` and
 * `.keyring-key` are both there.
 */
export async function assertSealedDirectory(directory: string, files: Files): Promise<void> {
  const paths = keyringPaths(directory);
  for (const path of [paths.sealed, paths.key]) {
    if (await files.stat(path) === undefined) throw notSealed(directory);
  }
}

/**
 * Opens the sealed keyring of a directory with its persistent key. Changes nothing.
 *
 * @param directory The state directory.
 * @param files Files.
 * @param options Another key, for example that of a one-shot file, which stays where it is.
 * @returns Values by name.
 * @throws {KeyringError} As {@link assertSealedDirectory} and `openKeyring`.
 * @throws {FileError} `ERR_FILE_READ`.
 */
export async function openFromDirectory(
  directory: string,
  files: Files,
  options: { readonly key?: Uint8Array | undefined } = {},
): Promise<Record<string, string>> {
  const paths = keyringPaths(directory);
  const blob = await files.read(paths.sealed, { maxBytes: MAX_CONFIG_FILE_BYTES });
  const key = options.key ?? await readSealingKey(paths.key, files);
  if (blob === undefined || key === undefined) throw notSealed(directory);
  return await openKeyring(blob, key);
}

async function createKey(path: string, files: FileStore): Promise<Uint8Array> {
  const fresh = generateSealingKey();
  try {
    await files.write(path, encodeUtf8(formatSealingKey(fresh)), { mode: 0o600, exclusive: true });
    return fresh;
  } catch (error) {
    // Someone else made one in the meantime: use theirs, or what they sealed could not be opened.
    const theirs = isAtiError(error) && error.code === "ERR_FILE_EXISTS"
      ? await readSealingKey(path, files)
      : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  }
}

async function replace(
  directory: string,
  entries: Readonly<Record<string, string>>,
  { key, isKeyNew }: { readonly key: Uint8Array; readonly isKeyNew: boolean },
  files: FileStore,
): Promise<SealedFiles> {
  const paths = keyringPaths(directory);
  const blob = await sealKeyring(entries, key);
  await files.write(paths.sealed, blob, { mode: 0o600 });
  return { keyringPath: paths.sealed, keyPath: paths.key, sizeBytes: blob.length, isKeyNew };
}

function notSealed(directory: string): KeyringError {
  const message = `Cannot find both keyring.enc and .keyring-key in ${directory}: ` +
    "run bootstrap-keyring first";
  return new KeyringError("ERR_KEYRING_NOT_FOUND", message, {
    reason: "not_sealed",
    hint: `ati edge bootstrap-keyring --ati-dir ${directory} --vault <vault> --item <item>, or ` +
      `without 1Password: ati keyring seal --ati-dir ${directory} < credentials.env`,
  });
}
