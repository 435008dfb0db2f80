/**
 * A `FileStore` in memory for tests: modes, folders, atomic writes, a lock per path, and a hook
 * that makes any operation fail.
 *
 * @module
 */

import { FileError } from "../../lib/errors.ts";
import type { FileFacts, Files, FileStore, MaybePromise, WriteOptions } from "../../lib/ports.ts";
import { DEFAULT_MAX_FILE_BYTES } from "../../lib/limits.ts";

/** An operation of the store, as the hook sees it. `rename` is the last step of a write. */
export type FileOperation = "read" | "list" | "stat" | "write" | "rename" | "mkdir" | "remove";

/** What a test may do besides using the store. */
export interface MemoryFiles extends FileStore {
  /** Called before each step; what it throws is what the caller gets. Replace it at any time. */
  onOperation: (operation: FileOperation, path: string) => MaybePromise<void>;
  /** Text of a file; throws when it is missing. */
  text(path: string): string;
  /** Permission bits of a file or folder. */
  mode(path: string): number | undefined;
  /** Paths of all files (no folders), sorted. */
  paths(): string[];
  /** Puts a file and its folders there, past the hook; default mode `0o600`. */
  put(path: string, content: string | Uint8Array, mode?: number): void;
}

interface Entry {
  readonly bytes: Uint8Array | undefined;
  readonly mode: number;
  /** Which change of the store made it: stands for the time. */
  readonly change: number;
}

/** Makes a store that holds the given files. */
export function createMemoryFiles(
  initial: Readonly<Record<string, string | Uint8Array>> = {},
): MemoryFiles {
  const entries = new Map<string, Entry>([["/", { bytes: undefined, mode: 0o755, change: 0 }]]);
  const locks = new Map<string, Promise<void>>();
  let temporary = 0;
  let changes = 0;

  const store: MemoryFiles = {
    onOperation: () => {},
    text(path) {
      const bytes = entries.get(normalize(path))?.bytes;
      if (bytes === undefined) throw new Error(`No file ${path} in the memory store`);
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    },
    mode: (path) => entries.get(normalize(path))?.mode,
    paths: () => [...entries].filter(([, entry]) => entry.bytes).map(([path]) => path).sort(),
    put(path, content, mode = 0o600) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const target = normalize(path);
      for (const folder of missingFolders(parentOf(target))) {
        entries.set(folder, { bytes: undefined, mode: 0o755, change: ++changes });
      }
      entries.set(target, { bytes: bytes.slice(), mode, change: ++changes });
    },
    async read(path, options = {}) {
      await store.onOperation("read", path);
      const entry = entries.get(normalize(path));
      if (entry === undefined) return undefined;
      if (entry.bytes === undefined) throw fileError("ERR_FILE_READ", "read", path, "is a folder");
      if (entry.bytes.length > (options.maxBytes ?? DEFAULT_MAX_FILE_BYTES)) {
        const message = `Cannot read ${path}: it is larger than the limit`;
        throw new FileError("ERR_FILE_READ", message, { reason: "too_large" });
      }
      return entry.bytes.slice();
    },
    async list(path) {
      await store.onOperation("list", path);
      const target = normalize(path);
      const entry = entries.get(target);
      if (entry === undefined) return undefined;
      if (entry.bytes !== undefined) {
        throw fileError("ERR_FILE_READ", "list", path, "is not a folder");
      }
      const names = [...entries.keys()].filter((key) => key !== "/" && parentOf(key) === target);
      return names.map((key) => key.slice(key.lastIndexOf("/") + 1)).sort();
    },
    async stat(path) {
      await store.onOperation("stat", path);
      const entry = entries.get(normalize(path));
      return entry === undefined ? undefined : factsOf(entry);
    },
    async write(path, data, options = {}) {
      await store.onOperation("write", path);
      const bytes = data.slice();
      const target = normalize(path);
      if (entries.get(parentOf(target))?.bytes !== undefined || !entries.has(parentOf(target))) {
        throw fileError("ERR_FILE_WRITE", "write", path, "its folder does not exist");
      }
      await store.onOperation("rename", path);
      const existing = entries.get(target);
      if (existing !== undefined && existing.bytes === undefined) {
        throw fileError("ERR_FILE_WRITE", "write", path, "is a folder");
      }
      if (existing !== undefined && options.exclusive === true) {
        throw fileError("ERR_FILE_EXISTS", "write", path, "exists already");
      }
      entries.set(target, { bytes, mode: options.mode ?? 0o600, change: ++changes });
    },
    update(path, change, options = {}) {
      return underLock(locks, normalize(path), () => updateOnce(store, path, change, options));
    },
    async makeDirectory(path, options = {}) {
      await store.onOperation("mkdir", path);
      const target = normalize(path);
      if (entries.get(target)?.bytes !== undefined) {
        throw fileError("ERR_FILE_WRITE", "make", path, "is a file");
      }
      for (const folder of missingFolders(target)) {
        if (entries.get(parentOf(folder))?.bytes !== undefined) {
          throw fileError("ERR_FILE_WRITE", "make", path, "its parent is a file");
        }
        entries.set(folder, {
          bytes: undefined,
          mode: options.mode ?? 0o700,
          change: ++changes,
        });
      }
    },
    async makeTemporaryDirectory(prefix) {
      const path = `/tmp/${prefix}${++temporary}`;
      await store.makeDirectory(path);
      return path;
    },
    async remove(path, options = {}) {
      await store.onOperation("remove", path);
      const target = normalize(path);
      const entry = entries.get(target);
      if (entry === undefined) return false;
      if (entry.bytes === undefined && options.recursive !== true) {
        throw fileError("ERR_FILE_WRITE", "remove", path, "is a folder");
      }
      for (const key of [...entries.keys()]) {
        if (key === target || key.startsWith(`${target}/`)) entries.delete(key);
      }
      return true;
    },
  };

  function missingFolders(path: string): string[] {
    const missing: string[] = [];
    for (let folder = path; !entries.has(folder); folder = parentOf(folder)) {
      missing.unshift(folder);
    }
    return missing;
  }

  for (const [path, content] of Object.entries(initial)) store.put(path, content);
  return store;
}

/** The store's reading half, with every writing method left out. */
export function readOnly(store: FileStore): Files {
  return {
    read: (path, options) => store.read(path, options),
    list: (path) => store.list(path),
    stat: (path) => store.stat(path),
  };
}

async function updateOnce(
  store: FileStore,
  path: string,
  change: (old: Uint8Array | undefined) => MaybePromise<Uint8Array | undefined>,
  options: WriteOptions,
): Promise<void> {
  const next = await change(await store.read(path));
  if (next !== undefined) await store.write(path, next, options);
}

async function underLock(
  locks: Map<string, Promise<void>>,
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  const previous = locks.get(path) ?? Promise.resolve();
  const current = previous.then(work);
  // The next in line waits for the end of this one, however it ends.
  locks.set(path, current.catch(() => {}));
  await current;
}

function factsOf(entry: Entry): FileFacts {
  return {
    isDirectory: entry.bytes === undefined,
    size: entry.bytes?.length ?? 0,
    mode: entry.mode,
    modifiedMs: entry.change,
    changedMs: entry.change,
    inode: undefined,
  };
}

function fileError(
  code: "ERR_FILE_READ" | "ERR_FILE_WRITE" | "ERR_FILE_EXISTS",
  verb: string,
  path: string,
  why: string,
): FileError {
  return new FileError(code, `Cannot ${verb} ${path}: it ${why}`);
}

// Relative names live under the root, and `.`, `..` and repeated slashes fold away.
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
