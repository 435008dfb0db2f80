/** The key of a sealed keyring: 32 bytes, kept as base64 in a file of its own. @module */

import { KeyringError } from "../errors.ts";
import { decodeBase64, encodeBase64 } from "../encoding/base64.ts";
import { decodeUtf8 } from "../encoding/utf8.ts";
import { KEYRING_KEY_BYTES, MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files } from "../ports.ts";

/** Makes a fresh random key: 32 bytes. */
export function generateSealingKey(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(KEYRING_KEY_BYTES));
}

/**
 * Parses a key file: base64 with padding (RFC 4648 §4) of 32 bytes, white space around it ignored.
 *
 * @param text Text or bytes of the file.
 * @throws {KeyringError} `ERR_KEYRING_KEY` (reason `malformed`) for anything else.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatSealingKey, generateSealingKey, parseSealingKey } from "atikit";
 *
 * const key = generateSealingKey();
 * assert.deepEqual(parseSealingKey(`${formatSealingKey(key)}\n`), key);
 * ```
 */
export function parseSealingKey(text: string | Uint8Array): Uint8Array<ArrayBuffer> {
  let key: Uint8Array<ArrayBuffer> | undefined;
  try {
    key = decodeBase64((typeof text === "string" ? text : decodeUtf8(text)).trim());
  } catch {
    // Not UTF-8, not base64 or too short: one message for every malformed key.
  }
  if (key?.length === KEYRING_KEY_BYTES) return key;
  throw new KeyringError("ERR_KEYRING_KEY", "Cannot use the sealing key: it is malformed", {
    reason: "malformed",
    hint: `the file must hold base64 of ${KEYRING_KEY_BYTES} bytes`,
  });
}

/**
 * Formats a key for its file: base64, no line feed.
 *
 * @param key 32 bytes.
 * @throws {RangeError} When the key has another length.
 */
export function formatSealingKey(key: Uint8Array): string {
  assertKeyLength(key);
  return encodeBase64(key);
}

/**
 * Reads a key file.
 *
 * @returns The key; `undefined` where there is no such file.
 * @throws {KeyringError} `ERR_KEYRING_KEY` as {@link parseSealingKey}.
 * @throws {FileError} `ERR_FILE_READ` when the file is there and cannot be read.
 */
export async function readSealingKey(
  path: string,
  files: Files,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  return bytes === undefined ? undefined : parseSealingKey(bytes);
}

/** Refuses a key that is not for AES-256, as the caller's mistake. */
export function assertKeyLength(key: Uint8Array): void {
  if (key.length === KEYRING_KEY_BYTES) return;
  throw new RangeError(`Cannot use the sealing key: it must have ${KEYRING_KEY_BYTES} bytes`);
}
