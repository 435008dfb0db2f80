/**
 * Provider manifests: TOML files that say where an upstream is, which credential it takes and who
 * serves it.
 *
 * {@linkcode parseManifest} checks one text, {@linkcode loadManifests} a whole folder. Both report
 * everything that is wrong at once, with file, line and key path, and never quote a value: a
 * manifest may hold a secret by mistake. Field names keep the spelling of the file.
 *
 * @example Usage
 * ```ts
 * import { ManifestError, parseManifest } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const text = `[provider]\nname = "x"\nhandler = "passthrough"\nbase_url = "ftp://x"\n`;
 * assert.throws(() => parseManifest(text, { file: "x.toml" }), (error: unknown) => {
 *   assert.ok(error instanceof ManifestError);
 *   return error.issues.some((issue) => issue.line === 4 && issue.path === "provider.base_url");
 * });
 * ```
 *
 * @module
 */

export { formatManifestIssue } from "./issues.ts";
export { loadManifests } from "./load.ts";
export type { LoadedManifests, LoadManifestsOptions } from "./load.ts";
export { parseManifest } from "./parse.ts";
export type { ParsedManifest, ParseManifestOptions } from "./parse.ts";
export type {
  AuthGenerator,
  AuthType,
  FalStorageDestination,
  GcsDestination,
  Handler,
  InjectTarget,
  Manifest,
  OpenapiOverride,
  PassthroughAuth,
  Provider,
  ResponseFormat,
  Tool,
  ToolMethod,
  ToolResponse,
  UploadDestination,
} from "./types.ts";
export { AtiError, ERROR_CODES, ManifestError } from "../errors.ts";
export type { AtiErrorOptions, ErrorCode, ManifestIssue } from "../errors.ts";
export type { FileFacts, Files } from "../ports.ts";
