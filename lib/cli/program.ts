/**
 * The command line parser: the table of commands, read by commander.
 *
 * commander's own messages quote what was typed, and a mistyped command line may hold a secret:
 * the messages are made here, and quote nothing but words that look like a name.
 *
 * @module
 */

import { Argument, Command, type CommanderError, Option } from "commander";
import type { AtiError } from "../errors.ts";
import type { CommandSpec } from "./command.ts";
import { PROGRAM } from "./commands.ts";
import {
  longFlag,
  missingError,
  type Options,
  type OptionSpec,
  readOptions,
  usageError,
} from "./options.ts";
import { GLOBAL_OPTIONS } from "./shared_options.ts";

/** What a command line asks for. `path` leads from the program to the command. */
export type Intent =
  | { readonly kind: "run"; readonly path: CommandPath; readonly arguments: readonly string[] }
  | { readonly kind: "help"; readonly path: CommandPath; readonly asked: boolean }
  | { readonly kind: "version" }
  | { readonly kind: "mistake"; readonly path: CommandPath; readonly error: AtiError };

/** A command below the commands it stands under, the program first. */
export type CommandPath = readonly CommandSpec[];

/** A command line as read. The options are there also after a mistake: they say how to report it. */
export type CommandLine = Intent & { readonly options: Options };

const NAME_REGEXP = /^[a-z][a-z-]{0,24}$/;
const FLAG_REGEXP = /^(?:--[a-z][a-z0-9-]{0,24}|-[A-Za-z])(?==|$)/;

/** Reads a command line (without the program's own name). Never throws for what was typed. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const outcome: Outcome = { words: new Set(args) };
  const program = buildCommand([PROGRAM], outcome);
  program.version("-", "-V, --version").helpCommand(false);
  for (const option of GLOBAL_OPTIONS) program.addOption(toOption(option));
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (outcome.stop === undefined) throw error;
  }
  const reached = outcome.stop?.command ?? outcome.chosen?.command ?? program;
  return { options: readOptions(reached.optsWithGlobals()), ...interpret(outcome) };
}

interface Reached {
  readonly command: Command;
  readonly path: CommandPath;
}

interface Outcome {
  readonly words: ReadonlySet<string>;
  chosen?: Reached;
  stop?: Reached & { readonly error: CommanderError };
}

function interpret({ chosen, stop }: Outcome): Intent {
  if (stop !== undefined) return interpretStop(stop);
  if (chosen === undefined) return { kind: "help", path: [PROGRAM], asked: false };
  const { command, path } = chosen;
  if (path.at(-1)?.run === undefined) return interpretHelp(command.args);
  const error = checkOptions(command, path);
  if (error !== undefined) return { kind: "mistake", path, error };
  return { kind: "run", path, arguments: command.args };
}

function interpretHelp(words: readonly string[]): Intent {
  const path = [PROGRAM];
  for (const word of words) {
    const child = path.at(-1)?.commands?.find(({ name }) => name === word);
    if (child === undefined) {
      const error = usageError("There is no such command", `see \`${nameOf(path)} --help\``);
      return { kind: "mistake", path, error };
    }
    path.push(child);
  }
  return { kind: "help", path, asked: true };
}

function interpretStop({ command, path, error }: NonNullable<Outcome["stop"]>): Intent {
  switch (error.code) {
    case "commander.version":
      return { kind: "version" };
    case "commander.helpDisplayed":
    case "commander.help":
      return { kind: "help", path, asked: error.exitCode === 0 };
    case "commander.excessArguments":
      return { kind: "mistake", path, error: explainExcess(command.args, path) };
    default:
      return { kind: "mistake", path, error: explain(error, path) };
  }
}

// A command that runs and has others below it takes a mistyped one for an argument.
function explainExcess([word = ""]: readonly string[], path: CommandPath): AtiError {
  const isGroup = path.at(-1)?.commands !== undefined;
  const message = isGroup && NAME_REGEXP.test(word)
    ? `Unknown command "${word}"`
    : "Too many arguments";
  return usageError(message, `see \`${nameOf(path)} --help\``);
}

function explain(error: CommanderError, path: CommandPath): AtiError {
  const suggestion = /\(Did you mean (?:one of )?([^?]+)\?\)/.exec(error.message)?.[1];
  const page = `see \`${nameOf(path)} --help\``;
  const hint = suggestion === undefined ? page : `did you mean ${suggestion}? Otherwise ${page}`;
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption": {
      const flag = FLAG_REGEXP.exec(quoted)?.[0];
      return flag === undefined
        ? usageError("Unknown option", "put -- before a value that starts with a dash")
        : usageError(`Unknown option ${flag}`, hint);
    }
    case "commander.unknownCommand":
      return usageError(
        NAME_REGEXP.test(quoted) ? `Unknown command "${quoted}"` : "Unknown command",
        hint,
      );
    case "commander.missingArgument":
      return missingError(`Missing argument <${quoted}>`, hint);
    case "commander.optionMissingArgument":
      return missingError(`Missing value of ${quoted}`, hint);
    default:
      return usageError("Cannot read the command line", hint);
  }
}

// Not left to commander, which quotes the value of a wrong choice, and tells what is missing before
// it tells what is misspelt.
function checkOptions(command: Command, path: CommandPath): AtiError | undefined {
  const values: Record<string, unknown> = command.optsWithGlobals();
  const own = path.at(-1)?.options ?? [];
  const missing = own.filter((option) =>
    option.required === true && values[toOption(option).attributeName()] === undefined
  );
  if (missing.length > 0) {
    const flags = missing.map(({ flags }) => flags).join(", ");
    return missingError(`Missing ${flags}`, `see \`${nameOf(path)} --help\``);
  }
  for (const option of [...GLOBAL_OPTIONS, ...own]) {
    const value = values[toOption(option).attributeName()];
    if (typeof value === "string" && option.choices?.includes(value) === false) {
      return usageError(`${longFlag(option)} must be one of ${option.choices.join(", ")}`);
    }
  }
  return undefined;
}

function buildCommand(path: CommandPath, outcome: Outcome): Command {
  const spec = path.at(-1) as CommandSpec;
  const command: Command = new Command(spec.name);
  command
    .exitOverride((error) => {
      outcome.stop ??= { command, path, error };
      throw error;
    })
    .configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  // A command that is not named is only there to be suggested: making it whole would cost start-up.
  if (path.length > 1 && !outcome.words.has(spec.name)) return command;
  for (const { usage } of spec.arguments ?? []) command.addArgument(new Argument(usage));
  for (const option of spec.options ?? []) command.addOption(toOption(option));
  for (const child of spec.commands ?? []) {
    command.addCommand(buildCommand([...path, child], outcome));
  }
  if (spec.commands === undefined || spec.run !== undefined) {
    command.action(() => {
      outcome.chosen = { command, path };
    });
  }
  // Groups have one by themselves, but not those that run too.
  if (spec.commands !== undefined && path.length > 1) command.helpCommand(true);
  return command;
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags);
  if (spec.hidden === true) option.hideHelp();
  if (spec.repeatable === true) {
    option.argParser((value: string, previous: readonly string[] | undefined) => [
      ...previous ?? [],
      value,
    ]);
  }
  return option;
}

function nameOf(path: CommandPath): string {
  return path.map(({ name }) => name).join(" ");
}
