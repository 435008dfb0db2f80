import { test } from "node:test";
import assert from "node:assert/strict";
import { parseOnePasswordItem } from "../../lib/keyring/one_password.ts";

test("parseOnePasswordItem() takes fields with a label and a text", () => {
  const item = {
    id: "x",
    title: "ATI keyring",
    fields: [
      { id: "1", type: "CONCEALED", label: "github_token", value: "ghp_secret" },
      { id: "2", label: "notesPlain", purpose: "NOTES" },
      { id: "3", label: "empty", value: "" },
      { id: "4", label: "", value: "no label" },
      { id: "5", value: "no label" },
      { id: "6", label: "number", value: 5 },
      { id: "7", label: null, value: "x" },
      "not a field",
      null,
      { label: "API key (prod)/1", value: " kept as is " },
    ],
  };
  assert.deepEqual(parseOnePasswordItem(new TextEncoder().encode(JSON.stringify(item))), {
    github_token: "ghp_secret",
    "API key (prod)/1": " kept as is ",
  });
});

test("parseOnePasswordItem() lets the last of equal labels count", () => {
  const fields = ["1", "2", ""].map((value) => ({ label: "a", value }));
  assert.deepEqual(parseOnePasswordItem(JSON.stringify({ fields })), { a: "2" });
});

test("parseOnePasswordItem() refuses an item without a usable field", () => {
  const items = ["{}", '{"fields":[]}', '{"fields":{}}', '{"fields":[{"label":"a"}]}'];
  for (const item of [...items, '{"fields":"abc"}', '{"fields":null}']) {
    assert.throws(() => parseOnePasswordItem(item), {
      code: "ERR_KEYRING_SOURCE",
      reason: "no_fields",
    });
  }
});

test("parseOnePasswordItem() refuses what is no JSON object, without its text", () => {
  for (const output of ["", "canary", '[{"label":"canary"}]', '{"fields": canary}']) {
    assert.throws(() => parseOnePasswordItem(output), (error: Error & { reason?: string }) => {
      assert.equal(error.reason, "not_json");
      return !`${error.stack} ${JSON.stringify(error)} ${error.cause}`.includes("canary");
    });
  }
});

test("parseOnePasswordItem() refuses a label that cannot be a name", () => {
  for (const label of ["__proto__", "a\nb"]) {
    const output = JSON.stringify({ fields: [{ label, value: "x" }] });
    assert.throws(() => parseOnePasswordItem(output), { code: "ERR_KEYRING_ENTRY" });
  }
});
