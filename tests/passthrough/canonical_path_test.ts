import assert from "node:assert/strict";
import { test } from "node:test";

import { canonicalizeTarget, isPlainPath } from "../../lib/passthrough/canonical_path.ts";
import type { PathRefusal } from "../../lib/passthrough/canonical_path.ts";
import { MAX_PATH_CHARS } from "../../lib/limits.ts";

const ACCEPTED: readonly (readonly [raw: string, path: string, query?: string])[] = [
  ["/", "/"],
  ["/a", "/a"],
  ["/a/", "/a/"],
  ["/a/b.c/~d", "/a/b.c/~d"],
  ["/a?", "/a", "?"],
  ["/a?b=/../c&d=%2e%2e;e=\\", "/a", "?b=/../c&d=%2e%2e;e=\\"],
  ["/a?b?c", "/a", "?b?c"],
  ["/.well-known/jwks.json", "/.well-known/jwks.json"],
  ["/..a/...b/a../.../c", "/..a/...b/a../.../c"],
  ["/%41%2d%7e%2E%5f", "/A-~._"],
  ["/%63onfig", "/config"],
  ["/a%20b%3fc%23d", "/a%20b%3Fc%23d"],
  ["/a%3bb;c=d", "/a%3Bb;c=d"],
  ["/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="],
  ["/caf%c3%a9", "/caf%C3%A9"],
  ["/%2563onfig", "/%2563onfig"],
  ["/a%252fb", "/a%252fb"],
  ['/"<>[]^`{|}', "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D"],
  ["http://evil.example/x/y?z", "/x/y", "?z"],
  ["HTTPS://evil.example:8443", "/"],
  ["http://evil.example?q", "/", "?q"],
  ["http://[::1]:80/a", "/a"],
];

test("canonicalizeTarget() gives each path one spelling", () => {
  for (const [raw, path, query = ""] of ACCEPTED) {
    const result = canonicalizeTarget(raw);
    assert.ok(result.ok, raw);
    assert.equal(result.target.path, path);
    assert.equal(result.target.query, query);
    const again = canonicalizeTarget(path);
    assert.ok(again.ok && again.target.path === path, `${path} is not stable`);
  }
});

test("canonicalizeTarget() keeps the raw path", () => {
  const result = canonicalizeTarget("http://evil.example/%41?%42");
  assert.deepEqual(result, {
    ok: true,
    target: {
      rawPath: "/%41",
      path: "/A",
      query: "?%42",
      hasEncodedSlash: false,
      hasEmptySegments: false,
    },
  });
});

test("canonicalizeTarget() reports encoded slashes and empty segments for the route", () => {
  for (
    const [raw, hasEncodedSlash, hasEmptySegments] of [
      ["/a%2fb", true, false],
      ["/a%2Fb", true, false],
      ["//a", false, true],
      ["/a//b", false, true],
      ["/a//", false, true],
      ["/a/%2F/b//", true, true],
      ["/a/", false, false],
    ] as const
  ) {
    const result = canonicalizeTarget(raw);
    assert.ok(result.ok, raw);
    assert.equal(result.target.hasEncodedSlash, hasEncodedSlash, raw);
    assert.equal(result.target.hasEmptySegments, hasEmptySegments, raw);
  }
});

const REFUSED: Readonly<Record<PathRefusal, readonly string[]>> = {
  not_a_path: [
    "",
    "*",
    "?a",
    "a/b",
    "evil.example:443",
    "ftp://evil.example/a",
    "http:///a",
    "http://",
    "http://evil.example\\@b/a",
    "http://ev\til/a",
    " /a",
  ],
  too_long: [`/${"a".repeat(MAX_PATH_CHARS)}`, `/${"%41".repeat(Math.ceil(MAX_PATH_CHARS / 3))}`],
  forbidden_byte: ["/a b", "/a\tb", "/a\rb", "/a\nb", "/a\0b", "/a\x7fb", "/é", "/a?\n", "/a?é"],
  fragment: ["/a#b", "/#", "/a?b#c"],
  backslash: ["/a\\b", "/\\..\\b", "/a%5cb", "/a%5Cb"],
  invalid_escape: ["/%", "/a%2", "/a%zz", "/a%2g", "/%%41", "/%u002e"],
  encoded_control: ["/a%00", "/%0a", "/%0D%0A", "/%1f", "/%7f", "/a%09b"],
  invalid_utf8: ["/%c0%ae%c0%ae/", "/%e0%80%af", "/%ff", "/%c3", "/%ed%a0%80", "/%f8%80%80%80%ae"],
  dot_segment: [
    "/.",
    "/..",
    "/../a",
    "/a/..",
    "/a/./b",
    "/a/../b",
    "/%2e",
    "/%2e%2e/a",
    "/a/.%2E/b",
    "/a/..;x=y/b",
    "/a/..;/b",
    "/a/.;/b",
    "/a/%2e%2e%3bx/b",
    "/a/..%2fb",
    "/a%2f..%2fb",
    "/a/%252e%252e/b",
    "/a/%25252e%25252e/b",
    "/a/..%252fb",
    "/a/..%255cb",
    "/a/..%3fb",
    "/a/..%2500/b",
    "/a/..%20/b",
    "http://evil.example/../a",
  ],
};

test("canonicalizeTarget() refuses what servers read differently", () => {
  for (const [reason, targets] of Object.entries(REFUSED)) {
    for (const raw of targets) {
      assert.deepEqual(canonicalizeTarget(raw), { ok: false, reason }, JSON.stringify(raw));
    }
  }
});

test("canonicalizeTarget() takes a path of exactly the longest length", () => {
  assert.ok(canonicalizeTarget(`/${"a".repeat(MAX_PATH_CHARS - 1)}`).ok);
  assert.ok(canonicalizeTarget(`/a?${"b".repeat(2 * MAX_PATH_CHARS)}`).ok);
});

test("canonicalizeTarget() agrees with the URL parser about every path it accepts", () => {
  // A seeded walk over the characters that matter, so that a failure can be repeated.
  const pieces = [
    "/",
    ".",
    "%2e",
    "%2E",
    "%2f",
    ";",
    "a",
    "A",
    "%41",
    "%25",
    "é",
    "\\",
    "{",
    "'",
    "?",
  ];
  let seed = 42;
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    let raw = "/";
    for (let length = 0; length < 6; length++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      raw += pieces[Math.floor(seed / 65_536) % pieces.length]!;
    }
    const result = canonicalizeTarget(raw);
    if (!result.ok) continue;
    accepted++;
    const { path, query } = result.target;
    const url = new URL(`http://upstream.example${path}${query}`);
    assert.equal(url.pathname, path, raw);
    assert.equal(url.host, "upstream.example", raw);
  }
  assert.ok(accepted > 1000, `${accepted}`);
});

test("isPlainPath() holds only for paths that are canonical as they stand", () => {
  for (const path of ["/", "/a/b", "/a/.b", "/a..b/"]) assert.ok(isPlainPath(path), path);
  for (
    const path of ["", "a", "/..", "/.", "/a/..b", "//", "/a%41", "/a;b", "/a?b", "/a#b", "/a\\"]
  ) {
    assert.ok(!isPlainPath(path), path);
  }
});
