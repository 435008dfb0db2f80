import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path/posix";
import { test } from "node:test";
import { blankComments, listFiles, readJson, readText, ROOT } from "./_tree.ts";

const TEXT_REGEXP =
  /(?:\.(?:ts|mjs|md|json|toml|ya?ml|sh|txt|py|html|capnp)|\/run|^\.npmrc|^\.gitignore)$/;
const files = listFiles(".", TEXT_REGEXP);
const sources = files.filter((file) => /\.(?:ts|mjs)$/.test(file));
const tests = sources.filter((file) => file.endsWith("_test.ts"));

/** Parts of the source that are tables: one entry a line, nothing to divide. */
const TABLES: readonly string[] = ["lib/cli/commands.ts"];

/** `path:line` of each line that matches. */
function findLines(paths: readonly string[], pattern: RegExp, read = readText): string[] {
  return paths.flatMap((path) =>
    read(path).split("\n").flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}`] : []
    )
  );
}

// Written so that this file does not match itself.
const MARKS = new RegExp(
  `\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
);
const SWITCHED_OFF = new RegExp(
  `\\.(?:on` + `ly|sk` + `ip|to` + `do)\\(|\\b(?:on` + `ly|sk` + `ip|to` + `do): (?:true|")`,
);
const REGISTRY = "regis" + "try\\.[a-z]+\\.";
const SILENCED = new RegExp(`@ts-(?:ign` + `ore|noch` + `eck)|deno-lint-ign` + `ore-file`);

test("the walk over the tree sees the project", () => {
  assert.ok(files.includes("README.md") && files.includes("lib/errors.ts"));
  assert.ok(tests.length > 20);
});

test("no left-over marks", () => {
  assert.deepEqual(findLines(files, MARKS), []);
});

test("no path of the machine it was written on, and no package registry by name", () => {
  // A place like /tmp or /home is named for other reasons too.
  const places = [dirname(ROOT.slice(0, -1)), homedir()].filter((path) => /^.+[\\/]./.test(path));
  const pattern = new RegExp(
    [...places.map((path) => escape(`${path}/`)), "/Us" + "ers/", REGISTRY].join("|"),
  );
  assert.deepEqual(findLines(files, pattern), []);
});

test("no test is switched off or run alone", () => {
  assert.deepEqual(findLines(tests, SWITCHED_OFF), []);
});

test("no checker is silenced for a whole file", () => {
  assert.deepEqual(findLines(sources, SILENCED), []);
});

test("lock files name no host, and every locked package has an integrity hash", () => {
  for (const file of ["package-lock.json", "tests/runtimes/package-lock.json"]) {
    const { packages } = readJson<{
      packages: Record<string, { resolved?: string; integrity?: string }>;
    }>(file);
    const entries = Object.entries(packages).filter(([path]) => path !== "");
    assert.ok(entries.length > 5, file);
    for (const [path, { resolved, integrity }] of entries) {
      assert.equal(resolved, undefined, `${file}: ${path}`);
      assert.match(integrity ?? "", /^sha512-/, `${file}: ${path}`);
    }
  }
});

test("no file of the library is longer than 400 lines, no test longer than 500", () => {
  const long = sources.filter((file) =>
    !TABLES.includes(file) &&
    readText(file).split("\n").length > (file.startsWith("tests/") ? 500 : 400) + 1
  );
  assert.deepEqual(long, []);
});

test("file names are snake_case and say what is inside", () => {
  const odd = sources.filter((file) =>
    !/^(?:[a-z0-9_]+\/)*_?[a-z0-9]+(?:_[a-z0-9]+)*\.\w+$/.test(file)
  );
  assert.deepEqual(odd, []);
  const vague = sources.filter((file) => /\/(?:utils?|helpers?|common|index|misc)\.ts$/.test(file));
  assert.deepEqual(vague, []);
});

test("the library has no default export, enum, namespace or any", () => {
  const lib = sources.filter((file) => file.startsWith("lib/"));
  const pattern =
    /^\s*(?:export default|(?:export |const |declare )*enum |(?:export |declare )*namespace )|[:<|,] ?any\b|\bas any\b/;
  assert.deepEqual(findLines(lib, pattern, (path) => blankComments(readText(path))), []);
});

test("every relative link in a document leads somewhere", () => {
  const broken = files.filter((file) => file.endsWith(".md")).flatMap((file) =>
    [...readText(file).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target = ""]) => join(dirname(file), target))
      .filter((target) => !existsSync(join(ROOT, target)))
      .map((target) => `${file}: ${target}`)
  );
  assert.deepEqual(broken, []);
});

/** A text as a pattern that matches it. */
function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
