/** Log lines to standard error without ever waiting for whoever reads them. @module */

import { Buffer } from "node:buffer";
import { LOG_GATHER_MS, MAX_QUEUED_LOG_BYTES, MAX_QUEUED_LOG_LINES } from "../limits.ts";
import type { LineSink } from "../ports.ts";

/** Writes bytes somewhere, later; resolves when they are out. One write is under way at a time. */
export type ByteWriter = (bytes: Uint8Array) => Promise<void>;

/**
 * A {@link LineSink}: lines are gathered for 20 ms into one write. While the reader takes none, up to
 * 10,000 lines or 8 MiB wait; further ones are dropped and counted. When the reader is gone for good,
 * all are.
 */
export function createLineSink(write: ByteWriter): LineSink {
  let queue: string[] = [];
  let queuedChars = 0;
  let droppedLines = 0;
  let isWriting = false;
  let isBroken = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: (() => void)[] = [];

  function gather(): void {
    if (timer === undefined && !isWriting) timer = setTimeout(() => void drain(), LOG_GATHER_MS);
  }

  async function drain(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (isWriting) return;
    isWriting = true;
    while (queue.length > 0) {
      const lines = queue;
      queue = [];
      queuedChars = 0;
      try {
        await write(Buffer.from(`${lines.join("\n")}\n`));
      } catch {
        // Nobody reads standard error any more, and there is nowhere to say so.
        isBroken = true;
        droppedLines += lines.length + queue.length;
        queue = [];
      }
    }
    isWriting = false;
    for (const resolve of waiting) resolve();
    waiting = [];
  }

  return {
    write(line: string): boolean {
      const isFull = queue.length >= MAX_QUEUED_LOG_LINES ||
        queuedChars + line.length > MAX_QUEUED_LOG_BYTES;
      if (isFull || isBroken) {
        droppedLines++;
        return false;
      }
      queue.push(line);
      queuedChars += line.length;
      gather();
      return true;
    },
    dropped: () => droppedLines,
    async flush(timeoutMs: number): Promise<void> {
      if (queue.length === 0 && !isWriting) return;
      let deadline: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        deadline = setTimeout(resolve, timeoutMs);
      });
      const done = new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
      void drain();
      await Promise.race([done, late]).finally(() => clearTimeout(deadline));
    },
  };
}
