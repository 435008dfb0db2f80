/**
 * The sealed keyring: 12 bytes of nonce, AES-256-GCM ciphertext, 16 bytes of tag, no associated data
 * (NIST SP 800-38D). Inside is a JSON object from name to value.
 *
 * @module
 */

import { KeyringError } from "../errors.ts";
import { KEYRING_NONCE_BYTES, KEYRING_TAG_BYTES, MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { formatCredentials, parseCredentials } from "./format.ts";
import { assertKeyLength } from "./sealing_key.ts";

/**
 * Seals entries under a key, with a fresh random nonce each time.
 *
 * Security: random nonces are safe for 2^32 seals under one key (NIST SP 800-38D §8.3), which is
 * beyond what a keyring sees.
 *
 * @param entries Values by name.
 * @param key 32 bytes, as `parseSealingKey` gives them.
 * @returns The content of `keyring.enc`.
 * @throws {KeyringError} `ERR_KEYRING_ENTRY` when a name or value cannot be stored, or all together
 * are larger than {@link MAX_CONFIG_FILE_BYTES} (reason `too_large`).
 * @throws {RangeError} When the key is not 32 bytes long.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { generateSealingKey, openKeyring, sealKeyring } from "atikit";
 *
 * const key = generateSealingKey();
 * const blob = await sealKeyring({ github_token: "ghp_secret" }, key);
 * assert.deepEqual(await openKeyring(blob, key), { github_token: "ghp_secret" });
 * ```
 */
export async function sealKeyring(
  entries: Readonly<Record<string, string>>,
  key: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  assertKeyLength(key);
  const nonce = crypto.getRandomValues(new Uint8Array(KEYRING_NONCE_BYTES));
  const aesKey = await importKey(key, "encrypt");
  const algorithm = { name: "AES-GCM", iv: nonce, tagLength: KEYRING_TAG_BYTES * 8 };
  const sealed = await crypto.subtle.encrypt(algorithm, aesKey, formatCredentials(entries));
  const blob = new Uint8Array(nonce.length + sealed.byteLength);
  blob.set(nonce);
  blob.set(new Uint8Array(sealed), nonce.length);
  return blob;
}

/**
 * Opens a sealed keyring.
 *
 * @param blob The content of `keyring.enc`.
 * @param key 32 bytes, as `parseSealingKey` gives them.
 * @returns Values by name.
 * @throws {KeyringError} `ERR_KEYRING_FORMAT` when the blob is too small (reason `too_small`) or too
 * large (`too_large`), or holds no JSON object (`not_json`); `ERR_KEYRING_DECRYPT` for the wrong key
 * or a changed blob; `ERR_KEYRING_ENTRY` for an entry that is not a text.
 * @throws {RangeError} When the key is not 32 bytes long.
 */
export async function openKeyring(
  blob: Uint8Array,
  key: Uint8Array,
): Promise<Record<string, string>> {
  assertKeyLength(key);
  if (blob.length < KEYRING_NONCE_BYTES + KEYRING_TAG_BYTES) throw sizeError("too_small");
  if (blob.length > MAX_CONFIG_FILE_BYTES) throw sizeError("too_large");
  const nonce = blob.slice(0, KEYRING_NONCE_BYTES);
  const sealed = blob.slice(KEYRING_NONCE_BYTES);
  const aesKey = await importKey(key, "decrypt");
  const algorithm = { name: "AES-GCM", iv: nonce, tagLength: KEYRING_TAG_BYTES * 8 };
  let plain: ArrayBuffer;
  try {
    plain = await crypto.subtle.decrypt(algorithm, aesKey, sealed);
  } catch {
    // Web Crypto says no more than that either: the tag does not match.
    throw new KeyringError("ERR_KEYRING_DECRYPT", "Cannot open the keyring: decryption failed", {
      reason: "decrypt",
      hint: "the key is another one, or the file was changed",
    });
  }
  return parseCredentials(new Uint8Array(plain));
}

function importKey(key: Uint8Array, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key as BufferSource, "AES-GCM", false, [use]);
}

function sizeError(reason: "too_small" | "too_large"): KeyringError {
  const message = `Cannot open the keyring: it is ${reason.replace("_", " ")}`;
  return new KeyringError("ERR_KEYRING_FORMAT", message, { reason });
}
