import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { listFiles, readJson, readText, ROOT } from "./_tree.ts";

interface NpmExport {
  readonly types: string;
  readonly default: string;
}

const npm = readJson<{
  version: string;
  license: string;
  exports: Record<string, NpmExport | string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}>("package.json");
const jsr = readJson<{
  version: string;
  license: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
}>("deno.json");

/** Entries that one registry has alone, and why. */
const NPM_ONLY: readonly string[] = ["./package.json"]; // JSR has no such file
const JSR_ONLY: readonly string[] = ["./cli"]; // npm ships it bundled, as the command `ati`

test("deno.json and package.json offer the same entries", () => {
  const npmNames = Object.keys(npm.exports).filter((name) => !NPM_ONLY.includes(name));
  const jsrNames = Object.keys(jsr.exports).filter((name) => !JSR_ONLY.includes(name));
  assert.deepEqual(npmNames.toSorted(), jsrNames.toSorted());
});

test("each entry of package.json is what the build makes of the entry in deno.json", () => {
  for (const [name, source] of Object.entries(jsr.exports)) {
    if (JSR_ONLY.includes(name)) continue;
    const built = source.replace(/^\.\//, "./dist/").replace(/\.ts$/, "");
    assert.deepEqual(npm.exports[name], { types: `${built}.d.ts`, default: `${built}.js` }, name);
  }
});

test("each entry of deno.json exists and is imported by its published name in the tree", () => {
  for (const [name, source] of Object.entries(jsr.exports)) {
    assert.ok(existsSync(ROOT + source), source);
    if (JSR_ONLY.includes(name)) continue;
    assert.equal(jsr.imports[name.replace(/^\./, "atikit")], source, name);
  }
});

test("version, license and package ranges agree", () => {
  assert.equal(jsr.version, npm.version);
  assert.equal(jsr.license, npm.license);
  const ranges = { ...npm.devDependencies, ...npm.dependencies };
  for (const [name, target] of Object.entries(jsr.imports)) {
    if (!target.startsWith("npm:")) continue;
    assert.equal(target, `npm:${name}@${ranges[name]}`);
  }
});

test("CHANGELOG opens with the version of the package", () => {
  const [, newest] = /^## (\S+)/m.exec(readText("CHANGELOG.md")) ?? [];
  assert.equal(newest, npm.version);
});

test("every atikit entry that source or documents name exists", () => {
  const files = listFiles(".", /\.(?:md|ts)$/).filter((file) => !file.startsWith("tests/house/"));
  for (const file of files) {
    for (const [, name = ""] of readText(file).matchAll(/from "(atikit(?:\/[\w./-]+)?)"/g)) {
      assert.ok(Object.hasOwn(npm.exports, name.replace("atikit", ".")), `${file}: ${name}`);
    }
  }
});
