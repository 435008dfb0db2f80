/** The completion script for zsh. @module */

import type { CompletionModel, CompletionNode, OptionWord } from "./completion_model.ts";

/** Renders the script. */
export function renderZsh({ nodes, globals }: CompletionModel): string {
  const commands = nodes.slice(1).map(({ path }) => `"${path}"`).join(" | ");
  return `#compdef ati
# zsh completion for ati: save it as _ati in a folder of $fpath
_ati() {
  local at=ati index
  local -a items
  for ((index = 2; index < CURRENT; index++)); do
    case "$at \${words[index]}" in
      (${commands}) at="$at \${words[index]}" ;;
    esac
  done
  case "$at \${words[CURRENT - 1]}" in
${[...nodes.flatMap(renderValues), ...renderOptionValues("*", globals)].join("\n")}
  esac
  case "$at" in
${nodes.map((node) => renderNode(node, globals)).join("\n")}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _ati "$@"; else compdef _ati ati; fi
`;
}

function renderValues({ path, options }: CompletionNode): string[] {
  return renderOptionValues(`"${path}"`, options);
}

function renderOptionValues(at: string, options: readonly OptionWord[]): string[] {
  return options.filter(({ value }) => value !== "none").map(({ flags, value }) => {
    const patterns = flags.map((flag) => `${at}" ${flag}"`).join(" | ");
    return `    (${patterns}) ${offer(value)}; return ;;`;
  });
}

function renderNode(node: CompletionNode, globals: readonly OptionWord[]): string {
  const { path, words, paths, options } = node;
  const flags = [...options, ...globals].flatMap((option) =>
    option.flags.map((flag) => describe(flag, option.summary))
  );
  const rest = paths === undefined
    ? `items=(${words.map(({ text, summary }) => describe(text, summary)).join(" ")})
      _describe -t values value items`
    : offer(paths);
  return `    ("${path}")
      if [[ \${words[CURRENT]} == -* ]]; then
        items=(${flags.join(" ")})
        _describe -t options option items
        return
      fi
      ${rest} ;;`;
}

function offer(value: OptionWord["value"]): string {
  if (value === "file") return "_files";
  if (value === "directory") return "_files -/";
  return typeof value === "string" ? "_message value" : `compadd -- ${value.join(" ")}`;
}

function describe(text: string, summary: string): string {
  const description = summary === "" ? "" : `:${summary}`;
  return `'${`${text}${description}`.replaceAll("'", "'\\''")}'`;
}
