/** What can be typed after each command, whatever the shell, from the table of commands. @module */

import type { CommandSpec } from "./command.ts";
import { type Completes, type OptionSpec, takesValue } from "./options.ts";

const HELP_OPTION: OptionSpec = { flags: "-h, --help", summary: "Show the page of the command" };
const VERSION_OPTION: OptionSpec = { flags: "-V, --version", summary: "Show the version" };

/** Everything that can be typed, whatever the shell. */
export interface CompletionModel {
  /** Every command, the program first. */
  readonly nodes: readonly CompletionNode[];
  /** The options of every command. */
  readonly globals: readonly OptionWord[];
}

/** What can be typed after one command, besides the options of every command. */
export interface CompletionNode {
  /** The words that lead here, for example `ati token issue`. */
  readonly path: string;
  /** Words that may follow: commands, or values of the argument. */
  readonly words: readonly Word[];
  /** Paths may follow. */
  readonly paths: "file" | "directory" | undefined;
  /** Its own options. */
  readonly options: readonly OptionWord[];
}

/** A word and what it means. */
export interface Word {
  /** As typed. */
  readonly text: string;
  /** In one line; may be empty. */
  readonly summary: string;
}

/** An option as shells see it. */
export interface OptionWord {
  /** Its spellings, with dashes. */
  readonly flags: readonly string[];
  /** In one line. */
  readonly summary: string;
  /** What its value may be; `none` for a switch, `any` where nothing can be offered. */
  readonly value: Completes | "none" | "any";
}

/** The tables that the scripts are made from. */
export interface CompletionInput {
  /** The program. */
  readonly program: CommandSpec;
  /** Options of every command. */
  readonly globals: readonly OptionSpec[];
}

/** Makes the model. */
export function createCompletionModel({ program, globals }: CompletionInput): CompletionModel {
  return {
    nodes: listNodes([program]),
    globals: toOptionWords([...globals, HELP_OPTION, VERSION_OPTION]),
  };
}

function listNodes(path: readonly CommandSpec[]): CompletionNode[] {
  const command = path.at(-1) as CommandSpec;
  const children = command.commands ?? [];
  const completes = command.arguments?.at(-1)?.completes;
  const values = Array.isArray(completes) ? completes as readonly string[] : [];
  const node: CompletionNode = {
    path: path.map(({ name }) => name).join(" "),
    words: [
      ...children.map(({ name, summary }) => ({ text: name, summary })),
      ...values.map((text) => ({ text, summary: "" })),
    ],
    paths: completes === "file" || completes === "directory" ? completes : undefined,
    options: toOptionWords(command.options ?? []),
  };
  return [node, ...children.flatMap((child) => listNodes([...path, child]))];
}

function toOptionWords(options: readonly OptionSpec[]): OptionWord[] {
  return options.filter(({ hidden }) => hidden !== true).map((option) => ({
    flags: option.flags.replace(/ <.*$/, "").split(", "),
    summary: option.summary,
    value: takesValue(option) ? option.choices ?? option.completes ?? "any" : "none",
  }));
}
