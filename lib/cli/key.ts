/** `ati key`: upstream credentials in the plaintext store of the state directory. @module */

import { KeyringError } from "../errors.ts";
import { readCredentials, removeCredential, setCredential } from "../keyring/credentials.ts";
import { maskSecret } from "../keyring/mask.ts";
import { assertKeyName } from "../keyring/name.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";
import { readSecret } from "./input.ts";

const NAME_COLUMNS = 30;

/** Runs `ati key set`. */
export async function setKey(context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  const name = context.arguments[0] ?? "";
  assertKeyName(name);
  const value = await readSecret(context, name);
  const directory = directoryOf(context);
  await runtime.files.makeDirectory(directory);
  await setCredential(directory, name, value, runtime.files);
  output.note(`saved ${name}`);
  if (output.jsonFlag) await showName(context, name);
  return 0;
}

/** Runs `ati key list`. */
export async function listKeys(context: CommandContext): Promise<number> {
  const entries = Object.entries(
    await readCredentials(directoryOf(context), context.runtime.files),
  );
  const masked = entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value: maskSecret(value) }));
  const lines = masked.map(({ name, value }) => `${name.padEnd(NAME_COLUMNS)} ${value}`);
  await context.output.show({
    data: masked,
    text: lines.length === 0 ? ["No keys stored. `ati key set <name>` stores one."] : lines,
    table: { head: ["NAME", "VALUE"], rows: masked.map(({ name, value }) => [name, value]) },
  }, { terminal: lines.length === 0 ? "text" : "table", piped: "text" });
  return 0;
}

/** Runs `ati key remove`. */
export async function removeKey(context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  // Any name: what `key list` shows, of whoever's making, can be removed.
  const name = context.arguments[0] ?? "";
  if (!await removeCredential(directoryOf(context), name, runtime.files)) {
    throw new KeyringError("ERR_KEYRING_NOT_FOUND", `Key '${name}' not found`, {
      reason: "key_not_found",
      hint: "`ati key list` shows the names",
    });
  }
  output.note(`removed ${name}`);
  if (output.jsonFlag) await showName(context, name);
  return 0;
}

async function showName({ output }: CommandContext, name: string): Promise<void> {
  await output.show({ data: { name }, text: [name] }, { terminal: "json", piped: "json" });
}

function directoryOf({ runtime, options }: CommandContext): string {
  return resolveAtiDirectory(runtime.env, options.text("atiDir"));
}
