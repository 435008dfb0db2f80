/**
 * What a command is: one table of data per command, from which the parser, the help pages and the
 * shell completion are made, and the function that runs it.
 *
 * @module
 */

import type { Runtime } from "../ports.ts";
import type { Completes, Options, OptionSpec } from "./options.ts";
import type { Output } from "./output.ts";

/** One positional argument of a command. */
export interface ArgumentSpec {
  /** As shown in help: `<name>` is required, `[value]` is not, `[paths...]` takes any number. */
  readonly usage: string;
  /** What it is, in one line. */
  readonly summary: string;
  /** What shell completion offers for it. */
  readonly completes?: Completes;
}

/** One command: a leaf with `run`, a group with `commands`, or one that runs and has others below. */
export interface CommandSpec {
  /** The word typed. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More for its own help page. */
  readonly description?: string;
  /** Positional arguments, in order. */
  readonly arguments?: readonly ArgumentSpec[];
  /** Options, in the order shown. */
  readonly options?: readonly OptionSpec[];
  /** Command lines for the end of the help page. */
  readonly examples?: readonly string[];
  /** Commands below this one. */
  readonly commands?: readonly CommandSpec[];
  /** Loads the command's module and runs it. */
  readonly run?: Action;
}

/** What an action is handed. */
export interface CommandContext {
  /** The machine. */
  readonly runtime: Runtime;
  /** Where results and notes go. */
  readonly output: Output;
  /** The positional arguments. */
  readonly arguments: readonly string[];
  /** The options. */
  readonly options: Options;
}

/** Runs a command and returns its exit code. */
export type Action = (context: CommandContext) => Promise<number>;
