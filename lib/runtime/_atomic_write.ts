/** Writing a file so that a reader, or a crash, meets the old or the new one, whole. @module */

import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { TEMPORARY_FILE_STALE_MS } from "../limits.ts";
import type { WriteOptions } from "../ports.ts";
import { errnoOf } from "./_errno.ts";

/**
 * The file that a write to `path` should replace: where `path` is a symbolic link, what it points to,
 * also when that is missing. So a link in a configuration folder stays a link.
 */
export async function resolveTarget(path: string): Promise<string> {
  let target = resolve(path);
  for (let hops = 0; hops < MAX_LINK_HOPS; hops++) {
    try {
      target = resolve(dirname(target), await fs.readlink(target));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EINVAL" || errno === "ENOENT" || errno === "EUNKNOWN") return target;
      throw error;
    }
  }
  throw Object.assign(new Error("Too many links"), { code: "ELOOP" });
}

/** Temporary file beside the target, flush, rename, flush of the folder. Throws the system's errors. */
export async function writeAtomically(
  target: string,
  data: Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  // Unique among living processes; created exclusively, so a name that is taken is an error.
  const unique = `${process.pid}-${Date.now().toString(36)}-${++written}`;
  const temporary = join(folder, `${prefix}${unique}${TEMPORARY_SUFFIX}`);
  try {
    await writeTemporary(temporary, target, data, options.mode ?? 0o600);
    if (options.exclusive === true) await linkExclusively(temporary, target);
    else await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {/* the first error tells more */});
    throw error;
  }
  await flushFolder(folder);
  await removeLeftovers(folder, prefix);
}

const TEMPORARY_SUFFIX = ".tmp";
let written = 0;
const MAX_LINK_HOPS = 40;

async function writeTemporary(
  temporary: string,
  target: string,
  data: Uint8Array,
  mode: number,
): Promise<void> {
  const file = await fs.open(temporary, "wx", mode);
  try {
    await file.chmod(mode); // the umask may have taken bits away
    await keepOwner(file, target);
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

// Root replacing a service's file must not take it away from the service.
async function keepOwner(file: fs.FileHandle, target: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  try {
    const old = await fs.stat(target);
    await file.chown(old.uid, old.gid);
  } catch {
    // a new file, or a file system without owners
  }
}

// link(2) fails where the target exists, so two exclusive writers cannot both win.
async function linkExclusively(temporary: string, target: string): Promise<void> {
  try {
    await fs.link(temporary, target);
    await fs.rm(temporary, { force: true });
  } catch (error) {
    if (!FILE_SYSTEM_WITHOUT_LINKS.has(errnoOf(error))) throw error;
    await (await fs.open(target, "wx", 0o600)).close();
    await fs.rename(temporary, target);
  }
}

const FILE_SYSTEM_WITHOUT_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
]);

// Makes the rename itself survive a power cut; some file systems cannot, which is no failure.
async function flushFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // the data is written and renamed
  }
}

// A writer killed half-way leaves its temporary file, with secrets in it.
async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  try {
    for (const name of await fs.readdir(folder)) {
      if (!name.startsWith(prefix) || !name.endsWith(TEMPORARY_SUFFIX)) continue;
      const leftover = join(folder, name);
      const { mtimeMs } = await fs.stat(leftover);
      if (Date.now() - mtimeMs > TEMPORARY_FILE_STALE_MS) await fs.rm(leftover, { force: true });
    }
  } catch {
    // another writer was faster
  }
}
