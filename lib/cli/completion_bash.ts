/** The completion script for bash (3.2 and later). @module */

import type { CompletionModel, CompletionNode, OptionWord } from "./completion_model.ts";

/** Renders the script. */
export function renderBash({ nodes, globals }: CompletionModel): string {
  const commands = nodes.slice(1).map(({ path }) => quote(path)).join(" | ");
  return `# bash completion for ati: save it, or run  eval "$(ati completion bash)"
_ati() {
  local IFS=$'\\n' at=ati cur prev index
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash splits --flag=value at the equals sign
  if [[ $cur == "=" ]]; then cur=; fi
  if [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$at \${COMP_WORDS[index]}" in
      ${commands})
        at="$at \${COMP_WORDS[index]}" ;;
    esac
  done
  case "$at $prev" in
${[...nodes.flatMap(renderValues), ...renderOptionValues("*", globals)].join("\n")}
  esac
  case "$at" in
${nodes.map((node) => renderNode(node, globals)).join("\n")}
  esac
}
complete -o filenames -F _ati ati
`;
}

function renderValues({ path, options }: CompletionNode): string[] {
  return renderOptionValues(quote(path), options);
}

function renderOptionValues(at: string, options: readonly OptionWord[]): string[] {
  return options.filter(({ value }) => value !== "none").map(({ flags, value }) => {
    const patterns = flags.map((flag) => `${at}${quote(` ${flag}`)}`).join(" | ");
    return `    ${patterns}) ${offer(value)}; return ;;`;
  });
}

function renderNode(node: CompletionNode, globals: readonly OptionWord[]): string {
  const flags = [...node.options, ...globals].flatMap((option) => option.flags);
  const rest = offer(node.paths ?? node.words.map(({ text }) => text));
  return `    ${quote(node.path)})
      if [[ $cur == -* ]]; then ${offer(flags)}; else ${rest}; fi ;;`;
}

function offer(value: OptionWord["value"]): string {
  if (value === "file") return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (value === "directory") return 'COMPREPLY=($(compgen -d -- "$cur"))';
  if (typeof value === "string" || value.length === 0) return "COMPREPLY=()";
  return `COMPREPLY=($(compgen -W $'${value.join("\\n")}' -- "$cur"))`;
}

function quote(text: string): string {
  return `"${text}"`;
}
