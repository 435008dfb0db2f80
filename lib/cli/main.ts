/**
 * The command line: arguments and a runtime in, an exit code out. Nothing here ends the process.
 *
 * @module
 */

import type { Runtime } from "../ports.ts";
import type { CommandContext, CommandSpec } from "./command.ts";
import { type Options, readOptions } from "./options.ts";
import { loadStyle, openOutput, type Output } from "./output.ts";
import { type CommandLine, parseCommandLine } from "./program.ts";
import { GLOBAL_OPTIONS } from "./shared_options.ts";
import { wantsColor } from "./style.ts";

const DEFAULT_COLUMNS = 80;
const USAGE_EXIT_CODE = 2;

/**
 * Runs one command line.
 *
 * @param args The words after the program's name.
 * @param runtime The machine.
 * @returns The exit code: 0 success, 1 failure, 2 mistake in the input, 3 credentials, 4 upstream,
 *   5 rate limit.
 */
export async function main(args: readonly string[], runtime: Runtime): Promise<number> {
  const line = parseCommandLine(args);
  if (line.kind === "help") return await showHelp(line, runtime);
  let output: Output;
  try {
    output = await openOutput(runtime, line.options);
  } catch (error) {
    return (await openPlainOutput(runtime, line.options)).fail(error);
  }
  switch (line.kind) {
    case "mistake":
      return await failUsage(line, output);
    case "version": {
      const { showVersion } = await import("./version.ts");
      return await showVersion({ runtime, output, arguments: [], options: line.options });
    }
    case "run":
      return await run(line.path.at(-1), { ...line, runtime, output });
  }
}

async function run(command: CommandSpec | undefined, context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  try {
    const exitCode = await command?.run?.(context) ?? 0;
    if (exitCode !== 0) return exitCode;
    // A result that did not fit on the disk is none: `ati token issue … > token` must not pass for done.
    await runtime.terminal.flush();
    output.settle();
    return 0;
  } catch (error) {
    return output.fail(error);
  }
}

async function failUsage(
  line: Extract<CommandLine, { kind: "mistake" }>,
  output: Output,
): Promise<number> {
  const { formatUsage } = await import("./help.ts");
  return output.fail(line.error, { usage: formatUsage(line.path) });
}

// A page that was asked for is a result; one that is shown instead of a result is not.
async function showHelp(
  line: Extract<CommandLine, { kind: "help" }>,
  { terminal, env }: Runtime,
): Promise<number> {
  const stream = line.asked ? "stdout" : "stderr";
  const style = await loadStyle(wantsColor(stream, { terminal, env }, line.options));
  const { renderHelp } = await import("./help.ts");
  const columns = terminal.columns() ?? DEFAULT_COLUMNS;
  terminal.write(stream, renderHelp(line.path, { style, columns, globals: GLOBAL_OPTIONS }));
  return line.asked ? 0 : USAGE_EXIT_CODE;
}

// For the one error that openOutput itself makes: a variable that names no format.
function openPlainOutput({ terminal }: Runtime, options: Options): Promise<Output> {
  const env = { get: () => undefined, names: () => [] };
  return openOutput({ terminal, env }, options.has("json") ? options : readOptions({}));
}
