/**
 * Loads the keyring of a proxy: environment, sealed file, or plaintext, in the reference's order.
 *
 * @module
 */

import { isAtiError, KeyringError } from "../errors.ts";
import type { AtiError } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Env, Files, FileStore, MaybePromise } from "../ports.ts";
import { KEY_FILE_VARIABLE, readKeyVariables } from "./environment.ts";
import { parseCredentials } from "./format.ts";
import { Keyring } from "./keyring.ts";
import { DEFAULT_ONE_SHOT_KEY_FILE, keyringPaths } from "./paths.ts";
import { resolveReferences } from "./references.ts";
import { openKeyring } from "./seal.ts";
import { readSealingKey } from "./sealing_key.ts";

/** Where a keyring came from, in the words of the start-up record. */
export type KeyringSource =
  | "env-vars (ATI_KEY_*)"
  | "keyring.enc (sealed key)"
  | "keyring.enc (persistent key)"
  | "credentials (plaintext)"
  | "empty (decryption failed)"
  | "empty (credentials error)"
  | "empty (no auth)";

/** What to load. */
export interface LoadKeyringInput {
  /** The state directory. */
  readonly atiDir: string;
  /** True: only `ATI_KEY_*` variables count, no file is looked at. */
  readonly envKeys?: boolean | undefined;
  /** The {@link LoadedKeyring.sealingKey} of an earlier load, for a reload after its file is gone. */
  readonly sealingKey?: Uint8Array | undefined;
}

/** The files of a keyring: read, and the one-shot key removed. */
export type KeyringFiles = Files & Pick<FileStore, "remove">;

/** What loading needs of the machine. */
export interface KeyringPorts {
  /** Environment variables. */
  readonly env: Env;
  /** Files; a one-shot key file is removed through it. */
  readonly files: KeyringFiles;
}

/** A loaded keyring. */
export interface LoadedKeyring {
  /** The credentials; empty when `error` is set. */
  readonly keyring: Keyring;
  /** Where they came from. */
  readonly source: KeyringSource;
  /** Why the keyring is empty, for `empty (decryption failed)` and `empty (credentials error)`. */
  readonly error?: AtiError | undefined;
  /**
   * The one-shot key, when the keyring was opened with one: its file is gone, so keep it for the
   * next load. Not enumerable, so that printing or spreading the result does not show it.
   */
  readonly sealingKey?: Uint8Array | undefined;
  /** Why the one-shot key file could not be removed; the keyring is open all the same. */
  readonly removalError?: AtiError | undefined;
}

/**
 * Loads the keyring. In this order: `ATI_KEY_*` when asked for; else `keyring.enc`, opened with the
 * one-shot key (`ATI_KEY_FILE` or `/run/ati/.key`), the remembered key or `.keyring-key`; else
 * `credentials`; else nothing. A `keyring.enc` that cannot be opened is never replaced by
 * `credentials`.
 *
 * The one-shot key file is removed after it opened the keyring, not before (the reference loses the
 * key when decryption fails). Load everything else that can fail first, so that a refused start does
 * not use the key up.
 *
 * @param input What to load.
 * @param ports Environment and files.
 * @returns The keyring and its source. What is wrong with the files is in `error`, not thrown.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { loadKeyring } from "atikit";
 * import type { KeyringFiles } from "atikit";
 *
 * const variables: Record<string, string> = { ATI_KEY_GITHUB_TOKEN: "ghp_secret" };
 * const env = { get: (name: string) => variables[name], names: () => Object.keys(variables) };
 * const files = {} as KeyringFiles; // not looked at
 * const { keyring, source } = await loadKeyring({ atiDir: "/etc/ati", envKeys: true }, {
 *   env,
 *   files,
 * });
 * assert.equal(source, "env-vars (ATI_KEY_*)");
 * assert.equal(keyring.get("github_token"), "ghp_secret");
 * ```
 */
export async function loadKeyring(
  input: LoadKeyringInput,
  ports: KeyringPorts,
): Promise<LoadedKeyring> {
  if (input.envKeys === true) {
    return { keyring: new Keyring(readKeyVariables(ports.env)), source: "env-vars (ATI_KEY_*)" };
  }
  return await loadSealed(input, ports) ?? await loadCredentials(input.atiDir, ports.files);
}

