/** What may be said of an error that nobody foresaw. @module */

const FRAME_REGEXP = /^\s+at /;
const MAX_FRAMES = 12;

/**
 * Where an unforeseen error came from: its name and its innermost frames. Never its message, nor
 * anything else it holds: that may be a token, a header or text of a file.
 */
export function traceError(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const stack = error.stack ?? "";
  const start = error.message === "" ? 0 : stack.lastIndexOf(error.message) + error.message.length;
  const frames = stack.slice(start).split("\n").filter((line) => FRAME_REGEXP.test(line));
  return [error.constructor.name, ...frames.slice(0, MAX_FRAMES).map((frame) => frame.trim())]
    .join(" < ");
}
