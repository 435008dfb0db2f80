import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { parseManifest } from "../../lib/manifest/parse.ts";
import { createManifestSchema, SCHEMA_FILE } from "../../tools/manifest_schema.ts";

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

describe("manifest.schema.json", () => {
  const text = readFileSync(SCHEMA_FILE, "utf8");
  const schema = JSON.parse(text) as Schema;
  const provider = schema.properties?.provider?.properties ?? {};

  it("is what the definition makes (else run: npx tsx tools/manifest_schema.ts)", () => {
    assert.equal(text, createManifestSchema());
  });

  it("describes every field of provider and tool", () => {
    const { manifest } = parseManifest(`[provider]\nname = "x"\ndescription = ""\n`, { file: "x" });
    for (const key of Object.keys(manifest.provider)) assert.ok(key in provider, key);
    const tool = schema.properties?.tools?.items?.properties ?? {};
    for (const [key, field] of [...Object.entries(provider), ...Object.entries(tool)]) {
      assert.ok((field.description ?? "").endsWith("."), key);
    }
  });

  it("carries defaults, choices and patterns, and marks unknown keys", () => {
    assert.equal(provider.read_timeout_seconds?.default, 300);
    assert.equal(provider.strip_prefix?.default, true);
    assert.ok(provider.handler?.enum?.includes("passthrough"));
    assert.ok(new RegExp(provider.path_prefix?.pattern ?? "x").test("/openai"));
    assert.equal(schema.properties?.provider?.additionalProperties, false);
  });

  it("has patterns that dialects other than ECMAScript read alike", () => {
    for (const [, pattern = ""] of text.matchAll(/"pattern": "((?:[^"\\]|\\.)*)"/g)) {
      const source = JSON.parse(`"${pattern}"`) as string;
      assert.ok(!source.includes("\\/"), source);
      // A bracket inside a class, unescaped, opens a nested class elsewhere.
      assert.ok(!/(?<!\\)\[(?:[^\]\\]|\\.)*(?<!\\)\[/.test(source), source);
    }
  });
});
