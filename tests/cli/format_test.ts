import assert from "node:assert/strict";
import { test } from "node:test";
import { formatJson, printable, toKeyValues } from "../../lib/cli/format.ts";
import { renderTable } from "../../lib/cli/table.ts";

test("formatJson() puts members in alphabetical order at every depth and leaves arrays alone", () => {
  const text = formatJson({ b: [{ z: 1, y: [2, 1] }], a: null, c: undefined }, 0);
  assert.equal(text, '{"a":null,"b":[{"y":[2,1],"z":1}]}');
});

test("formatJson() escapes what a terminal obeys and stays JSON", () => {
  const value = { "k\u009b": "\u001b[31m\u202eabc\u007f" };
  const text = formatJson(value);
  assert.ok([...text].every((character) => character === "\n" || /[ -~]/.test(character)));
  assert.deepEqual(JSON.parse(text), value);
});

test("formatJson() keeps a member named __proto__ a member", () => {
  const value = JSON.parse('{"__proto__":{"a":1},"b":2}');
  assert.equal(formatJson(value, 0), '{"__proto__":{"a":1},"b":2}');
});

test("printable() shows control and direction characters and keeps the rest", () => {
  assert.equal(printable("a\u001b[2Jb\nc\u202ed"), "a\\u001b[2Jb\\u000ac\\u202ed");
  assert.equal(printable("grüße 漢字 🙂"), "grüße 漢字 🙂");
});

test("toKeyValues() shows texts raw and everything else as JSON", () => {
  assert.deepEqual(toKeyValues({ b: "x", a: [1], c: null }).rows, [
    ["a", "[1]"],
    ["b", "x"],
    ["c", "null"],
  ]);
});

test("renderTable() draws the reference's lines: one under the header, none between rows", () => {
  const table = { head: ["TOOL", "PROVIDER"], rows: [["pets:get", "pets"], ["b", "c"]] };
  assert.equal(
    renderTable(table, undefined),
    [
      "┌──────────┬──────────┐",
      "│ TOOL     ┆ PROVIDER │",
      "╞══════════╪══════════╡",
      "│ pets:get ┆ pets     │",
      "│ b        ┆ c        │",
      "└──────────┴──────────┘",
      "",
    ].join("\n"),
  );
});

test("renderTable() stays within the terminal and wraps the widest columns", () => {
  const rows = [["short", "x".repeat(200)], [
    "name",
    "some words that have to be wrapped ".repeat(4),
  ]];
  for (const columns of [40, 60, 80]) {
    const lines = renderTable({ head: ["NAME", "TEXT"], rows }, columns).trimEnd().split("\n");
    for (const line of lines) assert.ok([...line].length <= columns, `${columns}: ${line}`);
    assert.ok(lines.length > 6);
  }
});

test("renderTable() makes control characters in cells visible", () => {
  assert.ok(
    renderTable({ head: ["A"], rows: [["\u001b[31m"]] }, undefined).includes("\\u001b[31m"),
  );
});
