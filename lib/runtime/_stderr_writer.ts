/**
 * Standard error as each runtime can write it without being held up.
 *
 * A write to a full pipe blocks a thread. On Bun and Deno that thread does no harm, not even at exit.
 * Node waits at exit for its threads, so a process with a stuck write never ends; there the descriptor
 * must not block.
 *
 * @module
 */

import * as fs from "node:fs";
import process from "node:process";
import type { ByteWriter } from "./log_sink.ts";

const STDERR = 2;

/** For Node. */
export function openNodeStderr(): ByteWriter {
  const facts = fs.fstatSync(STDERR);
  if (!facts.isFIFO() && !facts.isSocket()) return writeInThread;
  const { Socket } = process.getBuiltinModule("node:net");
  const socket = new Socket({ fd: openOwn(facts), readable: false, writable: true });
  socket.on("error", () => {/* each write tells its own */});
  socket.unref();
  return (bytes) =>
    new Promise((resolve, reject) => {
      socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
}

/** For Bun. */
export function writeInThread(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(STDERR, bytes, 0, bytes.length, null, (error, written) => {
      if (error) reject(error);
      else if (written === bytes.length) resolve();
      else resolve(writeInThread(bytes.subarray(written)));
    });
  });
}

/** For Deno. */
export function openDenoStderr(): ByteWriter {
  const { stderr } = (globalThis as unknown as { Deno: DenoStderr }).Deno;
  return async (bytes) => {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await stderr.write(rest));
  };
}

interface DenoStderr {
  readonly stderr: { write(bytes: Uint8Array): Promise<number> };
}

// "Do not block" is a property of the open file, shared with every process that inherited it. Opening
// a pipe anew gives one of our own (Linux); where that cannot be, the shared one has to do.
function openOwn(facts: fs.Stats): number {
  if (!facts.isFIFO() || process.platform !== "linux") return STDERR;
  try {
    return fs.openSync("/proc/self/fd/2", fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  } catch {
    return STDERR;
  }
}
