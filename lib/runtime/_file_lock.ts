/**
 * A lock between processes: a file beside the target, created exclusively, naming its holder.
 *
 * The holder's death is seen by its process id (same host only) or by the lock's age. Taking a dead
 * lock over is itself guarded by a second exclusive file, so that two processes which both saw the
 * dead lock cannot both remove one: the second would remove the first one's fresh lock.
 *
 * @module
 */

import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { FileError } from "../errors.ts";
import { FILE_LOCK_STALE_MS, FILE_LOCK_WAIT_MS } from "../limits.ts";
import { errnoOf } from "./_errno.ts";

/**
 * Runs `work` while no other call, in this or another process, runs one for the same path.
 *
 * @throws {FileError} `ERR_FILE_WRITE`, reason `locked` when the lock is not free in time, else the
 * system's error code.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly waitMs?: number } = {},
): Promise<T> {
  // Callers in this process take turns in memory; only the first of them meets the file.
  const before = turns.get(path) ?? Promise.resolve();
  const mine = before.then(() => runLocked(path, work, options.waitMs ?? FILE_LOCK_WAIT_MS));
  const settled = mine.then(noop, noop);
  turns.set(path, settled);
  try {
    return await mine;
  } finally {
    if (turns.get(path) === settled) turns.delete(path);
  }
}

const turns = new Map<string, Promise<void>>();
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

function noop(): void {}

async function runLocked<T>(path: string, work: () => Promise<T>, waitMs: number): Promise<T> {
  const lock = `${path}.lock`;
  await acquire(path, lock, waitMs);
  try {
    return await work();
  } finally {
    await fs.rm(lock, { force: true });
  }
}

async function acquire(path: string, lock: string, waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  let pauseMs = FIRST_PAUSE_MS;
  while (!await tryCreate(lock)) {
    if (await isStale(lock)) {
      await removeStale(lock);
      continue;
    }
    if (Date.now() > deadline) {
      throw new FileError(
        "ERR_FILE_WRITE",
        `Cannot write ${path}: another process holds its lock`,
        {
          reason: "locked",
          hint: `remove ${lock} if no other process is at work`,
        },
      );
    }
    // Random pauses: waiters that started together must not keep meeting.
    await pause(pauseMs * (0.5 + Math.random()));
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function tryCreate(lock: string): Promise<boolean> {
  let file: fs.FileHandle;
  try {
    file = await fs.open(lock, "wx", 0o600);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw lockError(lock, error);
  }
  try {
    await file.writeFile(`${process.pid} ${hostname()}\n`);
    return true;
  } catch (error) {
    // On a full disk: a lock without a name would keep everybody waiting until it is old.
    await fs.rm(lock, { force: true });
    throw lockError(lock, error);
  } finally {
    await file.close();
  }
}

function lockError(lock: string, error: unknown): FileError {
  const errno = errnoOf(error);
  return new FileError("ERR_FILE_WRITE", `Cannot create ${lock}: ${errno}`, { reason: errno });
}

async function isStale(lock: string): Promise<boolean> {
  try {
    const [{ mtimeMs }, content] = await Promise.all([fs.stat(lock), fs.readFile(lock, "utf8")]);
    if (Date.now() - mtimeMs > FILE_LOCK_STALE_MS) return true;
    // An empty lock is one whose holder has not written its name yet: only age decides.
    const [pid, host] = content.trim().split(" ");
    return host === hostname() && pid !== undefined && !isAlive(Number(pid));
  } catch {
    return false; // released meanwhile
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH"; // EPERM: somebody else's, but alive
  }
}

async function removeStale(lock: string): Promise<void> {
  const guard = `${lock}.stale`;
  if (!await tryCreate(guard)) {
    // Whoever holds the guard is removing the lock now, or died doing so.
    const facts = await fs.stat(guard).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > FILE_LOCK_STALE_MS) {
      await fs.rm(guard, { force: true });
    }
    await pause(FIRST_PAUSE_MS);
    return;
  }
  try {
    if (await isStale(lock)) await fs.rm(lock, { force: true });
  } finally {
    await fs.rm(guard, { force: true });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
