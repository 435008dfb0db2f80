import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_NAMED_SCOPE_CHARS } from "../../lib/limits.ts";
import {
  checkPassthroughScope,
  formatPassthroughScope,
  includesMethod,
  parsePassthroughScope,
} from "../../lib/scope/passthrough.ts";

const SCOPE = "passthrough:github";

/** `METHOD path` on the route with {@link SCOPE}. */
function check(granted: string | readonly string[], what: string, scope = SCOPE): boolean {
  const [method = "", path = ""] = what.split(" ");
  const list = typeof granted === "string" ? [granted] : granted;
  return checkPassthroughScope({ scope, method, path }, list);
}

const ALLOWED: readonly (readonly [granted: string, ...what: readonly string[]])[] = [
  ["*", "GET /", "DELETE /v1/x"],
  ["passthrough:*", "GET /", "POST /v1"],
  ["passthrough:git*", "GET /", "POST /v1"],
  ["passthrough:github", "GET /", "POST /v1/x", "M-SEARCH /", "WEIRD! /"],
  ["passthrough:github:*", "GET /", "POST /v1/x", "WEIRD! /"],
  ["passthrough:github:GET", "GET /", "GET /v1/x/y", "HEAD /v1"],
  ["passthrough:github:M-SEARCH", "M-SEARCH /"],
  ["passthrough:github:GET:/v1/*", "GET /v1/x", "GET /v1/x/y", "GET /v1/", "HEAD /v1/x"],
  ["passthrough:github:*:/v1/*", "GET /v1/x", "PATCH /v1/x"],
  ["passthrough:github:GET:/*", "GET /", "GET /a/b"],
  ["passthrough:github:GET:/v1*", "GET /v1", "GET /v1x", "GET /v1/x"],
  ["passthrough:github:GET:/v1/models", "GET /v1/models"],
  ["passthrough:github:POST:/a:b/c:GET:/d", "POST /a:b/c:GET:/d"],
  ["passthrough:github:GET:/a%2Fb", "GET /a%2Fb"],
  ["passthrough:github:GET:/a*b", "GET /a*b"],
];

test("checkPassthroughScope() allows what a scope stands for", () => {
  for (const [granted, ...accesses] of ALLOWED) {
    for (const what of accesses) assert.equal(check(granted, what), true, `${granted} -> ${what}`);
  }
});

const DENIED: readonly (readonly [granted: string, ...what: readonly string[]])[] = [
  ["passthrough:git", "GET /"],
  ["passthrough:githubx", "GET /"],
  ["passthrough:GitHub", "GET /"],
  ["passthrough:git:GET:/*", "GET /"],
  ["passthrough:github:HEAD", "GET /"],
  ["passthrough:github:GET", "POST /", "get /", "OPTIONS /"],
  ["passthrough:github:get", "GET /", "get /"],
  ["passthrough:github:GE*", "GET /"],
  ["passthrough:github:GET*", "GET /"],
  ["passthrough:github:GET:/v1/*", "GET /v1", "GET /v1x", "POST /v1/x", "GET /V1/x", "GET /"],
  ["passthrough:github:GET:/v1/*", "GET /%761/x", "GET //v1/x", "GET /a/v1/x"],
  ["passthrough:github:GET:/v1/models", "GET /v1/models/", "GET /v1/models/x", "GET /v1/Models"],
  ["passthrough:github:GET:/a%2fb", "GET /a%2Fb"],
  ["passthrough:github:GET:/a*b", "GET /axb"],
  ["passthrough:github:GET:/a?", "GET /ab"],
  ["tool:github", "GET /"],
  ["github", "GET /"],
  ["", "GET /"],
];

test("checkPassthroughScope() denies everything else", () => {
  for (const [granted, ...accesses] of DENIED) {
    for (const what of accesses) assert.equal(check(granted, what), false, `${granted} -> ${what}`);
  }
  assert.equal(check([], "GET /"), false);
});

/** Nothing of these parses as a part of the route. */
const MALFORMED: readonly string[] = [
  "passthrough:github:",
  "passthrough:github::",
  "passthrough:github::/v1/*",
  "passthrough:github:GET:",
  "passthrough:github:GET:*",
  "passthrough:github:GET:v1/*",
  "passthrough:github:GET /v1/*",
  "passthrough:github:GET,POST:/v1/*",
  "passthrough:github:G*T:/v1/*",
  "passthrough:github:**:/v1/*",
  "passthrough:github:-:/v1/*",
  "passthrough:github:/v1/*",
  "passthrough:*:GET:/v1/*",
  "passthrough:*:GET",
  "passthrough:git*:GET:/v1/*",
  "*:GET:/v1/*",
  "passthrough::GET:/v1/*",
];

test("checkPassthroughScope() takes no meaning from a scope that does not parse", () => {
  for (const granted of MALFORMED) {
    for (const what of ["GET /v1/x", "GET /", "POST /v1/x"]) {
      assert.equal(check(granted, what), false, granted);
    }
  }
  // A token may hold such a scope beside one that counts.
  assert.equal(check([...MALFORMED, "passthrough:github:GET:/v1/*"], "GET /v1/x"), true);
});

