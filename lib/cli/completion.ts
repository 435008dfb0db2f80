/** `ati completion`: shell completion scripts, generated from the table of commands. @module */

import type { CommandContext } from "./command.ts";
import {
  type CompletionInput,
  type CompletionModel,
  createCompletionModel,
} from "./completion_model.ts";
import { usageError } from "./options.ts";

/** Runs `ati completion`. */
export async function printCompletion(
  { output, ...context }: CommandContext,
  input: CompletionInput,
): Promise<number> {
  const [shell] = context.arguments;
  const script = await renderScript(shell, createCompletionModel(input));
  await output.show(
    { data: { shell, script }, text: [script.trimEnd()] },
    { terminal: "text", piped: "text", isScript: true },
  );
  return 0;
}

async function renderScript(
  shell: string | undefined,
  model: CompletionModel,
): Promise<string> {
  switch (shell) {
    case "bash":
      return (await import("./completion_bash.ts")).renderBash(model);
    case "zsh":
      return (await import("./completion_zsh.ts")).renderZsh(model);
    case "fish":
      return (await import("./completion_fish.ts")).renderFish(model);
    default:
      throw usageError("There is no completion for this shell", "bash, zsh and fish are supported");
  }
}