/** A key that may open the keyring, and where it is kept. */
interface Candidate {
  readonly source: "keyring.enc (sealed key)" | "keyring.enc (persistent key)";
  /** What it is called in messages. A path will not do: the key itself may stand where one belongs. */
  readonly label: string;
  /** The key, or `undefined` where there is none. */
  readonly read: () => MaybePromise<Uint8Array | undefined>;
  /** File to remove once the key has worked. */
  readonly oneShotPath?: string;
}

async function loadSealed(
  input: LoadKeyringInput,
  ports: KeyringPorts,
): Promise<LoadedKeyring | undefined> {
  const { files } = ports;
  const path = keyringPaths(input.atiDir).sealed;
  let error: AtiError | undefined;
  try {
    const blob = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
    if (blob === undefined) return undefined;
    for (const candidate of candidatesOf(input, ports)) {
      try {
        const key = await candidate.read();
        if (key === undefined) continue;
        const keyring = new Keyring(await openKeyring(blob, key));
        return await describe(keyring, candidate, key, files);
      } catch (failure) {
        error = nameKeyring(assertAtiError(failure), `${path} with ${candidate.label}`);
      }
    }
  } catch (failure) {
    error = assertAtiError(failure);
  }
  error ??= new KeyringError("ERR_KEYRING_KEY", `Cannot open ${path}: there is no key for it`, {
    reason: "missing",
    hint: "put .keyring-key beside it, or a one-shot key where ATI_KEY_FILE says",
  });
  return { keyring: new Keyring({}), source: "empty (decryption failed)", error };
}

function candidatesOf(input: LoadKeyringInput, { env, files }: KeyringPorts): Candidate[] {
  const persistentPath = keyringPaths(input.atiDir).key;
  const named = env.get(KEY_FILE_VARIABLE)?.trim() ?? "";
  const oneShotPath = named === "" ? DEFAULT_ONE_SHOT_KEY_FILE : named;
  const sealed = "keyring.enc (sealed key)";
  const candidates: Candidate[] = [
    {
      source: sealed,
      label: "its one-shot key",
      read: () => readSealingKey(oneShotPath, files),
      oneShotPath,
    },
    { source: sealed, label: "the one-shot key it had", read: () => input.sealingKey },
    {
      source: "keyring.enc (persistent key)",
      label: ".keyring-key",
      read: () => readSealingKey(persistentPath, files),
    },
  ];
  // Whoever names the persistent key as the one-shot one does not mean it to be removed.
  return candidates.filter((candidate) => candidate.oneShotPath !== persistentPath);
}

// Whoever opens the blob or reads the key does not know whose they are.
function nameKeyring(error: AtiError, name: string): AtiError {
  if (!(error instanceof KeyringError)) return error;
  const why = error.message.slice(error.message.indexOf(": ") + 2);
  const { code, reason, hint } = error;
  return new KeyringError(code, `Cannot open ${name}: ${why}`, { reason, hint, cause: error });
}

async function describe(
  keyring: Keyring,
  { source, oneShotPath }: Candidate,
  key: Uint8Array,
  files: KeyringFiles,
): Promise<LoadedKeyring> {
  if (source === "keyring.enc (persistent key)") return { keyring, source };
  const removalError = oneShotPath === undefined ? undefined : await remove(oneShotPath, files);
  const loaded: LoadedKeyring = { keyring, source, removalError };
  return Object.defineProperty(loaded, "sealingKey", { value: key, enumerable: false });
}

async function remove(path: string, files: KeyringFiles): Promise<AtiError | undefined> {
  try {
    await files.remove(path);
    return undefined;
  } catch (error) {
    return assertAtiError(error);
  }
}

async function loadCredentials(directory: string, files: Files): Promise<LoadedKeyring> {
  try {
    const path = keyringPaths(directory).credentials;
    const bytes = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
    if (bytes === undefined) return { keyring: new Keyring({}), source: "empty (no auth)" };
    const entries = await resolveReferences(parseCredentials(bytes, { file: path }), files);
    return { keyring: new Keyring(entries), source: "credentials (plaintext)" };
  } catch (failure) {
    const error = assertAtiError(failure);
    return { keyring: new Keyring({}), source: "empty (credentials error)", error };
  }
}

// A defect must not pass for an unreadable file.
function assertAtiError(error: unknown): AtiError {
  if (isAtiError(error)) return error;
  throw error;
}
