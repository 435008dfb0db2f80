/**
 * A folder of manifests, all or nothing: every bad file is reported in one go.
 *
 * @module
 */

import { isAtiError, ManifestError } from "../errors.ts";
import type { ManifestIssue } from "../errors.ts";
import { decodeUtf8 } from "../encoding/utf8.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import type { Files } from "../ports.ts";
import { createManifestError } from "./issues.ts";
import { parseManifest } from "./parse.ts";
import type { ParsedManifest } from "./parse.ts";
import type { Manifest } from "./types.ts";

/** How a folder of manifests is loaded. */
export interface LoadManifestsOptions {
  /**
   * True: leave out files with errors instead of throwing, and return what is wrong with them in
   * `issues`. A missing folder still throws. Default false.
   */
  readonly skipInvalid?: boolean;
}

/** The manifests of a folder. */
export interface LoadedManifests {
  /** The manifests, in order of their file names. */
  readonly manifests: readonly Manifest[];
  /** What is probably not meant, in file and line order. */
  readonly warnings: readonly ManifestIssue[];
  /** Why files were left out; empty unless `skipInvalid` is set. */
  readonly issues: readonly ManifestIssue[];
}

/**
 * Loads every `*.toml` of a folder, sorted by name. Hidden files (`.name.toml`), which editors and
 * file systems leave behind, are passed over. A provider name may be used once; a tool name used
 * twice is a warning, the last one wins.
 *
 * @param directory The folder.
 * @param files Access to files.
 * @param options Whether bad files are left out.
 * @returns The manifests, the warnings, and with `skipInvalid` the issues of files left out.
 * @throws {ManifestError} `ERR_MANIFEST`, reason `missing_directory`, when there is no such folder;
 * without a reason when files are unreadable, no UTF-8, no TOML or invalid: all issues at once.
 *
 * @example Usage
 * ```ts
 * import { loadManifests } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const text = `provider = { name = "now", description = "Time", base_url = "https://example.com" }`;
 * const files = {
 *   list: async () => ["now.toml", "README.md"],
 *   read: async () => new TextEncoder().encode(text),
 *   stat: async () => undefined,
 * };
 * const { manifests } = await loadManifests("manifests", files);
 * assert.equal(manifests[0]?.provider.handler, "http");
 * ```
 */
export async function loadManifests(
  directory: string,
  files: Files,
  options: LoadManifestsOptions = {},
): Promise<LoadedManifests> {
  const names = await files.list(directory);
  if (names === undefined) {
    throw new ManifestError(`No manifests directory found at ${directory}`, [], {
      reason: "missing_directory",
      hint: "run `ati init` to make it, or name the folder that has it with --ati-dir or ATI_DIR",
    });
  }

  const manifests: Manifest[] = [];
  const warnings: ManifestIssue[] = [];
  const issues: ManifestIssue[] = [];
  for (const name of names.filter(isManifestName).sort()) {
    const parsed = await loadManifest(`${directory}/${name}`, files);
    const refusals = Array.isArray(parsed) ? parsed : findClash(parsed.manifest, manifests);
    issues.push(...refusals);
    if (Array.isArray(parsed) || refusals.length > 0) continue;
    warnings.push(...parsed.warnings, ...findToolClashes(parsed.manifest, manifests));
    manifests.push(parsed.manifest);
  }
  if (issues.length > 0 && options.skipInvalid !== true) throw createManifestError(issues);
  return { manifests, warnings, issues };
}

function isManifestName(name: string): boolean {
  return name.endsWith(".toml") && !name.startsWith(".");
}

async function loadManifest(file: string, files: Files): Promise<ParsedManifest | ManifestIssue[]> {
  try {
    const bytes = await files.read(file, { maxBytes: MAX_CONFIG_FILE_BYTES });
    // Listed a moment ago: it was removed since, or is a link that leads nowhere.
    if (bytes === undefined) return [{ file, path: "", message: "Cannot be read: it is gone" }];
    return parseManifest(decodeUtf8(bytes), { file });
  } catch (error) {
    if (error instanceof ManifestError) return [...error.issues];
    if (!isAtiError(error)) throw error;
    const message = error.code === "ERR_ENCODING" ? "Is not valid UTF-8" : error.message;
    return [{ file, path: "", message }];
  }
}

function findClash(manifest: Manifest, others: readonly Manifest[]): ManifestIssue[] {
  const other = others.find((each) => each.provider.name === manifest.provider.name);
  if (other === undefined) return [];
  const message = `Is used already, by ${other.file}`;
  return [{ file: manifest.file, path: "provider.name", message }];
}

function findToolClashes(manifest: Manifest, others: readonly Manifest[]): ManifestIssue[] {
  const owners = new Map(
    others.flatMap((other) => other.tools.map((tool) => [tool.name, other.file] as const)),
  );
  return manifest.tools.flatMap((tool, index) => {
    const owner = owners.get(tool.name);
    if (owner === undefined) return [];
    const message = `Is used already, by ${owner}: this one wins`;
    return [{ file: manifest.file, path: `tools[${index}].name`, message }];
  });
}
