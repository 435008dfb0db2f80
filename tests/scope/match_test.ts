import { test } from "node:test";
import assert from "node:assert/strict";
import { checkScope, matchesWildcard, toLegacyAlias } from "../../lib/scope/match.ts";

test("matchesWildcard() gives a meaning to a trailing star only", () => {
  const cases = [
    ["tool:github:search", "tool:github:*", true],
    ["anything", "*", true],
    ["", "*", true],
    ["tool:a", "tool:a", true],
    ["tool:a", "tool:A", false],
    ["tool:github", "tool:github:*", false],
    ["tool:github:", "tool:github:*", true],
    ["tool:githubx:y", "tool:github:*", false],
    ["a1b", "a*b", false],
    ["a*b", "a*b", true],
    ["a*bc", "a*b*", true],
    ["axbc", "a*b*", false],
    ["a", "a**", false],
    ["a*", "a**", true],
    ["", "", true],
    ["x", "", false],
    ["*", "tool:*", false],
  ] as const;
  for (const [name, pattern, expected] of cases) {
    assert.equal(matchesWildcard(name, pattern), expected, `${name} against ${pattern}`);
  }
});

test("checkScope() gives the answers of the Python client", () => {
  assert.equal(checkScope("tool:github:search_repos", ["tool:github:*"]), true);
  assert.equal(checkScope("tool:secret_api", ["tool:web_search"]), false);
  assert.equal(checkScope("tool:x", ["help", "tool:x"]), true);
  assert.equal(checkScope("skill:research-a", ["skill:research-*"]), true);
  assert.equal(checkScope("help", ["help"]), true);
  assert.equal(checkScope("help", ["tool:*"]), false);
  assert.equal(checkScope("anything", ["*"]), true);
});

test("checkScope() lets a legacy scope allow the namespaced tool", () => {
  assert.equal(checkScope("tool:finnhub:quote", ["tool:finnhub_quote"]), true);
  assert.equal(checkScope("tool:finnhub:quote", ["tool:finnhub_*"]), true);
  assert.equal(checkScope("tool:a:b:c", ["tool:a_b:c"]), true);
});

test("checkScope() reads the legacy spelling one way only, for tools only", () => {
  assert.equal(checkScope("tool:finnhub_quote", ["tool:finnhub:quote"]), false);
  assert.equal(checkScope("skill:a:b", ["skill:a_b"]), false);
  assert.equal(checkScope("tool:a:b:c", ["tool:a_b_c"]), false);
  assert.equal(checkScope("tool:a:b", ["tool:a"]), false);
});

test("checkScope() allows nothing without a scope", () => {
  assert.equal(checkScope("tool:x", []), false);
  assert.equal(checkScope("", []), false);
  assert.equal(checkScope("", ["tool:*"]), false);
});

test("toLegacyAlias() turns the first colon of a tool into an underscore", () => {
  assert.equal(toLegacyAlias("tool:a:b"), "tool:a_b");
  assert.equal(toLegacyAlias("tool:a:b:c"), "tool:a_b:c");
  assert.equal(toLegacyAlias("tool:a:*"), "tool:a_*");
  for (const scope of ["tool:a", "tool:", "tool::x", "skill:a:b", "*", "", "help"]) {
    assert.equal(toLegacyAlias(scope), undefined, scope);
  }
});
