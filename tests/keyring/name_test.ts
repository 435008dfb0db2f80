import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_NAME_CHARS } from "../../lib/limits.ts";
import { assertEntries, assertKeyName } from "../../lib/keyring/name.ts";

const BAD_NAME = { code: "ERR_KEYRING_ENTRY", reason: "name" };

test("assertKeyName() accepts ordinary names", () => {
  const names = [
    "github_token",
    "OPENAI-API.key",
    "a",
    "API key (prod)",
    "schlüssel",
    "constructor",
  ];
  for (const name of names) assertKeyName(name);
});

test("assertKeyName() refuses names that a file, a variable or a terminal would misread", () => {
  const names = ["", " ", " a", "a ", "a/b", "../a", "a\\b", "a=b", ".", "..", "a\nb", "a\0"];
  for (
    const name of [...names, "\u001b[2J", "a\u202eb", "a\u200d", "\ud800", "__proto__", "\u007f"]
  ) {
    assert.throws(() => assertKeyName(name), BAD_NAME, JSON.stringify(name));
  }
});

test("assertKeyName() takes as many characters as the limit and not one more", () => {
  assertKeyName("a".repeat(MAX_NAME_CHARS));
  assert.throws(() => assertKeyName("a".repeat(MAX_NAME_CHARS + 1)), BAD_NAME);
});

test("assertEntries() is milder with names that come from elsewhere", () => {
  assertEntries({ "API key/prod = 1": "x", ["a".repeat(500)]: "" });
  for (const name of ["", "a\nb", "\u001b", "\ud800"]) {
    assert.throws(() => assertEntries({ [name]: "x" }), BAD_NAME);
  }
  assert.throws(() => assertEntries(Object.fromEntries([["__proto__", "x"]])), BAD_NAME);
});

test("assertEntries() refuses values that are no text", () => {
  for (const value of [1, null, true, {}, ["x"], undefined]) {
    assert.throws(() => assertEntries({ a: value }), {
      code: "ERR_KEYRING_ENTRY",
      reason: "value",
    });
  }
});
