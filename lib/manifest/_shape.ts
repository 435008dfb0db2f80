/**
 * Walks a document beside its definition for what the definition itself lets pass: keys it does
 * not know, and arrays or dates where a table belongs.
 *
 * @module
 */

import { isPlainObject } from "../encoding/json.ts";
import { suggestWord } from "../encoding/suggest.ts";
import { MAX_SUGGESTIONS } from "../limits.ts";
import type { KeyPath } from "./_lines.ts";

/** What the walk reads of a schema. */
export interface SchemaNode {
  /** Kind of schema. */
  readonly type: string;
  /** Schema inside an optional one. */
  readonly wrapped?: SchemaNode;
  /** Keys of a table. */
  readonly entries?: Readonly<Record<string, SchemaNode>>;
  /** Items of an array. */
  readonly item?: SchemaNode;
  /** Values of a table with free keys. */
  readonly value?: SchemaNode;
  /** Tables of a variant; the one is taken whose `literal` under `key` is in the document. */
  readonly options?: readonly SchemaNode[];
  /** Discriminator of a variant. */
  readonly key?: unknown;
  /** Value of a literal. */
  readonly literal?: unknown;
}

/** One thing the walk found. */
export interface ShapeFault {
  /** `unknown_key` or `not_a_table`. */
  readonly kind: "unknown_key" | "not_a_table";
  /** Where. */
  readonly path: KeyPath;
  /** What, without a value. */
  readonly message: string;
}

/**
 * Finds unknown keys and things that are no table where one belongs.
 *
 * @param schema The definition.
 * @param value The document.
 * @returns What it found, in document order.
 */
export function findShapeFaults(schema: SchemaNode, value: unknown): ShapeFault[] {
  const faults: ShapeFault[] = [];
  walk(schema, value, []);
  return faults;

  function walk(outer: SchemaNode, value: unknown, path: KeyPath): void {
    const node = outer.wrapped ?? outer;
    if (value === undefined) return;
    if (node.type === "array") {
      if (!Array.isArray(value) || node.item === undefined) return;
      for (const [index, item] of value.entries()) walk(node.item, item, [...path, index]);
    } else if (node.type === "object" || node.type === "record" || node.type === "variant") {
      if (isPlainObject(value)) walkTable(node, value, path);
      else faults.push({ kind: "not_a_table", path, message: "Must be a table" });
    }
  }

  function walkTable(node: SchemaNode, table: Record<string, unknown>, path: KeyPath): void {
    const entries = node.entries ?? pickOption(node, table)?.entries;
    for (const [key, value] of Object.entries(table)) {
      const schema = entries !== undefined && Object.hasOwn(entries, key)
        ? entries[key]
        : node.value;
      if (schema !== undefined) walk(schema, value, [...path, key]);
      else if (entries !== undefined) {
        const candidates = faults.length < MAX_SUGGESTIONS ? Object.keys(entries) : [];
        const message = describeUnknownKey(key, candidates);
        faults.push({ kind: "unknown_key", path: [...path, key], message });
      }
    }
  }
}

function pickOption(node: SchemaNode, table: Record<string, unknown>): SchemaNode | undefined {
  const key = String(node.key);
  return node.options?.find((option) => option.entries?.[key]?.literal === table[key]);
}

function describeUnknownKey(key: string, known: readonly string[]): string {
  const meant = suggestWord(key, known);
  return meant === undefined ? "Unknown key" : `Unknown key; did you mean "${meant}"?`;
}
