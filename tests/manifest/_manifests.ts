/** Manifest texts for the tests of this folder. */

import { ManifestError } from "../../lib/errors.ts";
import type { ManifestIssue } from "../../lib/errors.ts";
import { parseManifest } from "../../lib/manifest/parse.ts";
import type { Provider } from "../../lib/manifest/types.ts";

/** The least a passthrough needs. */
export const PASSTHROUGH = `[provider]
name = "example"
handler = "passthrough"
base_url = "https://api.example.com"
path_prefix = "/example"
`;

/** The least a provider with the default handler needs. */
export const HTTP = `[provider]
name = "example"
description = "An example"
`;

/** Parses a text that must be good. */
export function parseProvider(text: string): Provider {
  return parseManifest(text, { file: "m/x.toml" }).manifest.provider;
}

/** The warnings of a text that must be good, as `path: message`. */
export function listWarnings(text: string): string[] {
  return parseManifest(text, { file: "m/x.toml" }).warnings.map(formatShort);
}

/** The error of a text that must be bad. */
export function catchManifestError(text: string): ManifestError {
  try {
    parseManifest(text, { file: "m/x.toml" });
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
  throw new Error("The manifest was accepted");
}

/** The issues of a text that must be bad, as `path: message`. */
export function listIssues(text: string): string[] {
  return catchManifestError(text).issues.map(formatShort);
}

/** Paths of the issues of a text that must be bad. */
export function listIssuePaths(text: string): string[] {
  return catchManifestError(text).issues.map((issue) => issue.path);
}

function formatShort(issue: ManifestIssue): string {
  return `${issue.path}: ${issue.message}`;
}
