import { test } from "node:test";
import assert from "node:assert/strict";
import { resolveReferences } from "../../lib/keyring/references.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";

test("resolveReferences() puts the trimmed text of the file in", async () => {
  const files = createMemoryFiles({ "/run/secrets/token": "\n ghp_secret \n\n" });
  const entries = { a: "@file:/run/secrets/token", b: "plain", c: " @file:/x", d: "@FILE:/x" };
  assert.deepEqual(await resolveReferences(entries, files), { ...entries, a: "ghp_secret" });
});

test("resolveReferences() does not follow a reference inside a file", async () => {
  const files = createMemoryFiles({ "/a": "@file:/b", "/b": "secret" });
  assert.deepEqual(await resolveReferences({ x: "@file:/a" }, files), { x: "@file:/b" });
});

test("resolveReferences() names the entry whose file it cannot use, not the path", async () => {
  const files = createMemoryFiles({ "/folder/x": "", "/binary": new Uint8Array([0xff]) });
  const cases = [
    ["@file:/canary", "missing"],
    ["@file:", "missing"],
    ["@file:/folder", "unreadable"],
    ["@file:/binary", "not_utf8"],
  ] as const;
  for (const [value, reason] of cases) {
    await assert.rejects(
      resolveReferences({ ok: "x", my_key: value }, files),
      (error: Error & { code?: string; reason?: string }) => {
        assert.equal(error.code, "ERR_KEYRING_REFERENCE");
        assert.equal(error.reason, reason);
        assert.match(error.message, /^Cannot load entry "my_key": /);
        return !`${error.message} ${JSON.stringify(error)} ${error.cause}`.includes("canary");
      },
    );
  }
});