test("checkPassthroughScope() takes a scope that a manifest made up in the same way", () => {
  for (const scope of ["llm", "team:llm", "https://example.com/llm", "tool:github:search"]) {
    assert.equal(check(scope, "POST /v1/x", scope), true);
    assert.equal(check(`${scope}:GET:/v1/*`, "GET /v1/x", scope), true);
    assert.equal(check(`${scope}:GET:/v1/*`, "POST /v1/x", scope), false);
    assert.equal(check(`${scope}x:GET:/v1/*`, "GET /v1/x", scope), false);
    assert.equal(check(`x${scope}:GET:/v1/*`, "GET /v1/x", scope), false);
    assert.equal(check(SCOPE, "GET /v1/x", scope), false);
  }
  assert.equal(check("tool:github:*", "GET /", "tool:github:search"), true);
  assert.equal(check("tool:github_search", "GET /", "tool:github:search"), true);
});

test("checkPassthroughScope() takes `*` and `/*` for every method and path", () => {
  const whole = ["*", SCOPE, `${SCOPE}:*`, `${SCOPE}:*:/*`, "passthrough:*"];
  for (const granted of whole) assert.equal(check(granted, "* /*"), true, granted);
  const parts = [`${SCOPE}:GET`, `${SCOPE}:GET:/*`, `${SCOPE}:*:/v1/*`, `${SCOPE}:*:/`];
  for (const granted of parts) assert.equal(check(granted, "* /*"), false, granted);
  assert.equal(
    formatPassthroughScope({ scope: SCOPE, method: "*", path: "/*" }),
    `${SCOPE}:*:/*`,
  );
});

test("checkPassthroughScope() allows a route without a scope by `*` only", () => {
  for (const granted of [":GET", ":*", ":GET:/v1/*"]) {
    assert.equal(check(granted, "GET /v1/x", ""), false);
  }
  assert.equal(check("*", "GET /v1/x", ""), true);
});

test("formatPassthroughScope() names the narrowest scope, and it does", () => {
  for (
    const [what, named] of [
      ["GET /v1/models", "passthrough:github:GET:/v1/models"],
      ["HEAD /", "passthrough:github:HEAD:/"],
      ["M-SEARCH /a:b", "passthrough:github:M-SEARCH:/a:b"],
      ["POST /a%22b*", "passthrough:github:POST:/a%22b*"],
    ] as const
  ) {
    const [method = "", path = ""] = what.split(" ");
    assert.equal(formatPassthroughScope({ scope: SCOPE, method, path }), named);
    assert.equal(check(named, what), true);
  }
});

test("formatPassthroughScope() names the route's scope where nothing narrower can be named", () => {
  const hostile = ['/a"', "/a\\", "/a b", "/a\r\nx: y", "/ä", "a", ""];
  for (const path of hostile) {
    assert.equal(formatPassthroughScope({ scope: SCOPE, method: "GET", path }), SCOPE);
  }
  for (const method of ["get", "V2", 'G"', "", "*GET"]) {
    assert.equal(formatPassthroughScope({ scope: SCOPE, method, path: "/" }), SCOPE);
  }
  const path = "/".padEnd(MAX_NAMED_SCOPE_CHARS - `${SCOPE}:GET:`.length, "a");
  assert.equal(
    formatPassthroughScope({ scope: SCOPE, method: "GET", path }).length,
    MAX_NAMED_SCOPE_CHARS,
  );
  assert.equal(formatPassthroughScope({ scope: SCOPE, method: "GET", path: `${path}a` }), SCOPE);
});

test("parsePassthroughScope() finds scope, method and path", () => {
  const every = "/*";
  for (
    const [token, scope, method, path] of [
      ["passthrough:a:GET", "passthrough:a", "GET", every],
      ["passthrough:a:*", "passthrough:a", "*", every],
      ["passthrough:a:*:/b", "passthrough:a", "*", "/b"],
      ["passthrough:A:GET:/b", "passthrough:A", "GET", "/b"],
      ["passthrough:a:GET:/b:POST:/c", "passthrough:a", "GET", "/b:POST:/c"],
      ["passthrough:a:GET:/b:POST", "passthrough:a", "GET", "/b:POST"],
      ["passthrough:team:LLM:GET:/b", "passthrough:team:LLM", "GET", "/b"],
      ["team:LLM:GET", "team:LLM", "GET", every],
      ["llm:GET:/v1/*", "llm", "GET", "/v1/*"],
    ] as const
  ) {
    assert.deepEqual(parsePassthroughScope(token), { scope, method, path }, token);
  }
  const whole = ["passthrough:a", "passthrough:A", "passthrough:*", "llm", "LLM", "*", "", ":GET"];
  for (const token of [...whole, "a:GET:b", "a:GET:", "a:get", "passthrough:A:/b"]) {
    assert.equal(parsePassthroughScope(token), undefined, token);
  }
});

test("parsePassthroughScope() takes long tokens in its stride", () => {
  for (const piece of ["a", ":", ":A", ":A:", "A", ":A:/", "*:"]) {
    for (const start of ["", "passthrough:"]) {
      const startedMs = performance.now();
      parsePassthroughScope(start + piece.repeat(16_384 / piece.length) + "\n");
      assert.ok(performance.now() - startedMs < 1000, piece);
    }
  }
});

test("includesMethod() takes HEAD for a GET without content, and nothing else", () => {
  assert.equal(includesMethod("GET", "HEAD"), true);
  assert.equal(includesMethod("*", "HEAD"), true);
  assert.equal(includesMethod("HEAD", "GET"), false);
  assert.equal(includesMethod("GET", "*"), false);
});
