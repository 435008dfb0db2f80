/**
 * Reloads when files change: they are looked at once a second.
 *
 * Polling sees what events of the system do not: network and bind mounts, links that Kubernetes swaps,
 * renames over a file. A change must look the same twice before it counts, so that nobody reads a file
 * that is half written.
 *
 * @module
 */

import { isAtiError } from "../errors.ts";
import { WATCH_INTERVAL_MS } from "../limits.ts";
import type { Log, Schedule } from "../ports.ts";
import type { FileJournal } from "./file_journal.ts";

/** What watching needs. */
export interface WatchParts {
  /** Knows what was read. */
  readonly journal: Pick<FileJournal, "findChanges" | "accept">;
  /** Reads everything anew; never rejects for what is wrong with the files. */
  readonly reload: () => Promise<unknown>;
  /** Timers. */
  readonly schedule: Schedule;
  /** Log. */
  readonly log: Log;
}

/**
 * Watches what the journal knows and reloads when it changed. A reload that fails is not tried again
 * until something changes again. Two looks never overlap.
 *
 * @returns Stops watching; a reload under way is not waited for.
 */
export function watchFiles(parts: WatchParts): () => void {
  const { journal, reload, schedule, log } = parts;
  let isStopped = false;
  let pending = "";
  let cancel = schedule(tick, WATCH_INTERVAL_MS);

  async function poll(): Promise<void> {
    const changes = await journal.findChanges();
    const looks = changes.size === 0 ? "" : JSON.stringify([...changes]);
    const isSettled = looks === pending;
    pending = looks;
    if (looks === "" || !isSettled || isStopped) return;
    pending = "";
    log("info", "files changed: reloading", { files: [...changes.keys()] });
    // Before the reload: what it does not come to read because it fails is not news next time.
    journal.accept(changes);
    await reload();
  }

  function tick(): void {
    poll().catch((error: unknown) => {
      const reason = isAtiError(error) ? error.code : "ERR_INTERNAL";
      log("error", "cannot watch files: an unforeseen error", { reason });
    }).finally(() => {
      if (!isStopped) cancel = schedule(tick, WATCH_INTERVAL_MS);
    });
  }

  return () => {
    isStopped = true;
    cancel();
  };
}
