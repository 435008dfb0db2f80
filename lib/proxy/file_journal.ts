/**
 * Files that remember what was read through them and how it looked, so that a change can be told later.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import type { KeyringFiles } from "../keyring/load.ts";
import type { Files } from "../ports.ts";

const MISSING = "missing";

/** What a path looked like: a text that differs once file or folder do. */
export type Look = string;

/** What was read, and whether it still is what it was. */
export interface FileJournal {
  /** The files; what is read through them during {@link FileJournal.record} is noted. */
  readonly files: KeyringFiles;
  /**
   * Runs a work that reads and notes each path as it looked just before, so that no change is lost
   * between the two. When the work succeeds, what it did not read is forgotten; when it fails, it is kept.
   */
  record<T>(work: () => Promise<T>): Promise<T>;
  /** Looks at every noted path: those that look different now, and how. */
  findChanges(): Promise<ReadonlyMap<string, Look>>;
  /** Takes changes as known. */
  accept(changes: ReadonlyMap<string, Look>): void;
}

/**
 * Makes a journal.
 *
 * A file looks different when its size, times, mode or inode do: that sees edits, atomic renames, changed
 * permissions and swapped links. A folder does when the names in it do; hidden ones do not count, which
 * editors and Kubernetes make.
 *
 * @param files The files underneath.
 */
export function createFileJournal(files: KeyringFiles): FileJournal {
  let known = new Map<string, Look>();
  let noted: Map<string, Look> | undefined;

  // The first look counts: what changed between two readings is a change.
  async function note(path: string): Promise<void> {
    if (noted?.has(path) === false) noted.set(path, (await lookAt(path, files)).look);
  }

  return {
    files: {
      async read(path, options) {
        await note(path);
        return await files.read(path, options);
      },
      async list(path) {
        await note(path);
        return await files.list(path);
      },
      async stat(path) {
        await note(path);
        return await files.stat(path);
      },
      async remove(path, options) {
        const isRemoved = await files.remove(path, options);
        // Its being gone is our own doing.
        noted?.set(path, MISSING);
        return isRemoved;
      },
    },
    async record(work) {
      const current = new Map<string, Look>();
      noted = current;
      try {
        const result = await work();
        known = current;
        return result;
      } catch (error) {
        known = new Map([...known, ...current]);
        throw error;
      } finally {
        noted = undefined;
      }
    },
    async findChanges() {
      const changes = new Map<string, Look>();
      // One after the other: a thousand at once would keep name lookups waiting.
      for (const [path, before] of known) {
        const { look, names } = await lookAt(path, files);
        if (look === before) continue;
        changes.set(path, look);
        // What is new in a folder is part of the change: it may be half written.
        for (const name of names) {
          const child = `${path}/${name}`;
          if (!known.has(child)) changes.set(child, (await lookAt(child, files)).look);
        }
      }
      return changes;
    },
    accept(changes) {
      for (const [path, now] of changes) known.set(path, now);
    },
  };
}

interface Sight {
  readonly look: Look;
  /** Names in a folder that count. */
  readonly names: readonly string[];
}

async function lookAt(path: string, files: Files): Promise<Sight> {
  try {
    const facts = await files.stat(path);
    if (facts === undefined) return { look: MISSING, names: [] };
    if (facts.isDirectory) {
      const names = (await files.list(path) ?? []).filter((name) => !name.startsWith("."));
      return { look: JSON.stringify(names), names };
    }
    const { size, mode, modifiedMs, changedMs, inode } = facts;
    return { look: JSON.stringify([size, mode, modifiedMs, changedMs, inode]), names: [] };
  } catch (error) {
    if (!isAtiError(error)) throw error;
    return { look: `cannot be looked at: ${error.reason}`, names: [] };
  }
}
