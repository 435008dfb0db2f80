/**
 * What people and scripts see: results on standard output, everything else on standard error.
 *
 * In JSON mode standard error holds at most one thing, the error object: notes wait until the
 * command has succeeded and are dropped when it fails.
 *
 * @module
 */

import type { Env, Terminal } from "../ports.ts";
import { formatJson, type Table, toKeyValues } from "./format.ts";
import { type Options, usageError } from "./options.ts";
import { describeError, type FailOptions, formatJsonError, formatTextError } from "./report.ts";
import { PLAIN, type Style, wantsColor } from "./style.ts";

/** How results are printed. */
export type Format = "json" | "table" | "text";

/** A result in every form it can be asked for. */
export interface View {
  /** For `json`. */
  readonly data: unknown;
  /** For `text`: lines. */
  readonly text: readonly string[];
  /** For `table`; without it the members of `data` are shown as key and value. */
  readonly table?: Table;
}

/** The format when nobody asked for one: for people, and for the program that reads a pipe. */
export interface Defaults {
  /** Standard output is a terminal. */
  readonly terminal: Format;
  /** It is a pipe or a file. */
  readonly piped: Format;
  /**
   * True for what shells evaluate and other programs take as it is: a variable must not change it,
   * only a flag.
   */
  readonly isScript?: boolean;
}

/** Where the result and the notes of one command go. */
export interface Output {
  /** The format asked for by a flag or by `ATI_OUTPUT`. */
  readonly format: Format | undefined;
  /** True when JSON was asked for on this command line. */
  readonly jsonFlag: boolean;
  /** True when standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Colours of standard output. */
  readonly style: Style;
  /** Prints a result. */
  show(view: View, defaults: Defaults): Promise<void>;
  /** Prints a line on standard output. */
  line(text: string): void;
  /** Confirms, on standard error. */
  note(text: string): void;
  /** Warns, on standard error. */
  warn(text: string): void;
  /** Gives advice, on standard error. */
  hint(text: string): void;
  /** Reports an error and returns its exit code. */
  fail(error: unknown, options?: FailOptions): number;
  /** Prints the notes that waited. */
  settle(): void;
}

/**
 * Opens the output for one command line.
 *
 * @throws {AtiError} `ERR_USAGE` when `ATI_OUTPUT` names no format.
 */
export async function openOutput(
  ports: { readonly terminal: Terminal; readonly env: Env },
  options: Options,
): Promise<Output> {
  const { terminal } = ports;
  const format = resolveFormat(options, ports.env);
  const isGiven = givenFormat(options) !== undefined;
  const isTerminal = terminal.isTerminal("stdout");
  const errorIsJson = format === undefined ? !terminal.isTerminal("stderr") : format === "json";
  const style = await loadStyle(wantsColor("stdout", ports, options));
  const errorStyle = await loadStyle(wantsColor("stderr", ports, options));
  const waiting: string[] = [];

  function aside(text: string): void {
    if (options.has("quiet")) return;
    if (errorIsJson) waiting.push(text);
    else terminal.write("stderr", `${text}\n`);
  }

  return {
    format,
    jsonFlag: format === "json" && isGiven,
    isTerminal,
    style,
    async show(view, defaults) {
      const asked = defaults.isScript === true && !isGiven ? undefined : format;
      const chosen = asked ?? (isTerminal ? defaults.terminal : defaults.piped);
      terminal.write("stdout", await renderView(view, chosen, terminal.columns()));
    },
    line: (text) => terminal.write("stdout", `${text}\n`),
    note: (text) => aside(`${errorStyle.green("✓")} ${text}`),
    warn: (text) => aside(`${errorStyle.yellow("warning:")} ${text}`),
    hint: (text) => aside(`${errorStyle.cyan("hint:")} ${text}`),
    fail(error, failOptions = {}) {
      const report = describeError(error, failOptions, options.has("verbose"));
      const text = errorIsJson ? formatJsonError(report) : formatTextError(report, errorStyle);
      terminal.write("stderr", text);
      return report.exitCode;
    },
    settle() {
      for (const text of waiting.splice(0)) terminal.write("stderr", `${text}\n`);
    },
  };
}

/** Colours for a stream, or the plain style. */
export async function loadStyle(enabled: boolean): Promise<Style> {
  if (!enabled) return PLAIN;
  const { default: picocolors } = await import("picocolors");
  return picocolors.createColors(true);
}

function givenFormat(options: Options): string | undefined {
  return options.has("json") ? "json" : options.text("output") ?? options.text("format");
}

function resolveFormat(options: Options, env: Env): Format | undefined {
  const given = givenFormat(options);
  if (isFormat(given)) return given;
  const variable = env.get("ATI_OUTPUT") || undefined;
  if (variable === undefined || isFormat(variable)) return variable;
  throw usageError("ATI_OUTPUT must be one of json, table, text");
}

function isFormat(text: string | undefined): text is Format {
  return text === "json" || text === "table" || text === "text";
}

async function renderView(
  view: View,
  format: Format,
  columns: number | undefined,
): Promise<string> {
  switch (format) {
    case "json":
      return `${formatJson(view.data)}\n`;
    case "text":
      return view.text.map((line) => `${line}\n`).join("");
    case "table": {
      const { renderTable } = await import("./table.ts");
      return renderTable(view.table ?? toKeyValues(view.data), columns);
    }
  }
}
