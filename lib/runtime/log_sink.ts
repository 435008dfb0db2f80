/** Log lines to standard error without ever waiting for whoever reads them. @module */

import { Buffer } from "node:buffer";
import { LOG_GATHER_MS, MAX_QUEUED_LOG_BYTES, MAX_QUEUED_LOG_LINES } from "../limits.ts";
import type { LineSink } from "../ports.ts";

const BLOCK_BYTES = 64 * 1024;
// One unit of UTF-16 is three bytes of UTF-8 at most.
const MOST_BYTES_PER_UNIT = 3;
const LINE_FEED = 10;

/** Writes bytes somewhere, later; resolves when they are out. One write is under way at a time. */
export type ByteWriter = (bytes: Uint8Array) => Promise<void>;

/**
 * A {@link LineSink}: lines are gathered for 5 ms into one write. While the reader takes none, up to
 * 10,000 lines or 8 MiB wait; further ones are dropped and counted. When the reader is gone for good,
 * all are.
 */
export function createLineSink(write: ByteWriter): LineSink {
  // Written out as bytes at once: a text that waits is garbage that was collected once in vain.
  let block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let spare: Buffer | undefined;
  let used = 0;
  let lines = 0;
  let droppedLines = 0;
  let isWriting = false;
  let isBroken = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: (() => void)[] = [];

  function add(line: string): void {
    const needed = used + line.length * MOST_BYTES_PER_UNIT + 1;
    if (needed > block.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(needed, block.length * 2));
      block.copy(wider, 0, 0, used);
      block = wider;
    }
    used += block.write(line, used);
    block[used++] = LINE_FEED;
    lines++;
  }

  function take(): Buffer {
    const full = block.subarray(0, used);
    block = spare ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    spare = undefined;
    used = 0;
    lines = 0;
    return full;
  }

  async function drain(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (isWriting) return;
    isWriting = true;
    while (lines > 0) {
      const whole = block;
      const count = lines;
      try {
        await write(take());
        if (whole.length === BLOCK_BYTES) spare = whole;
      } catch {
        // Nobody reads standard error any more, and there is nowhere to say so.
        isBroken = true;
        droppedLines += count + lines;
        take();
      }
    }
    isWriting = false;
    for (const resolve of waiting) resolve();
    waiting = [];
  }

  return {
    write(line: string): boolean {
      const isFull = lines >= MAX_QUEUED_LOG_LINES || used + line.length > MAX_QUEUED_LOG_BYTES;
      if (isFull || isBroken) {
        droppedLines++;
        return false;
      }
      add(line);
      if (timer === undefined && !isWriting) timer = setTimeout(() => void drain(), LOG_GATHER_MS);
      return true;
    },
    dropped: () => droppedLines,
    async flush(timeoutMs: number): Promise<void> {
      if (lines === 0 && !isWriting) return;
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
