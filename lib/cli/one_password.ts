/** Credentials from an item of 1Password, by its command line program. @module */

import { decodeUtf8 } from "../encoding/utf8.ts";
import { FileError, KeyringError } from "../errors.ts";
import { parseOnePasswordItem } from "../keyring/one_password.ts";
import { MAX_TOKEN_FILE_BYTES } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { missingError, type Options, usageError } from "./options.ts";

/**
 * Runs `op item get` and reads its fields. What the program prints on standard error is not shown: it
 * may hold what it was given.
 *
 * @throws {AtiError} `ERR_KEYRING_SOURCE` when `op` fails or gives no fields, `ERR_SPAWN` when it
 *   cannot be run, `ERR_FILE_NOT_FOUND` when the token file is missing.
 */
export async function fetchItem(
  options: Options,
  runtime: Runtime,
): Promise<Record<string, string>> {
  const program = options.text("opPath") ?? "op";
  const vault = readName(options, "vault");
  const item = readName(options, "item");
  const token = await readServiceToken(options.text("opTokenFile"), runtime);
  const result = await runtime.spawn(
    program,
    ["item", "get", "--vault", vault, item, "--format", "json"],
    token === undefined ? {} : { env: { OP_SERVICE_ACCOUNT_TOKEN: token } },
  );
  if (result.code === 0) return parseOnePasswordItem(result.stdout);
  const how = result.code === null ? "was killed" : `ended with exit code ${result.code}`;
  throw new KeyringError("ERR_KEYRING_SOURCE", `Cannot fetch the item: ${program} ${how}`, {
    reason: "op_failed",
    hint: "its own message may quote a secret and is not shown: run `op item get` by hand; " +
      "check vault, item and service account token",
  });
}

async function readServiceToken(
  path: string | undefined,
  { files }: Runtime,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const bytes = await files.read(path, { maxBytes: MAX_TOKEN_FILE_BYTES });
  if (bytes === undefined) {
    throw new FileError("ERR_FILE_NOT_FOUND", `No such file: ${path}`, {
      hint: "--op-token-file names a file with the service account token",
    });
  }
  const token = decodeUtf8(bytes).trim();
  if (token === "") throw missingError(`The file of the service account token is empty: ${path}`);
  return token;
}

// A leading dash would make the name an option of the other program.
function readName(options: Options, name: "vault" | "item"): string {
  const text = options.text(name) ?? "";
  if (text === "" || text.startsWith("-")) throw usageError(`--${name} is not a name`);
  return text;
}
