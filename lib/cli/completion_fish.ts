/** The completion script for fish. @module */

import type { CompletionModel, CompletionNode, OptionWord } from "./completion_model.ts";

/** Renders the script. */
export function renderFish({ nodes, globals }: CompletionModel): string {
  const commands = nodes.slice(1).map(({ path }) => quote(path)).join(" ");
  return `# fish completion for ati: save it as ati.fish in ~/.config/fish/completions
function __ati_at
    set -l at ati
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case ${commands}
                set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
complete -c ati -f
${
    [
      ...globals.map((option) => renderOption("complete -c ati", option)),
      ...nodes.flatMap(renderNode),
    ]
      .join("\n")
  }
`;
}

function renderNode({ path, words, paths, options }: CompletionNode): string[] {
  const start = `complete -c ati -n '__ati_at ${path}'`;
  return [
    ...words.map(({ text, summary }) => `${start} -a ${quote(text)}${describe(summary)}`),
    ...(paths === undefined ? [] : [`${start} ${offer(paths)}`]),
    ...options.map((option) => renderOption(start, option)),
  ];
}

function renderOption(start: string, { flags, summary, value }: OptionWord): string {
  const parts = [start, ...flags.map(toSwitch), offer(value)].filter((part) => part !== "");
  return parts.join(" ") + describe(summary);
}

function toSwitch(flag: string): string {
  return flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}

function offer(value: OptionWord["value"]): string {
  if (value === "none") return "";
  if (value === "any") return "-x";
  if (value === "file") return "-r -F";
  if (value === "directory") return "-x -a '(__fish_complete_directories)'";
  return `-x -a ${quote(value.join(" "))}`;
}

function describe(summary: string): string {
  return summary === "" ? "" : ` -d ${quote(summary)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
