/** The terminal, or the pipes in its place. @module */

import { fstatSync, statSync, writeSync } from "node:fs";
import process from "node:process";
import { FileError } from "../errors.ts";
import type { Terminal } from "../ports.ts";
import { errnoOf } from "./_errno.ts";
import { readHiddenLine } from "./_hidden_line.ts";

/**
 * {@link Terminal} on descriptors 0 to 2. Writes are synchronous, so nothing is lost when the process
 * exits right after; a reader that went away (`ati … | head -1`) silences the stream without an error,
 * a full disk is told by `flush()`.
 */
export const processTerminal: Terminal = {
  write(stream: "stdout" | "stderr", text: string): void {
    writeAll(DESCRIPTORS[stream], text);
  },
  flush(): Promise<void> {
    return outputError === undefined ? Promise.resolve() : Promise.reject(outputError);
  },
  isTerminal(stream: "stdin" | "stdout" | "stderr"): boolean {
    return isTerminal(DESCRIPTORS[stream]);
  },
  columns(): number | undefined {
    // A terminal without a size, as `script` and some CI runners make, says 0.
    return isTerminal(1) ? process.stdout.columns || undefined : undefined;
  },
  readInput,
  readHidden(prompt: string): Promise<string | undefined> {
    if (!isTerminal(0)) return Promise.resolve(undefined);
    return readHiddenLine(process.stdin, (text) => writeAll(2, text), prompt);
  },
};

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;
const RETRY_MS = 2;
const READER_GONE: ReadonlySet<string> = new Set(["EPIPE", "EIO"]);
/** What a descriptor is does not change while the process runs. */
const terminals = new Map<number, boolean>();
const brokenDescriptors = new Set<number>();
let outputError: FileError | undefined;

function isTerminal(descriptor: number): boolean {
  let answer = terminals.get(descriptor);
  if (answer === undefined) {
    answer = mayBeTerminal(descriptor) && process.getBuiltinModule("node:tty").isatty(descriptor);
    terminals.set(descriptor, answer);
  }
  return answer;
}

// Asked first: `node:tty` brings the whole of `node:net` along, an eighth of the start of a command
// whose output goes into a pipe, a file or nowhere.
function mayBeTerminal(descriptor: number): boolean {
  try {
    const facts = fstatSync(descriptor);
    return facts.isCharacterDevice() &&
      facts.rdev !== statSync("/dev/null", { throwIfNoEntry: false })?.rdev;
  } catch {
    return false; // closed
  }
}

function writeAll(descriptor: number, text: string): void {
  if (brokenDescriptors.has(descriptor)) return;
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      // A descriptor shared with a process that made it non-blocking: wait for the reader, as write(2)
      // would. Any other failure means that nobody reads this any more, or that the disk is full.
      const errno = errnoOf(error);
      if (errno === "EAGAIN") sleepSync(RETRY_MS);
      else {
        brokenDescriptors.add(descriptor);
        if (descriptor === DESCRIPTORS.stdout && !READER_GONE.has(errno)) {
          outputError = new FileError("ERR_FILE_WRITE", `Cannot write the output: ${errno}`, {
            reason: errno,
          });
        }
        return;
      }
    }
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function readInput(maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    if (total > maxBytes) {
      process.stdin.destroy();
      throw new FileError(
        "ERR_FILE_READ",
        `Cannot read standard input: it is larger than ${maxBytes} bytes`,
        { reason: "too_large" },
      );
    }
    chunks.push(chunk);
  }
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
