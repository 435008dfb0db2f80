/**
 * Writes `manifests/manifest.schema.json`, the JSON Schema of a manifest for editors, out of the
 * definition the loader checks against. Run it after a change there: `npx tsx tools/manifest_schema.ts`.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { toJsonSchema } from "@valibot/to-json-schema";

import { MANIFEST_SCHEMA } from "../lib/manifest/schema.ts";

/** Where the schema is kept. */
export const SCHEMA_FILE: URL = new URL("../manifests/manifest.schema.json", import.meta.url);

/** Makes the text of the schema file. */
export function createManifestSchema(): string {
  const schema = toJsonSchema(MANIFEST_SCHEMA, {
    // What TOML editors read.
    target: "draft-07",
    // What stands in the file: before defaults, upper case and trimming.
    typeMode: "input",
    overrideAction: ({ valibotAction, jsonSchema }) =>
      // `source` escapes slashes for a regex literal, which other dialects may refuse.
      valibotAction.type === "regex"
        ? { ...jsonSchema, pattern: jsonSchema.pattern?.replaceAll("\\/", "/") ?? "" }
        : undefined,
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      // The loader warns about unknown keys; an editor should show them while they are typed.
      valibotSchema.type === "object" ? { ...jsonSchema, additionalProperties: false } : undefined,
  });
  const { $schema, ...rest } = schema;
  const head = {
    $schema,
    title: "atikit manifest",
    description: "One provider: where it is, which credential it takes, and who serves it.",
  };
  return `${JSON.stringify({ ...head, ...rest }, undefined, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(SCHEMA_FILE, createManifestSchema());
}
