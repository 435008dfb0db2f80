/**
 * How an error is told: a sentence and a hint for people, one JSON object for programs.
 *
 * Only messages of our own errors are shown, since only they are known to hold no secret.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import { resolveExit } from "./exit_codes.ts";
import { formatJson, printable } from "./format.ts";
import type { Style } from "./style.ts";

const MAX_CHAIN_LINES = 20;
const MAX_FRAMES = 8;

/** How an error is reported. */
export interface FailOptions {
  /** Exit code instead of the one that belongs to the error. */
  readonly exitCode?: number;
  /** Put before the message. */
  readonly prefix?: string;
  /** The usage line of the command that was mistyped. */
  readonly usage?: string;
}

/** What is told of an error. */
export interface Report {
  /** The reference's code, for example `auth.expired`. */
  readonly code: string;
  /** Exit code of the process. */
  readonly exitCode: number;
  /** What happened. */
  readonly message: string;
  /** Finer than the code. */
  readonly reason: string;
  /** What to do next. */
  readonly hint: string | undefined;
  /** How the command is used. */
  readonly usage: string | undefined;
  /** What caused it; only when asked for. */
  readonly chain: readonly string[];
}

/** Collects what is told of an error, with its causes when `verbose`. */
export function describeError(error: unknown, options: FailOptions, verbose: boolean): Report {
  const known = isAtiError(error) ? error : undefined;
  const { code, exitCode } = known === undefined
    ? { code: "tool.execution_failed", exitCode: 1 }
    : resolveExit(known);
  const message = known?.message ?? `Unexpected ${nameOf(error)}`;
  return {
    code,
    exitCode: options.exitCode ?? exitCode,
    message: options.prefix === undefined ? message : `${options.prefix} ${message}`,
    reason: known?.reason ?? (known?.code ?? "ERR_INTERNAL").slice("ERR_".length).toLowerCase(),
    hint: known === undefined ? "run it again with --verbose to see where" : known.hint,
    usage: options.usage,
    chain: verbose ? listCauses(error) : [],
  };
}

/** The one line of JSON that stands alone on standard error. */
export function formatJsonError(report: Report): string {
  const { code, exitCode, message, reason, hint, chain } = report;
  const members = { code, exit_code: exitCode, message, reason, hint };
  return `${formatJson({ error: chain.length === 0 ? members : { ...members, chain } }, 0)}\n`;
}

/** The lines for people. */
export function formatTextError(report: Report, style: Style): string {
  const [first = "", ...more] = report.message.split("\n").map(printable);
  const lines = [`${style.red("error:")} ${first}`, ...more.map((line) => `  ${line}`)];
  for (const cause of report.chain) lines.push(`  ${style.dim(printable(cause))}`);
  if (report.hint !== undefined) lines.push(`${style.cyan("hint:")} ${printable(report.hint)}`);
  if (report.usage !== undefined) lines.push(`${style.dim("usage:")} ${report.usage}`);
  return `${lines.join("\n")}\n`;
}

function listCauses(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && lines.length < MAX_CHAIN_LINES) {
    if (!isAtiError(current)) {
      const frames = (current.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
      lines.push(nameOf(current), ...frames.slice(0, MAX_FRAMES).map((line) => line.trim()));
    } else if (current !== error) {
      lines.push(`${current.code}: ${current.message}`);
    }
    current = current.cause;
  }
  return lines;
}

function nameOf(error: unknown): string {
  return error instanceof Error && /^[A-Za-z]{1,40}$/.test(error.name) ? error.name : "failure";
}
