import assert from "node:assert/strict";
import { test } from "node:test";

import { compilePathRules, expandPattern } from "../../lib/passthrough/path_rules.ts";

test("expandPattern() expands as the reference does", () => {
  assert.deepEqual(expandPattern("/config/**"), ["/config/**"]);
  assert.deepEqual(expandPattern("/config/*"), ["/config/*", "/config/**"]);
  assert.deepEqual(expandPattern("/config"), ["/config", "/config/**"]);
  assert.deepEqual(expandPattern("/config/"), ["/config/", "/config/**"]);
  assert.deepEqual(expandPattern("/a/*/b"), ["/a/*/b"]);
  assert.deepEqual(expandPattern("*.txt"), ["*.txt"]);
  assert.deepEqual(expandPattern("{/a,/b}"), ["{/a,/b}"]);
});

test("expandPattern() mends rules that could never match", () => {
  assert.deepEqual(expandPattern("config/*"), ["config/*", "/config/*", "/config/**"]);
  assert.deepEqual(expandPattern("/%63onfig"), ["/%63onfig", "/config", "/config/**"]);
});

const LISTED = [
  "/config",
  "/config/",
  "/config/y",
  "/config/y/z",
  "/CONFIG/y",
  "/Config",
  "/config;a=b/y",
  "/config/y;a=b",
  "//config/y",
  "/config//y",
  "/config%2Fy",
  "/config%3Ba/y",
  "/config%3Fy",
  "/%2563onfig/y",
  "/%252563onfig/y",
  "/c%256fnfig",
  "/config./y",
  "/config%20/y",
  "/config%252e/y",
  "/config%255Cy",
  "/%EF%BD%83onfig/y",
  "/con%EF%AC%81g/y",
  "/v1/%EF%BC%8E%EF%BC%8E/config",
];
const OTHERS = [
  "/",
  "/configuration",
  "/v1/config/y",
  "/confi",
  "/conf.ig",
  "/%2563/y",
  "/config-y",
  "/v1;config/y",
];

test("compilePathRules() lists every spelling of a listed path", () => {
  const isListed = compilePathRules(["/config/*"]);
  for (const path of LISTED) assert.equal(isListed(path), true, path);
});

test("compilePathRules() leaves other paths alone", () => {
  const isListed = compilePathRules(["/config/*"]);
  for (const path of OTHERS) assert.equal(isListed(path), false, path);
});

test("compilePathRules() folds the rule's case as well as the path's", () => {
  const isListed = compilePathRules(["/Admin/*", "/[A-C]/x"]);
  for (const path of ["/admin/x", "/ADMIN/x", "/B/x", "/b/x"]) assert.equal(isListed(path), true);
  assert.equal(isListed("/d/x"), false);
});

test("compilePathRules() keeps what a negated class matches before folding", () => {
  const isListed = compilePathRules(["/[!a-z]*/x"]);
  assert.equal(isListed("/A/x"), true);
  assert.equal(isListed("/1/x"), true);
  assert.equal(isListed("/a/x"), false);
});

test("compilePathRules() refuses a malformed rule", () => {
  assert.throws(() => compilePathRules(["/a", "/["]), { code: "ERR_CONFIG", reason: "glob" });
});
