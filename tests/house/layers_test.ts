import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { checkLayers, MAY_IMPORT, PACKAGE_FILES } from "./_layers.ts";
import { listFiles, readImports, ROOT } from "./_tree.ts";

const DOORS = ["mod.ts", "cli.ts", "server.ts"];

test("checkLayers() finds nothing in the project", () => {
  const files = [...DOORS, ...listFiles("lib", /\.ts$/)];
  const imports = readImports(files);
  assert.ok(imports.length > files.length, "the graph was read");
  assert.deepEqual(checkLayers(imports), []);
});

test("the layer table names no file that is gone and misses no room that is there", () => {
  const gone = Object.values(PACKAGE_FILES).flat().filter((file) => !existsSync(ROOT + file));
  assert.deepEqual(gone, []);
  const rooms = listFiles("lib", /\.ts$/).map((file) => file.split("/")[1]?.replace(/\.ts$/, ""));
  const unknown = new Set(rooms.filter((room) => !Object.hasOwn(MAY_IMPORT, room ?? "")));
  assert.deepEqual([...unknown], []);
});

/** One breach of each rule: without these the check above could pass by looking at nothing. */
const BREACHES: readonly (readonly [rule: string, from: string, to: string])[] = [
  ["an arrow that points up", "lib/jwt/verify.ts", "lib/proxy/app.ts"],
  ["an arrow that points sideways", "lib/jwt/verify.ts", "lib/scope/match.ts"],
  ["a door that reaches past its rooms", "cli.ts", "lib/jwt/verify.ts"],
  ["a room that nobody knows", "lib/garage/car.ts", "lib/errors.ts"],
  ["a barrel inside the project", "lib/proxy/app.ts", "lib/jwt/mod.ts"],
  ["a private file of another folder", "lib/proxy/app.ts", "lib/jwt/_jws.ts"],
  ["a file outside lib", "lib/jwt/verify.ts", "tests/helpers/keys.ts"],
  ["the platform above the edge", "lib/keyring/load.ts", "node:fs"],
  ["a package in the wrong file", "lib/jwt/verify.ts", "jose"],
  ["a package that nobody knows", "lib/jwt/verify.ts", "left-pad/deep"],
];

test("checkLayers() reports each kind of breach with its path and line", async (t) => {
  for (const [rule, from, to] of BREACHES) {
    await t.test(rule, () => {
      const [breach = "", ...more] = checkLayers([{ from, line: 7, to }]);
      assert.ok(breach.startsWith(`${from}:7 imports ${to}`), breach);
      assert.deepEqual(more, []);
    });
  }
});

test("checkLayers() reports a circle, also one of types, once", () => {
  const imports = [
    { from: "lib/jwt/a.ts", line: 1, to: "lib/jwt/b.ts" },
    { from: "lib/jwt/b.ts", line: 2, to: "lib/jwt/c.ts" },
    { from: "lib/jwt/c.ts", line: 3, to: "lib/jwt/a.ts" },
    { from: "lib/jwt/c.ts", line: 4, to: "lib/errors.ts" },
  ];
  const circle = "lib/jwt/a.ts -> lib/jwt/b.ts -> lib/jwt/c.ts -> lib/jwt/a.ts";
  assert.deepEqual(checkLayers(imports), [`lib/jwt/c.ts:3 closes a circle: ${circle}`]);
});

test("checkLayers() allows what the table allows", () => {
  const imports = [
    { from: "lib/jwt/verify.ts", line: 1, to: "lib/jwt/_jws.ts" },
    { from: "lib/jwt/verify.ts", line: 2, to: "lib/encoding/base64.ts" },
    { from: "lib/proxy/app.ts", line: 3, to: "itty-router" },
    { from: "lib/runtime/files.ts", line: 4, to: "node:fs/promises" },
    { from: "mod.ts", line: 5, to: "lib/jwt/mod.ts" },
  ];
  assert.deepEqual(checkLayers(imports), []);
});
