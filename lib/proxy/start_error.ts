/** Why a start was refused, for the person who reads it. @module */

import { isAtiError } from "../errors.ts";
import { traceError } from "./trace.ts";

/**
 * Formats what stopped a start as lines of text: what and why, every issue of a manifest, how to mend
 * it. Holds no value of a setting and no text of a file.
 *
 * @example Usage
 * ```ts
 * import { ConfigError, formatStartError } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const error = new ConfigError("Cannot read PORT: not a whole number", { hint: "unset it" });
 * assert.equal(
 *   formatStartError(error),
 *   "error: Cannot read PORT: not a whole number\nhint: unset it\n",
 * );
 * ```
 */
export function formatStartError(error: unknown): string {
  if (!isAtiError(error)) return `error: Cannot start: an unforeseen error\n${traceError(error)}\n`;
  const hint = error.hint === undefined ? [] : [`hint: ${error.hint}`];
  return [`error: ${error.message}`, ...hint, ""].join("\n");
}
