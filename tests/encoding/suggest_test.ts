import assert from "node:assert/strict";
import { test } from "node:test";

import { suggestWord } from "../../lib/encoding/suggest.ts";

const KEYS = ["deny_paths", "host_match", "path_prefix", "path_replace", "name"];

test("suggestWord() finds what was mistyped: a letter more, less, other, swapped, or in capitals", () => {
  assert.equal(suggestWord("deny_path", KEYS), "deny_paths");
  assert.equal(suggestWord("denny_paths", KEYS), "deny_paths");
  assert.equal(suggestWord("deny-paths", KEYS), "deny_paths");
  assert.equal(suggestWord("dney_paths", KEYS), "deny_paths");
  assert.equal(suggestWord("HOST_MATCH", KEYS), "host_match");
  assert.equal(suggestWord("nam", KEYS), "name");
});

test("suggestWord() finds nothing where nothing is near, or the word is too long", () => {
  assert.equal(suggestWord("authentication", KEYS), undefined);
  assert.equal(suggestWord("x", KEYS), undefined);
  assert.equal(suggestWord("", KEYS), undefined);
  assert.equal(suggestWord("deny_paths".repeat(1000), KEYS), undefined);
  assert.equal(suggestWord("name", []), undefined);
});
