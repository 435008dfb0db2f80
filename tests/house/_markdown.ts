/** The fenced blocks of a document. @module */

/** One fenced block. */
export interface Fence {
  /** What stands behind the backticks, for example `sh`. */
  readonly language: string;
  /** 1-based line of the first line inside. */
  readonly line: number;
  /** The text inside. */
  readonly code: string;
}

/** The fenced blocks of a Markdown text, in order. */
export function parseFences(text: string): Fence[] {
  return [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    line: text.slice(0, match.index).split("\n").length + 1,
    code: match[2] ?? "",
  }));
}
