import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_SCOPES } from "../../lib/limits.ts";
import { buildScopeString, parseScope, parseScopes } from "../../lib/scope/parse.ts";

const TOKEN_ERROR = { code: "ERR_SCOPE_SYNTAX", reason: "token" };
const COUNT_ERROR = { code: "ERR_SCOPE_SYNTAX", reason: "too_many" };

test("parseScopes() splits on Unicode white space and keeps order and repetitions", () => {
  assert.deepEqual(parseScopes(""), []);
  assert.deepEqual(parseScopes(" \t\n "), []);
  assert.deepEqual(parseScopes(" b  a\tb\u00a0c\u2003d\u0085e\r\n"), [
    "b",
    "a",
    "b",
    "c",
    "d",
    "e",
  ]);
});

test("parseScopes() takes U+FEFF and U+200B as part of a token", () => {
  assert.deepEqual(parseScopes("a\ufeffb\u200bc"), ["a\ufeffb\u200bc"]);
});

test("parseScopes() keeps tokens it does not understand", () => {
  assert.deepEqual(parseScopes("openid tool: :x help"), ["openid", "tool:", ":x", "help"]);
});

test("parseScopes() takes as many scopes as the limit and not one more", () => {
  const most = Array.from({ length: MAX_SCOPES }, (_, index) => `tool:t${index}`);
  assert.equal(parseScopes(most.join(" ")).length, MAX_SCOPES);
  assert.throws(() => parseScopes([...most, "help"].join(" ")), COUNT_ERROR);
});

test("parseScope() knows every kind", () => {
  assert.deepEqual(parseScope("*"), { kind: "all" });
  assert.deepEqual(parseScope("help"), { kind: "help" });
  const named = [
    ["tool:github:search", "tool", "github:search", false],
    ["tool:github:*", "tool", "github:*", true],
    ["tool:*", "tool", "*", true],
    ["skill:research-*", "skill", "research-*", true],
    ["provider:github", "provider", "github", false],
    ["category:finance", "category", "finance", false],
    ["passthrough:litellm", "passthrough", "litellm", false],
    ["tool:a*b", "tool", "a*b", false],
  ] as const;
  for (const [token, kind, pattern, isWildcard] of named) {
    assert.deepEqual(parseScope(token), { kind, pattern, isWildcard });
  }
});

test("parseScope() leaves anything else unknown", () => {
  for (const text of ["tool:", "skill:", "Tool:x", "HELP", "help*", "**", "tool", "openid", ":x"]) {
    assert.deepEqual(parseScope(text), { kind: "unknown", text });
  }
});

test("parseScope() refuses what is not one token", () => {
  for (const token of ["", " ", "a b", "tool:a\n", "\u0085", "tool:\0", "tool:\u007f", "x\ud800"]) {
    assert.throws(() => parseScope(token), TOKEN_ERROR, JSON.stringify(token));
  }
});

test("buildScopeString() prefixes tools and skills and appends extras", () => {
  const input = { tools: ["web_search", "github:*"], skills: ["research-*"], extra: ["help"] };
  assert.equal(buildScopeString(input), "tool:web_search tool:github:* skill:research-* help");
  assert.equal(buildScopeString({}), "");
  assert.equal(buildScopeString({ tools: undefined, extra: ["*"] }), "*");
});

test("buildScopeString() does not prefix twice", () => {
  const input = { tools: ["tool:a", "skill:b"], skills: ["skill:c", "tool:d"] };
  assert.equal(buildScopeString(input), "tool:a tool:skill:b skill:c skill:tool:d");
});

test("buildScopeString() refuses names that would grant a second scope or none", () => {
  const inputs = [
    { tools: ["x *"] },
    { tools: [""] },
    { tools: ["tool:"] },
    { skills: ["a\u2003help"] },
    { skills: ["skill:"] },
    { extra: [""] },
    { extra: ["help tool:*"] },
    { extra: ["a\u0000"] },
  ];
  for (const input of inputs) assert.throws(() => buildScopeString(input), TOKEN_ERROR);
});

test("buildScopeString() takes as many scopes as the limit and not one more", () => {
  const tools = Array.from({ length: MAX_SCOPES }, (_, index) => `t${index}`);
  assert.equal(parseScopes(buildScopeString({ tools })).length, MAX_SCOPES);
  assert.throws(() => buildScopeString({ tools, extra: ["help"] }), COUNT_ERROR);
});

test("buildScopeString() names no value in its errors", () => {
  assert.throws(() => buildScopeString({ tools: ["canary secret"] }), (error: Error) => {
    return !error.message.includes("canary");
  });
});
