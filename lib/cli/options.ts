/** Options: how they are declared, and what was typed. @module */

import { AtiError } from "../errors.ts";

/** What shell completion offers for a value: paths, or these words. */
export type Completes = "file" | "directory" | readonly string[];

/** One option of a command. */
export interface OptionSpec {
  /** As shown in help: `-J, --json`, `--ttl <duration>`. */
  readonly flags: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The value in force when it is not given, as shown in help. */
  readonly fallback?: string;
  /** The only values it takes. */
  readonly choices?: readonly string[];
  /** What shell completion offers for its value, besides `choices`. */
  readonly completes?: Completes;
  /** May be given several times. */
  readonly repeatable?: boolean;
  /** Must be given. */
  readonly required?: boolean;
  /** Works, but is not shown. */
  readonly hidden?: boolean;
}

/** The options as they were typed, by their name in camel case. */
export interface Options {
  /** The option's text, or `undefined` when it was not given. */
  text(name: string): string | undefined;
  /** Every text of a repeatable option. */
  list(name: string): readonly string[];
  /** True when the switch was given. */
  has(name: string): boolean;
  /** True when the switch was given in its negative form, for example `--no-color`. */
  isOff(name: string): boolean;
}

/** Makes the typed view of what the parser read. */
export function readOptions(values: Readonly<Record<string, unknown>>): Options {
  return {
    text(name) {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    list(name) {
      const value = values[name];
      return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
    },
    has: (name) => values[name] === true,
    isOff: (name) => values[name] === false,
  };
}

/** The long name of an option, for example `--ttl`. */
export function longFlag(option: OptionSpec): string {
  return /--[a-z0-9-]+/.exec(option.flags)?.[0] ?? option.flags;
}

/** True when the option takes a value. */
export function takesValue(option: OptionSpec): boolean {
  return option.flags.includes("<");
}

/**
 * The option's text, or `undefined` when it was not given. Given but empty is refused: `--iss "$NAME"`
 * with a variable that is not set must not mean the same as no `--iss`.
 *
 * @throws {AtiError} `ERR_USAGE` when the text is empty; names the option.
 */
export function filledText(options: Options, name: string): string | undefined {
  const text = options.text(name);
  if (text === "") throw emptyError(name);
  return text;
}

/** As {@link filledText}, for a repeatable option. */
export function filledList(options: Options, name: string): readonly string[] {
  const list = options.list(name);
  if (list.includes("")) throw emptyError(name);
  return list;
}

function emptyError(name: string): AtiError {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return missingError(`The value of --${flag} is empty`);
}

/** A mistake in the command line. */
export function usageError(message: string, hint?: string): AtiError {
  return new AtiError("ERR_USAGE", message, { reason: "invalid_value", hint });
}

/** Something the command line lacks. */
export function missingError(message: string, hint?: string): AtiError {
  return new AtiError("ERR_USAGE", message, { reason: "missing_argument", hint });
}
