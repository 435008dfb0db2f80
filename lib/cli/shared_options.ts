/** Options that several commands take, as data. @module */

import type { OptionSpec } from "./options.ts";

/** Where the state is. */
export const ATI_DIR: OptionSpec = {
  flags: "--ati-dir <dir>",
  summary: "State directory",
  fallback: "$ATI_DIR, else ~/.ati",
  completes: "directory",
};

/** The options that every command takes, before or after its name. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--output <format>",
    summary: "Output format; $ATI_OUTPUT sets it for all commands",
    choices: ["json", "table", "text"],
  },
  {
    flags: "--format <format>",
    summary: "Same as --output",
    choices: ["json", "table", "text"],
    hidden: true,
  },
  { flags: "-J, --json", summary: "Same as --output json" },
  { flags: "--quiet", summary: "No confirmations, warnings or hints" },
  { flags: "--verbose", summary: "Show what caused an error" },
  { flags: "--color", summary: "Colour even when the output is no terminal" },
  { flags: "--no-color", summary: "No colour, also not on a terminal" },
];
