/** `ati keyring`: the sealed keyring, for hosts without a password manager. @module */

import { parseEntries } from "../keyring/entries.ts";
import { openFromDirectory, type SealedFiles, sealToDirectory } from "../keyring/sealed_files.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./format.ts";
import { readInputText } from "./input.ts";
import { usageError } from "./options.ts";
import type { View } from "./output.ts";

/** Runs `ati keyring seal`. */
export async function seal({ runtime, output, options }: CommandContext): Promise<number> {
  if (runtime.terminal.isTerminal("stdin")) {
    throw usageError(
      "Nothing to seal: standard input is the terminal",
      "pipe a JSON object or dotenv lines: `ati keyring seal < credentials.env`",
    );
  }
  const entries = parseEntries(await readInputText(runtime));
  const directory = resolveAtiDirectory(runtime.env, options.text("atiDir"));
  const sealed = await sealToDirectory(directory, entries, runtime.files);
  await output.show(describeSealed(sealed, entries), { terminal: "text", piped: "text" });
  output.hint("a running proxy reads it on SIGHUP");
  return 0;
}

/** Runs `ati keyring open --names`. */
export async function open({ runtime, output, options }: CommandContext): Promise<number> {
  const directory = resolveAtiDirectory(runtime.env, options.text("atiDir"));
  const names = Object.keys(await openFromDirectory(directory, runtime.files)).sort();
  await output.show({
    data: names,
    text: names.map(printable),
    table: { head: ["NAME"], rows: names.map((name) => [name]) },
  }, { terminal: "text", piped: "text" });
  return 0;
}

/** What was sealed and where: names, never values. */
export function describeSealed(
  { keyringPath, keyPath, sizeBytes }: SealedFiles,
  entries: Readonly<Record<string, string>>,
): View {
  return {
    data: {
      path: keyringPath,
      bytes: sizeBytes,
      key_path: keyPath,
      names: Object.keys(entries).sort(),
    },
    text: [`wrote ${keyringPath} (${sizeBytes} bytes) and ${keyPath} (session key)`],
  };
}
