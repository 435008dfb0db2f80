/**
 * The text of one manifest file to a checked {@link Manifest}.
 *
 * @module
 */

import type { ManifestIssue } from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { createLineFinder } from "./_lines.ts";
import type { KeyPath } from "./_lines.ts";
import { createManifestError, formatPath } from "./issues.ts";
import type { RuleFinding } from "./_findings.ts";
import { checkRules } from "./rules.ts";
import { validateDocument } from "./schema.ts";
import { parseToml } from "./toml.ts";
import type { Manifest } from "./types.ts";

/** How a manifest is parsed. */
export interface ParseManifestOptions {
  /** Path of the file, for issues and {@link Manifest.file}. */
  readonly file: string;
}

/** A manifest and what is probably not meant in it. */
export interface ParsedManifest {
  /** The manifest, with defaults. */
  readonly manifest: Manifest;
  /** Unknown keys, fields without effect and the like, in line order. */
  readonly warnings: readonly ManifestIssue[];
}

interface Fault {
  readonly path: KeyPath;
  readonly message: string;
}

/**
 * Parses and checks the TOML text of one manifest: each field, the fields a handler needs together,
 * and keys nobody reads. Unknown keys are warnings, but errors where `handler = "passthrough"`:
 * a misspelt `deny_paths` must not leave a route open.
 *
 * Not checked here: the dialect of globs, and whether the keyring has the entries named.
 *
 * @param text The text of the file, at most 4 MiB.
 * @param options The file's path.
 * @returns The manifest and the warnings.
 * @throws {ManifestError} `ERR_MANIFEST` with every issue at once, each with line and key path.
 *
 * @example Usage
 * ```ts
 * import { parseManifest } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const text = `
 * [provider]
 * name = "example"
 * handler = "passthrough"
 * base_url = "https://api.example.com"
 * path_prefix = "/example"
 * auth_type = "bearer"
 * auth_key_name = "example_api_key"
 * `;
 * const { manifest } = parseManifest(text, { file: "example.toml" });
 * assert.equal(manifest.provider.read_timeout_seconds, 300);
 * ```
 */
export function parseManifest(text: string, options: ParseManifestOptions): ParsedManifest {
  const { file } = options;
  if (text.length > MAX_CONFIG_FILE_BYTES) {
    const message = `Is larger than ${MAX_CONFIG_FILE_BYTES} bytes`;
    throw createManifestError([{ file, path: "", message }]);
  }
  const toml = parseToml(text);
  if (!toml.ok) {
    const { line, column, message } = toml;
    throw createManifestError([{ file, line, column, path: "", message }]);
  }

  const { document, faults, unknownKeys } = validateDocument(toml.value);
  const given = isTable(toml.value.provider) ? toml.value.provider : {};
  const errors: Fault[] = [...faults];
  const warnings: Fault[] = [];
  (given.handler === "passthrough" ? errors : warnings).push(...unknownKeys);
  const findings = document === undefined
    ? checkSoundPart(given, faults)
    : checkRules(document, Object.keys(given));
  for (const { severity, path, message } of findings) {
    (severity === "error" ? errors : warnings).push({ path, message });
  }

  if (document === undefined || errors.length > 0) {
    throw createManifestError(toIssues(errors, file, text));
  }
  return {
    manifest: { file, provider: document.provider, tools: document.tools },
    warnings: toIssues(warnings, file, text),
  };
}

// So that one pass tells everything, the rules also run over a provider with faulty fields, as if
// those fields were not there; unless one is faulty that decides what the others have to be.
function checkSoundPart(
  given: Readonly<Record<string, unknown>>,
  faults: readonly Fault[],
): RuleFinding[] {
  const faulty = new Set(
    faults.filter(({ path }) => path[0] === "provider").map(({ path }) => path[1]),
  );
  if ([undefined, "handler", "auth_type", "mcp_transport"].some((key) => faulty.has(key))) {
    return [];
  }
  const sound = Object.entries(given).filter(([key]) => !faulty.has(key));
  const { document } = validateDocument({
    provider: { name: "unnamed", ...Object.fromEntries(sound) },
  });
  if (document === undefined) return [];
  return checkRules(document, Object.keys(given)).filter(({ path }) => !faulty.has(path[1]));
}

function toIssues(faults: readonly Fault[], file: string, text: string): ManifestIssue[] {
  if (faults.length === 0) return [];
  const findLine = createLineFinder(text);
  const issues = faults.map(({ path, message }) => {
    return { file, line: findLine(path), path: formatPath(path), message };
  });
  return issues.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
