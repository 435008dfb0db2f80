/** Secrets and tokens from where they are: argument, standard input, prompt, file, variable. @module */

import { decodeUtf8 } from "../encoding/utf8.ts";
import { FileError } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES, MAX_TOKEN_FILE_BYTES } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { SESSION_TOKEN_VARIABLE } from "../session/default_file.ts";
import { resolveToken } from "../session/resolve.ts";
import type { CommandContext } from "./command.ts";
import { missingError, usageError } from "./options.ts";

/** All of standard input as text, without one trailing line break. */
export async function readInputText(runtime: Runtime): Promise<string> {
  return trimLineBreak(decodeUtf8(await runtime.terminal.readInput(MAX_CONFIG_FILE_BYTES)));
}

/**
 * Text of a file that must be there.
 *
 * @throws {FileError} `ERR_FILE_NOT_FOUND` when there is no such file, `ERR_FILE_READ` otherwise.
 */
export async function readFileText(path: string, runtime: Runtime): Promise<string> {
  const bytes = await runtime.files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  if (bytes === undefined) throw new FileError("ERR_FILE_NOT_FOUND", `No such file: ${path}`);
  return decodeUtf8(bytes);
}

/**
 * The value of a credential: `--from-file`, `--from-env`, the argument, `-` or a pipe for standard
 * input, or a hidden prompt on a terminal.
 *
 * @throws {AtiError} `ERR_USAGE` when there is none, or more than one source.
 */
export async function readSecret(context: CommandContext, name: string): Promise<string> {
  const { runtime, options } = context;
  const argument = context.arguments[1];
  const file = options.text("fromFile");
  const variable = options.text("fromEnv");
  if ([argument, file, variable].filter((source) => source !== undefined).length > 1) {
    throw usageError("Give the value once: as argument, --from-file or --from-env");
  }
  const value = await readOneSecret(context, { argument, file, variable, name });
  if (value === "") throw missingError("The value is empty", "nothing was stored");
  if (argument !== undefined && argument !== "-" && runtime.terminal.isTerminal("stderr")) {
    context.output.hint(
      `the value is now in your shell history; next time leave it out, or pipe it to ` +
        `\`ati key set ${name} -\``,
    );
  }
  return value;
}

interface SecretSources {
  readonly argument: string | undefined;
  readonly file: string | undefined;
  readonly variable: string | undefined;
  readonly name: string;
}

async function readOneSecret(
  { runtime }: CommandContext,
  { argument, file, variable, name }: SecretSources,
): Promise<string> {
  if (file !== undefined) return trimLineBreak(await readFileText(file, runtime));
  if (variable !== undefined) return runtime.env.get(variable) ?? "";
  if (argument !== undefined && argument !== "-") return argument;
  if (argument === "-" || !runtime.terminal.isTerminal("stdin")) {
    return await readInputText(runtime);
  }
  const typed = await runtime.terminal.readHidden(`Value of ${name} (not shown): `);
  if (typed === undefined) throw missingError("No value was given", "nothing was stored");
  return typed;
}

/**
 * A token: the argument, standard input when it is `-` or a pipe that holds something, else the
 * session's.
 *
 * @throws {AtiError} `ERR_USAGE` when there is none.
 */
export async function readToken({ runtime, ...context }: CommandContext): Promise<string> {
  const argument = context.arguments[0];
  if (argument !== undefined && argument !== "-") return argument.trim();
  if (argument === "-" || !runtime.terminal.isTerminal("stdin")) {
    const input = decodeUtf8(await runtime.terminal.readInput(MAX_TOKEN_FILE_BYTES)).trim();
    if (input !== "") return input;
  }
  const session = argument === "-"
    ? undefined
    : await resolveToken(SESSION_TOKEN_VARIABLE, runtime);
  if (session !== undefined) return session.token;
  throw missingError(
    "No token was given",
    `pass it as argument, on standard input with -, or set ${SESSION_TOKEN_VARIABLE}`,
  );
}

/** The text without one trailing line break: what `echo secret |` and editors add. */
export function trimLineBreak(text: string): string {
  return text.replace(/\r?\n$/, "");
}
