/** Credentials that stand in files of their own: `@file:/run/secrets/token`. @module */

import { isAtiError, KeyringError } from "../errors.ts";
import { decodeUtf8 } from "../encoding/utf8.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files } from "../ports.ts";

const PREFIX = "@file:";

/**
 * Replaces each value `@file:<path>` by the trimmed text of that file.
 *
 * @param entries Values by name.
 * @param files Files.
 * @throws {KeyringError} `ERR_KEYRING_REFERENCE` with reason `missing`, `unreadable` or `not_utf8`;
 * names the entry, not the path.
 */
export async function resolveReferences(
  entries: Readonly<Record<string, string>>,
  files: Files,
): Promise<Record<string, string>> {
  const resolved: [string, string][] = [];
  for (const [name, value] of Object.entries(entries)) {
    const isReference = value.startsWith(PREFIX);
    const text = isReference ? await readReference(name, value.slice(PREFIX.length), files) : value;
    resolved.push([name, text]);
  }
  return Object.fromEntries(resolved);
}

async function readReference(name: string, path: string, files: Files): Promise<string> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = path === "" ? undefined : await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  } catch (error) {
    if (!isAtiError(error)) throw error;
    throw referenceError(name, "unreadable");
  }
  if (bytes === undefined) throw referenceError(name, "missing");
  try {
    return decodeUtf8(bytes).trim();
  } catch {
    throw referenceError(name, "not_utf8");
  }
}

function referenceError(name: string, reason: "missing" | "unreadable" | "not_utf8"): KeyringError {
  const why = {
    missing: "is missing",
    unreadable: "cannot be read",
    not_utf8: "is not UTF-8 text",
  };
  const message = `Cannot load entry "${name}": the file it refers to ${why[reason]}`;
  return new KeyringError("ERR_KEYRING_REFERENCE", message, {
    reason,
    hint: "the value is @file: and a path; check the path and its permissions",
  });
}
