/** Reading one line from a terminal in raw mode without showing it. @module */

/** The part of `process.stdin` that is used. */
export interface RawInput {
  setRawMode(raw: boolean): unknown;
  on(event: "data" | "end", listener: (chunk: Uint8Array | string) => void): unknown;
  removeListener(event: "data" | "end", listener: (chunk: Uint8Array | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/**
 * Shows a prompt and reads until Enter. Knows backspace, Ctrl-U (start over) and escape sequences
 * (ignored); Ctrl-C, and Ctrl-D on an empty line, cancel. The terminal is restored in every case.
 *
 * @returns The line, or `undefined` when it was cancelled or the input ended.
 */
export function readHiddenLine(
  input: RawInput,
  write: (text: string) => void,
  prompt: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const editor = new LineEditor();
    const decoder = new TextDecoder();
    const finish = (line: string | undefined): void => {
      input.removeListener("data", onData);
      input.removeListener("end", onEnd);
      input.setRawMode(false);
      input.pause();
      write("\n");
      resolve(line);
    };
    const onData = (chunk: Uint8Array | string): void => {
      const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
      for (const key of text) {
        const outcome = editor.press(key);
        if (outcome !== "more") return finish(outcome === "done" ? editor.line : undefined);
      }
    };
    const onEnd = (): void => finish(undefined);
    // Raw before the prompt: what is typed early must not be echoed.
    input.setRawMode(true);
    write(prompt);
    input.on("data", onData);
    input.on("end", onEnd);
    input.resume();
  });
}

class LineEditor {
  #keys: string[] = [];
  #escape: "none" | "started" | "inside" = "none";

  get line(): string {
    return this.#keys.join("");
  }

  press(key: string): "more" | "done" | "cancelled" {
    if (this.#skipsEscape(key)) return "more";
    if (key === "\r" || key === "\n") return "done";
    if (key === CTRL_C || (key === CTRL_D && this.#keys.length === 0)) return "cancelled";
    if (key === BACKSPACE || key === DELETE) this.#keys.pop();
    else if (key === CTRL_U) this.#keys = [];
    else if (key >= " " || key === "\t") this.#keys.push(key);
    return "more";
  }

  // Arrow keys and pasted text's brackets arrive as ESC [ … letter (ECMA-48 §5.4).
  #skipsEscape(key: string): boolean {
    if (key === "\x1b") this.#escape = "started";
    else if (this.#escape === "started") {
      this.#escape = key === "[" || key === "O" ? "inside" : "none";
    } else if (this.#escape === "inside") this.#escape = /[@-~]/.test(key) ? "none" : "inside";
    else return false;
    return true;
  }
}

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_U = "\x15";
const BACKSPACE = "\b";
const DELETE = "\x7f";
