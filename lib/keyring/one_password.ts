/** Credentials from an item of 1Password, as its command line prints it. @module */

import { KeyringError } from "../errors.ts";
import { isPlainObject, parseJsonObject } from "../encoding/json.ts";
import { assertEntries } from "./name.ts";

/**
 * Parses the output of `op item get --format json`: each field with a label and a value that is a
 * text, both not empty, becomes an entry. Of equal labels the last counts.
 *
 * @param output What `op` printed.
 * @returns Values by label.
 * @throws {KeyringError} `ERR_KEYRING_SOURCE` when it is no JSON object (reason `not_json`) or no
 * field is usable (`no_fields`); `ERR_KEYRING_ENTRY` for a label that cannot be a name.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseOnePasswordItem } from "atikit";
 *
 * const output = '{"fields":[{"label":"github_token","value":"ghp_secret"},{"label":"notes"}]}';
 * assert.deepEqual(parseOnePasswordItem(output), { github_token: "ghp_secret" });
 * ```
 */
export function parseOnePasswordItem(output: Uint8Array | string): Record<string, string> {
  let item: Record<string, unknown>;
  try {
    item = parseJsonObject(output);
  } catch {
    // The output is full of secrets: nothing of what the parser says goes on.
    throw sourceError("not_json", "the output of op is not a JSON object");
  }
  const entries = new Map<string, string>();
  for (const field of Array.isArray(item["fields"]) ? item["fields"] : []) {
    if (!isPlainObject(field)) continue;
    const { label, value } = field;
    if (typeof label !== "string" || typeof value !== "string") continue;
    if (label !== "" && value !== "") entries.set(label, value);
  }
  if (entries.size === 0) throw sourceError("no_fields", "no field has both a label and a value");
  const result = Object.fromEntries(entries);
  assertEntries(result);
  return result;
}

function sourceError(reason: "not_json" | "no_fields", why: string): KeyringError {
  return new KeyringError("ERR_KEYRING_SOURCE", `Cannot read the 1Password item: ${why}`, {
    reason,
  });
}
