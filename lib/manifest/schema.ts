/**
 * The one definition of a manifest: the loader checks against it, and `tools/manifest_schema.ts`
 * makes the JSON Schema for editors out of it. Rules that look at several fields are in `rules.ts`.
 *
 * @module
 */

import * as v from "valibot";

import { list, withDefault } from "./fields.ts";
import { TOOL } from "./part_schemas.ts";
import { PROVIDER } from "./provider_schema.ts";
import { findShapeFaults } from "./_shape.ts";
import type { SchemaNode } from "./_shape.ts";
import type { KeyPath } from "./_lines.ts";
import type { ManifestDocument } from "./types.ts";

/** One thing the definition has against a document. */
export interface SchemaFault {
  /** Where. */
  readonly path: KeyPath;
  /** What: names and allowed values, never the value found. */
  readonly message: string;
}

/** What the definition makes of a document. */
export interface SchemaResult {
  /** The document with defaults filled in; absent when there are faults. */
  readonly document?: ManifestDocument | undefined;
  /** Everything that is wrong. */
  readonly faults: readonly SchemaFault[];
  /** Keys the definition does not know. */
  readonly unknownKeys: readonly SchemaFault[];
}

// What rules.ts asks for across fields, as far as JSON Schema can say it.
const EDITOR_RULES = [
  {
    if: { properties: { handler: { const: "passthrough" } }, required: ["handler"] },
    then: {
      required: ["base_url"],
      anyOf: [{ required: ["path_prefix"] }, { required: ["host_match"] }],
    },
    else: { required: ["description"] },
  },
  {
    if: {
      properties: { auth_type: { enum: ["bearer", "header", "query", "basic"] } },
      required: ["auth_type"],
    },
    then: { anyOf: [{ required: ["auth_key_name"] }, { required: ["auth_generator"] }] },
  },
  {
    if: { properties: { auth_type: { const: "oauth2" } }, required: ["auth_type"] },
    then: { required: ["auth_key_name", "auth_secret_name", "oauth2_token_url"] },
  },
];

/** The definition: what a manifest file may hold. */
export const MANIFEST_SCHEMA: v.GenericSchema<unknown, ManifestDocument> = v.object({
  provider: v.pipe(PROVIDER, v.metadata({ allOf: EDITOR_RULES })),
  tools: withDefault(list(TOOL, "Tools of the provider, one table each."), []),
});

/**
 * Checks a document field by field.
 *
 * @param value What the TOML parser made of a file.
 * @returns The document with defaults, or every fault; and the keys that are not known.
 */
export function validateDocument(value: unknown): SchemaResult {
  // The walk reads only the parts of a schema that `SchemaNode` names, which valibot documents.
  const shape = findShapeFaults(MANIFEST_SCHEMA as unknown as SchemaNode, value);
  const unknownKeys = shape.filter((fault) => fault.kind === "unknown_key");
  const faults: SchemaFault[] = shape.filter((fault) => fault.kind === "not_a_table");
  const noTables = new Set(faults.map(({ path }) => JSON.stringify(path)));
  const result = v.safeParse(MANIFEST_SCHEMA, value, { abortPipeEarly: true });
  for (const issue of result.issues ?? []) {
    const path = (issue.path ?? []).map((item) => item.key as string | number);
    const isInside = path.some((_, index) =>
      noTables.has(JSON.stringify(path.slice(0, index + 1)))
    );
    if (!isInside) faults.push({ path, message: describeIssue(issue) });
  }
  const document = result.success && faults.length === 0 ? result.output : undefined;
  return { document, faults, unknownKeys };
}

// The library's own messages quote the value; those of fields.ts do not.
function describeIssue(issue: v.BaseIssue<unknown>): string {
  if (issue.kind !== "schema" || TYPES_WITH_OWN_MESSAGE.includes(issue.type)) return issue.message;
  if (issue.input === undefined) return "Is missing";
  return `Must be ${TYPE_WORDS[issue.type] ?? "of another type"}`;
}

const TYPES_WITH_OWN_MESSAGE: readonly string[] = ["picklist", "variant", "strict_tuple"];
const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: "an array",
  boolean: "true or false",
  number: "a number",
  object: "a table",
  record: "a table",
  string: "text",
};
