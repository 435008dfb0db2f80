/** Names of credentials, and what an entry may be. @module */

import { KeyringError } from "../errors.ts";
import { MAX_NAME_CHARS } from "../limits.ts";

// Controls and direction marks deceive terminals; lone surrogates cannot be written to a file.
const DECEPTIVE_REGEXP = /[\p{Cc}\p{Cf}\p{Cs}]/u;
// A slash would leave a folder of one file a name, an equals sign would end a variable's name.
const RESERVED_REGEXP = /[/\\=]/;

/**
 * Refuses a name that a person should not give a credential: it is empty, `.` or `..`, longer than
 * {@link MAX_NAME_CHARS}, begins or ends with white space, or holds a slash, a backslash, `=`, or a
 * control or direction character.
 *
 * @param name The name.
 * @throws {KeyringError} `ERR_KEYRING_ENTRY` (reason `name`).
 */
export function assertKeyName(name: string): void {
  assertReadableName(name);
  if (name.length > MAX_NAME_CHARS) throw nameError("it is too long");
  if (name !== name.trim()) throw nameError("it begins or ends with white space");
  if (name === "." || name === ".." || RESERVED_REGEXP.test(name)) {
    throw nameError("it holds a slash, a backslash or an equals sign, or is a folder's name");
  }
}

/**
 * Checks that every name can be read back and every value is text. Milder than {@link assertKeyName}:
 * files of the reference and labels of a password manager may hold blanks and slashes.
 *
 * @throws {KeyringError} `ERR_KEYRING_ENTRY` with reason `name` or `value`.
 */
export function assertEntries(
  entries: Readonly<Record<string, unknown>>,
): asserts entries is Record<string, string> {
  for (const [name, value] of Object.entries(entries)) {
    assertReadableName(name);
    if (typeof value !== "string") {
      throw new KeyringError("ERR_KEYRING_ENTRY", `Cannot use entry "${name}": it is not a text`, {
        reason: "value",
      });
    }
  }
}

function assertReadableName(name: string): void {
  if (name === "") throw nameError("it is empty");
  if (DECEPTIVE_REGEXP.test(name)) throw nameError("it holds control or direction characters");
  // The JSON reader refuses this member, so that a file with it could not be read again.
  if (name === "__proto__") throw nameError("it is reserved");
}

function nameError(why: string): KeyringError {
  return new KeyringError("ERR_KEYRING_ENTRY", `Cannot use the name of a credential: ${why}`, {
    reason: "name",
    hint: "use letters, digits and underscores, for example github_token",
  });
}
