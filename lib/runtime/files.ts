/** Files of the machine: bounded reads, atomic writes, updates under a lock. @module */

import type { Buffer } from "node:buffer";
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { DEFAULT_MAX_FILE_BYTES } from "../limits.ts";
import type { FileFacts, FileStore, MaybePromise, WriteOptions } from "../ports.ts";
import { resolveTarget, writeAtomically } from "./_atomic_write.ts";
import { errnoOf } from "./_errno.ts";
import { withFileLock } from "./_file_lock.ts";

/**
 * {@link FileStore} on the file system. Every `FileError` names the path and the system's error code
 * and nothing else.
 */
export const systemFiles: FileStore = {
  read(path: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array | undefined> {
    return readWhole(path, options?.maxBytes ?? DEFAULT_MAX_FILE_BYTES);
  },
  async list(path: string): Promise<readonly string[] | undefined> {
    const names = await ifThere(fs.readdir(path), "ERR_FILE_READ", `Cannot list ${path}`);
    return names?.sort(); // without a comparator: by code unit
  },
  async stat(path: string): Promise<FileFacts | undefined> {
    const facts = await ifThere(fs.stat(path), "ERR_FILE_READ", `Cannot look at ${path}`);
    if (facts === undefined) return undefined;
    return {
      isDirectory: facts.isDirectory(),
      size: facts.size,
      mode: facts.mode & 0o7777,
      modifiedMs: facts.mtimeMs,
      // Deno has neither on Windows.
      changedMs: facts.ctimeMs || undefined,
      inode: facts.ino || undefined,
    };
  },
  async write(path: string, data: Uint8Array, options?: WriteOptions): Promise<void> {
    await orFail(
      resolveTarget(path).then((target) => writeAtomically(target, data, options)),
      "ERR_FILE_WRITE",
      `Cannot write ${path}`,
    );
  },
  async update(
    path: string,
    change: (old: Uint8Array | undefined) => MaybePromise<Uint8Array | undefined>,
    options?: WriteOptions,
  ): Promise<void> {
    const target = await orFail(resolveTarget(path), "ERR_FILE_WRITE", `Cannot write ${path}`);
    await withFileLock(target, async () => {
      const data = await change(await systemFiles.read(target));
      if (data !== undefined) await systemFiles.write(target, data, options);
    });
  },
  async makeDirectory(path: string, options?: { readonly mode?: number }): Promise<void> {
    const made = fs.mkdir(path, { recursive: true, mode: options?.mode ?? 0o700 });
    await orFail(made, "ERR_FILE_WRITE", `Cannot make folder ${path}`);
  },
  makeTemporaryDirectory(prefix: string): Promise<string> {
    const made = fs.mkdtemp(join(tmpdir(), prefix)); // mode 0700 by definition
    return orFail(made, "ERR_FILE_WRITE", `Cannot make a temporary folder in ${tmpdir()}`);
  },
  async remove(path: string, options?: { readonly recursive?: boolean }): Promise<boolean> {
    const removed = fs.rm(path, { recursive: options?.recursive ?? false }).then(() => true);
    return await ifThere(removed, "ERR_FILE_WRITE", `Cannot remove ${path}`) ?? false;
  },
};

// What is there belongs to the process that reads it: pipes of a shell are open already.
const OWN_PIPE_REGEXP = /^\/(?:dev|proc)\//;

async function readWhole(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const action = `Cannot read ${path}`;
  if (!OWN_PIPE_REGEXP.test(path)) await refuseNamedPipe(path, action);
  const file = await ifThere(fs.open(path, constants.O_RDONLY), "ERR_FILE_READ", action);
  if (file === undefined) return undefined;
  try {
    return await orFail(readBounded(file, maxBytes, action), "ERR_FILE_READ", action);
  } finally {
    await file.close();
  }
}

// Opening one waits for a writer, and nothing ends that: no timer, no signal that we handle.
async function refuseNamedPipe(path: string, action: string): Promise<void> {
  const facts = await ifThere(fs.stat(path), "ERR_FILE_READ", action);
  if (facts?.isFIFO() !== true) return;
  throw new FileError("ERR_FILE_READ", `${action}: it is a named pipe`, { reason: "named_pipe" });
}

// The size that stat tells is a hint: pipes and /proc say 0, and files grow.
async function readBounded(
  file: fs.FileHandle,
  maxBytes: number,
  action: string,
): Promise<Uint8Array> {
  const { size } = await file.stat();
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const room = Math.min(Math.max(size - total, 8192), maxBytes - total) + 1;
    const { bytesRead, buffer } = await file.read(new Uint8Array(room) as Buffer, 0, room, null);
    if (bytesRead === 0) break;
    total += bytesRead;
    if (total > maxBytes) {
      throw new FileError("ERR_FILE_READ", `${action}: it is larger than ${maxBytes} bytes`, {
        reason: "too_large",
      });
    }
    chunks.push(buffer.subarray(0, bytesRead) as Buffer);
  }
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

async function ifThere<T>(
  work: Promise<T>,
  code: ErrorCode,
  action: string,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw asFileError(error, code, action);
  }
}

async function orFail<T>(work: Promise<T>, code: ErrorCode, action: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asFileError(error, code, action);
  }
}

function asFileError(error: unknown, code: ErrorCode, action: string): FileError {
  if (error instanceof FileError) return error;
  const errno = errnoOf(error);
  if (errno === "EEXIST" && code === "ERR_FILE_WRITE") {
    return new FileError("ERR_FILE_EXISTS", `${action}: it exists already`, { reason: errno });
  }
  return new FileError(code, `${action}: ${errno}`, { reason: errno });
}
