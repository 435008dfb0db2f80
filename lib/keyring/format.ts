/** The text form of credentials: a JSON object from name to value. @module */

import { KeyringError } from "../errors.ts";
import { parseJsonObject } from "../encoding/json.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { KEYRING_NONCE_BYTES, KEYRING_TAG_BYTES, MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { assertEntries } from "./name.ts";

// So that what is written here can also be sealed, and read again.
const MAX_BYTES = MAX_CONFIG_FILE_BYTES - KEYRING_NONCE_BYTES - KEYRING_TAG_BYTES;

/** What {@link parseCredentials} may be told. */
export interface ParseCredentialsOptions {
  /** Name of the file for messages; default `credentials`. */
  readonly file?: string | undefined;
}

/**
 * Parses the content of `credentials`, or of an opened `keyring.enc`. References (`@file:`) stay as
 * they are.
 *
 * @param bytes UTF-8 JSON: an object whose values are texts.
 * @param options Where the bytes come from.
 * @throws {KeyringError} `ERR_KEYRING_FORMAT` (reason `not_json`) when it is no JSON object;
 * `ERR_KEYRING_ENTRY` when a value is not a text or a name cannot be used. Never quotes a value.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatCredentials, parseCredentials } from "atikit";
 *
 * const bytes = formatCredentials({ github_token: "ghp_secret" });
 * assert.deepEqual(parseCredentials(bytes), { github_token: "ghp_secret" });
 * ```
 */
export function parseCredentials(
  bytes: Uint8Array | string,
  options: ParseCredentialsOptions = {},
): Record<string, string> {
  let entries: Record<string, unknown>;
  try {
    entries = parseJsonObject(bytes);
  } catch {
    // The parser's own error says no more, and its message must not be relied on to stay silent.
    const { file = "credentials" } = options;
    throw new KeyringError("ERR_KEYRING_FORMAT", `Cannot read ${file}: not a JSON object`, {
      reason: "not_json",
      hint: 'it holds names and values as {"name": "value"}, in UTF-8 without a byte order mark',
    });
  }
  assertEntries(entries);
  return entries;
}

/**
 * Formats credentials as the reference does: indented JSON, names sorted, no line feed at the end.
 *
 * @param entries Values by name.
 * @throws {KeyringError} `ERR_KEYRING_ENTRY` when a value is not a text, a name cannot be used, or
 * the result would be too large to be read again (reason `too_large`).
 */
export function formatCredentials(
  entries: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  assertEntries(entries);
  const sorted = Object.entries(entries).sort(([left], [right]) => left < right ? -1 : 1);
  const bytes = encodeUtf8(JSON.stringify(Object.fromEntries(sorted), null, 2));
  if (bytes.length <= MAX_BYTES) return bytes;
  throw new KeyringError("ERR_KEYRING_ENTRY", "Cannot store the credentials: they are too large", {
    reason: "too_large",
  });
}
