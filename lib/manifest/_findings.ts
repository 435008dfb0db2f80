/**
 * What rules across fields hand back.
 *
 * @module
 */

import type { KeyPath } from "./_lines.ts";

/** One thing a rule found. */
export interface RuleFinding {
  /** `error` keeps the manifest from loading, `warning` does not. */
  readonly severity: "error" | "warning";
  /** Where. */
  readonly path: KeyPath;
  /** What: names and allowed values, never a value of the file. */
  readonly message: string;
}

/** Takes what a rule found. */
export type Report = (severity: RuleFinding["severity"], path: KeyPath, message: string) => void;
