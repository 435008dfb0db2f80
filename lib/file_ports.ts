/**
 * The part of `ports.ts` that is about files. Types only; import them from there.
 *
 * @module
 */

/** A value now, or a promise of it. Lets synchronous hash primitives stay synchronous. */
export type MaybePromise<T> = T | Promise<T>;

/** What is known of a file or folder. */
export interface FileFacts {
  /** True for a folder. */
  readonly isDirectory: boolean;
  /** Size in bytes. */
  readonly size: number;
  /** Permission bits, for example `0o600`; `undefined` where the system has none. */
  readonly mode: number | undefined;
  /** When the content last changed, in milliseconds since the epoch; finer where the system is. */
  readonly modifiedMs: number;
  /** When content, mode or name last changed, likewise; `undefined` where the system does not say. */
  readonly changedMs: number | undefined;
  /** Tells a file from the one that is put in its place; `undefined` where the system does not. */
  readonly inode: number | undefined;
}

/** Reading files. Paths use `/`; a missing file is `undefined`, anything else a `FileError`. */
export interface Files {
  /** The whole content. Larger than `maxBytes` (default 16 MiB) throws `ERR_FILE_READ`. */
  read(path: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array | undefined>;
  /** Names in a folder, sorted by code unit, without the folder's path. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Facts of a file or folder; follows links. */
  stat(path: string): Promise<FileFacts | undefined>;
}

/** How a file is written. */
export interface WriteOptions {
  /** Permission bits from the moment the file exists; default `0o600`. */
  readonly mode?: number;
  /** True: throw `ERR_FILE_EXISTS` instead of replacing. */
  readonly exclusive?: boolean;
}

/** Reading and writing files. Every write is atomic: a reader sees the old or the new file, whole. */
export interface FileStore extends Files {
  /** Writes beside the target, flushes to disk, renames over it. */
  write(path: string, data: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Read, change and write under a lock that other processes respect; `undefined` keeps the file. */
  update(
    path: string,
    change: (old: Uint8Array | undefined) => MaybePromise<Uint8Array | undefined>,
    options?: WriteOptions,
  ): Promise<void>;
  /** Makes a folder and its parents (mode of new ones: default `0o700`). */
  makeDirectory(path: string, options?: { readonly mode?: number }): Promise<void>;
  /** Makes a fresh private folder under the system's temporary folder and returns its path. */
  makeTemporaryDirectory(prefix: string): Promise<string>;
  /** Removes a file; with `recursive` also a folder. False where there was none. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<boolean>;
}
