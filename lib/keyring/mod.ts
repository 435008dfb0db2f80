/**
 * The keyring: upstream credentials, at rest and in memory.
 *
 * At rest they are `credentials` (JSON, mode 0600), `ATI_KEY_*` variables, or `keyring.enc` (AES-256-
 * GCM, NIST SP 800-38D) with a persistent or a one-shot key; files are those of the reference, byte
 * for byte. In memory they are a {@link Keyring}, which does not print them. Deviations from the
 * reference: a one-shot key is removed only after it worked, `ATI_KEY_FILE` is no credential, an
 * empty value counts as not set, and masking shows less of short secrets. The reference also locks
 * and wipes memory; JavaScript cannot.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { Keyring } from "atikit";
 *
 * const keyring = new Keyring({ github_token: "ghp_secret" });
 * assert.equal(JSON.stringify(keyring), '{"names":["github_token"]}');
 * ```
 *
 * @module
 */

export { readCredentials, removeCredential, setCredential } from "./credentials.ts";
export { parseEntries } from "./entries.ts";
export { readKeyVariables } from "./environment.ts";
export { formatCredentials, parseCredentials } from "./format.ts";
export type { ParseCredentialsOptions } from "./format.ts";
export { Keyring } from "./keyring.ts";
export { loadKeyring } from "./load.ts";
export { maskSecret } from "./mask.ts";
export { assertKeyName } from "./name.ts";
export { parseOnePasswordItem } from "./one_password.ts";
export { DEFAULT_ONE_SHOT_KEY_FILE, keyringPaths } from "./paths.ts";
export { resolveReferences } from "./references.ts";
export { openKeyring, sealKeyring } from "./seal.ts";
export {
  assertSealedDirectory,
  openFromDirectory,
  rotateInDirectory,
  sealToDirectory,
} from "./sealed_files.ts";
export { formatSealingKey, generateSealingKey, parseSealingKey } from "./sealing_key.ts";
export { AtiError, ERROR_CODES, KeyringError } from "../errors.ts";
export type { AtiErrorOptions, ErrorCode } from "../errors.ts";
export type {
  KeyringFiles,
  KeyringPorts,
  KeyringSource,
  LoadedKeyring,
  LoadKeyringInput,
} from "./load.ts";
export type { KeyringPaths } from "./paths.ts";
export type { SealedFiles } from "./sealed_files.ts";
export type { Env, FileFacts, Files, FileStore, MaybePromise, WriteOptions } from "../ports.ts";
