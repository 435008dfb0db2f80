/** When there is colour. @module */

import type { Env, Terminal } from "../ports.ts";
import type { Options } from "./options.ts";

/** Colours, or functions that change nothing. */
export type Style = Readonly<
  Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", (text: string) => string>
>;

/** No colours. */
export const PLAIN: Style = {
  bold: (text) => text,
  dim: (text) => text,
  red: (text) => text,
  green: (text) => text,
  yellow: (text) => text,
  cyan: (text) => text,
};

/** True when a stream is to be coloured: flags, NO_COLOR, FORCE_COLOR, then whether it is a terminal. */
export function wantsColor(
  stream: "stdout" | "stderr",
  { terminal, env }: { readonly terminal: Terminal; readonly env: Env },
  options: Options,
): boolean {
  if (options.has("color")) return true;
  if (options.isOff("color")) return false;
  if ((env.get("NO_COLOR") ?? "") !== "") return false;
  const force = env.get("FORCE_COLOR") ?? "";
  if (force !== "") return force !== "0" && force !== "false";
  return env.get("TERM") !== "dumb" && terminal.isTerminal(stream);
}
