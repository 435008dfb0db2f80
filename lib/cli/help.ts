/** Help pages, drawn from the table of commands. @module */

import type { CommandSpec } from "./command.ts";
import { wrapText } from "./format.ts";
import { longFlag, type OptionSpec } from "./options.ts";
import type { Style } from "./style.ts";

const MAX_WIDTH = 100;
const MIN_TEXT_WIDTH = 24;
const EXIT_CODES: readonly string[] = [
  "0 success  1 failure  2 mistake in the input  3 credential missing or expired",
  "4 upstream or another program failed  5 rate limit",
];
const HELP_OPTION: OptionSpec = { flags: "-h, --help", summary: "Show this page" };
const VERSION_OPTION: OptionSpec = { flags: "-V, --version", summary: "Show the version" };

/** How a page is drawn. */
export interface HelpLook {
  /** Colours, or none. */
  readonly style: Style;
  /** Columns to wrap at. */
  readonly columns: number;
  /** The options that every command takes. */
  readonly globals: readonly OptionSpec[];
}

/** The page of a command, given with the commands it stands under. Ends with a line feed. */
export function renderHelp(path: readonly CommandSpec[], look: HelpLook): string {
  const { style, globals } = look;
  const width = Math.min(look.columns, MAX_WIDTH);
  const command = path.at(-1);
  if (command === undefined) return "";
  const isRoot = path.length === 1;
  const options = isRoot
    ? [...globals, HELP_OPTION, VERSION_OPTION]
    : [...command.options ?? [], HELP_OPTION];
  const description = command.description ?? `${command.summary.replace(/\.$/, "")}.`;
  const sections = [
    [`${style.bold("Usage:")} ${formatUsage(path)}`],
    wrapText(description, width),
    formatItems("Commands:", (command.commands ?? []).map(toCommandItem), { style, width }),
    formatItems("Arguments:", (command.arguments ?? []).map(toArgumentItem), { style, width }),
    formatItems("Options:", options.filter(isVisible).map(toOptionItem), { style, width }),
    isRoot ? [] : formatGlobals(globals, width),
    formatExamples(command.examples ?? [], style),
    isRoot ? [style.bold("Exit codes:"), ...EXIT_CODES.map((line) => `  ${line}`)] : [],
  ];
  const pages = sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return `${pages.join("\n\n")}\n`;
}

/** How a command is called: `ati token issue [options]`. */
export function formatUsage(path: readonly CommandSpec[]): string {
  const command = path.at(-1);
  const ownWords = ["[options]", ...(command?.arguments ?? []).map((argument) => argument.usage)];
  const rest = command?.commands === undefined
    ? ownWords
    : command.run === undefined
    ? ["<command>"]
    : ["[command]", ...ownWords];
  return [...path.map(({ name }) => name), ...rest].join(" ");
}

interface Item {
  readonly term: string;
  readonly text: string;
}

interface Layout {
  readonly style: Style;
  readonly width: number;
}

function formatItems(title: string, items: readonly Item[], { style, width }: Layout): string[] {
  if (items.length === 0) return [];
  const termWidth = Math.max(...items.map(({ term }) => term.length));
  const indent = termWidth + 4;
  const lines = items.flatMap(({ term, text }) => {
    const [first = "", ...more] = wrapText(text, Math.max(width - indent, MIN_TEXT_WIDTH));
    const head = `  ${style.cyan(term)}${" ".repeat(termWidth - term.length)}  ${first}`;
    return [head, ...more.map((line) => " ".repeat(indent) + line)];
  });
  return [style.bold(title), ...lines];
}

function formatGlobals(globals: readonly OptionSpec[], width: number): string[] {
  const flags = globals.filter(isVisible).map(longFlag).join(", ");
  return wrapText(`Also, as everywhere: ${flags} (see \`ati --help\`).`, width);
}

function formatExamples(examples: readonly string[], style: Style): string[] {
  if (examples.length === 0) return [];
  return [style.bold("Examples:"), ...examples.map((line) => `  ${line}`)];
}

function toCommandItem({ name, summary }: CommandSpec): Item {
  return { term: name, text: summary };
}

function toArgumentItem(argument: { readonly usage: string; readonly summary: string }): Item {
  return { term: argument.usage, text: argument.summary };
}

function toOptionItem(option: OptionSpec): Item {
  const notes = [
    ...(option.choices === undefined ? [] : [option.choices.join(", ")]),
    ...(option.fallback === undefined ? [] : [`default: ${option.fallback}`]),
    ...(option.required === true ? ["required"] : []),
    ...(option.repeatable === true ? ["repeatable"] : []),
  ];
  // Options with and without a short form line up at their long one.
  const term = option.flags.startsWith("--") ? `    ${option.flags}` : option.flags;
  const text = notes.length === 0 ? option.summary : `${option.summary} (${notes.join("; ")})`;
  return { term, text };
}

function isVisible(option: OptionSpec): boolean {
  return option.hidden !== true;
}
