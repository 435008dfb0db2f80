import assert from "node:assert/strict";
import { test } from "node:test";

import { compileGlob, compileGlobs } from "../../lib/passthrough/glob.ts";
import { MAX_GLOB_CHARS } from "../../lib/limits.ts";

// Expectations follow the published test table of globset 0.4 with its default options.
const CASES: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ["a", "a", true],
  ["a", "A", false],
  ["", "", true],
  ["", "a", false],
  ["a*b", "a_b", true],
  ["a*b", "ab", true],
  ["a*b*c", "a___b___c", true],
  ["abc*abc*abc", "abcabcabcabcabcabcabc", true],
  ["abc*", "abcd", true],
  ["*", "", true],
  ["*", "a/b", true],
  ["/config/*", "/config/a/b", true],
  ["/config/*", "/config/", true],
  ["/config/*", "/config", false],
  ["/config/**", "/config/", true],
  ["/config/**", "/config", false],
  ["some/**/needle.txt", "some/needle.txt", true],
  ["some/**/needle.txt", "some/one/two/needle.txt", true],
  ["some/**/**/needle.txt", "some/needle.txt", true],
  ["some/**/needle.txt", "some/other/notthis.txt", false],
  ["some/**/needle.txt", "somex/needle.txt", false],
  ["**", "a/b/c", true],
  ["**/", "a/b/c", true],
  ["**/test", "one/two/test", true],
  ["**/test", "test", true],
  ["**/test", "onetest", false],
  ["/**/test", "/one/two/test", true],
  ["/**/test", "/test", true],
  ["/**/test", "/one/nottest", false],
  [".*/**", ".abc/abc", true],
  ["test/**", "test/one", true],
  ["a**b", "a/x/b", true],
  ["a**", "abc", true],
  ["a/**/**", "a/b", true],
  ["a[0-9]b", "a0b", true],
  ["a[0-9]b", "a_b", false],
  ["a[a-z123]b", "a1b", true],
  ["a[!0-9]b", "a0b", false],
  ["a[^0-9]b", "a_b", true],
  ["[!-]", "a", true],
  ["[!-]", "-", false],
  ["[]]", "]", true],
  ["[!]]", "]", false],
  ["[a-]", "-", true],
  ["[-a]", "-", true],
  ["[\\]", "\\", true],
  ["a?c", "a/c", true],
  ["a?c", "ac", false],
  ["{a,b}", "b", true],
  ["{a,b}", "a,b", false],
  ["{**/src/**,foo}", "abc/src/bar", true],
  ["{[}],foo}", "}", true],
  ["{*.foo,*.bar,*.wat}", "test.wat", true],
  ["abc{def,ghi}", "abcghi", true],
  ["{abc,{def,ghi}x}", "ghix", true],
  ["{,a}x", "x", false],
  ["a{}b", "ab", true],
  ["a,b", "a,b", true],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["\\{a\\,b\\}", "{a,b}", true],
  ["/a/\\**", "/a/*x", true],
  ["(a|b)+$", "(a|b)+$", true],
];

test("compileGlob() matches as globset does", () => {
  for (const [pattern, path, matches] of CASES) {
    assert.equal(compileGlob(pattern)(path), matches, `${pattern} on ${path}`);
  }
});

test("compileGlob() keeps no state from one path to the next", () => {
  const matches = compileGlob("/a/*/c");
  for (let round = 0; round < 3; round++) {
    assert.equal(matches("/a/b/c"), true);
    assert.equal(matches("/a/b/d"), false);
  }
});

test("compileGlob() refuses malformed patterns without quoting them", () => {
  const long = "a".repeat(MAX_GLOB_CHARS + 1);
  for (const pattern of ["[", "[]", "[!", "[a", "{", "{a", "{a,", "}", "a}", "\\", "[z-a]", long]) {
    assert.throws(() => compileGlob(pattern), { code: "ERR_CONFIG", reason: "glob" }, pattern);
  }
  assert.ok(compileGlob("a".repeat(MAX_GLOB_CHARS)));
});

test("compileGlob() needs no more than path times pattern steps", () => {
  // A backtracking matcher would need more steps than the test has years.
  const matches = compileGlob(`${"*a".repeat(40)}b`);
  assert.equal(matches("a".repeat(2000)), false);
  assert.equal(compileGlob("{a,a*}".repeat(60))("a".repeat(500) + "b"), true);
});

test("compileGlobs() matches what any pattern matches, and nothing without patterns", () => {
  const matches = compileGlobs(["/a/*", "/b"]);
  assert.equal(matches("/a/1"), true);
  assert.equal(matches("/b"), true);
  assert.equal(matches("/c"), false);
  assert.equal(compileGlobs([])("/a"), false);
});
