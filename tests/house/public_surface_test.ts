import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readSurface, SURFACE_FILE } from "./_surface.ts";

test("the exported names are the ones written down (npm run surface)", () => {
  const pinned = readFileSync(SURFACE_FILE, "utf8").split("\n");
  const actual = readSurface().split("\n");
  assert.deepEqual(actual.filter((line) => !pinned.includes(line)), [], "not written down");
  assert.deepEqual(pinned.filter((line) => !actual.includes(line)), [], "gone");
});

test("everything that an entry of its own offers is offered by the main entry too", () => {
  const lines = readSurface().split("\n").filter(Boolean);
  const main = lines.filter((line) => line.startsWith(". ")).map((line) => line.slice(2));
  const apart = lines.filter((line) => !/^\.(?:\/(?:server|cli))? /.test(line));
  const missing = apart.filter((line) => !main.includes(line.slice(line.indexOf(" ") + 1)));
  assert.deepEqual(missing, []);
});
