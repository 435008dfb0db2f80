import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createLineFinder } from "../../lib/manifest/_lines.ts";
import { parseToml } from "../../lib/manifest/toml.ts";

const DOCUMENT = `# comment with a.b = 1 and [table]
top = 1
dotted.key . "with space" = 2

[a]
multi = """
x = 1
[not.a.table]
\\"""
""" # after
literal = '''
y = "'
''''
array = [
  "one", # ]
  [2,
   3],
  { in = 1, deep = { er = 2 } },
]
inline = { x = 1, "y.z" = [
  7 ] }
date = 1979-05-27 07:32:00
"quoted\\u0020key" = 1

[ a . sub ]
z = '#'

[[list]]
name = "first"
[list.more]
m = 1
[[list.inner]]
i = 1
[[list]]
[[list.inner]]
[[list.inner]]
i = 2
`;

describe("createLineFinder()", () => {
  const find = createLineFinder(DOCUMENT);
  const lineOf = (needle: string, nth = 0): number =>
    DOCUMENT.split(needle).slice(0, nth + 1).join(needle).split("\n").length;

  it("finds keys, dotted and quoted keys, and tables", () => {
    assert.ok(parseToml(DOCUMENT).ok);
    assert.equal(find(["top"]), 2);
    assert.equal(find(["dotted"]), 3);
    assert.equal(find(["dotted", "key", "with space"]), 3);
    assert.equal(find(["a"]), 5);
    assert.equal(find(["a", "quoted key"]), lineOf(`"quoted`));
    assert.equal(find(["a", "sub"]), lineOf("[ a . sub ]"));
    assert.equal(find(["a", "sub", "z"]), lineOf("z = '#'"));
  });

  it("is not misled by strings over several lines", () => {
    assert.equal(find(["a", "multi"]), 6);
    assert.equal(find(["a", "x"]), 5, "falls back to the table");
    assert.equal(find(["not"]), undefined);
    assert.equal(find(["a", "literal"]), lineOf("literal"));
    assert.equal(find(["a", "date"]), lineOf("date"));
  });

  it("finds items of arrays and keys of inline tables", () => {
    assert.equal(find(["a", "array", 0]), lineOf(`"one"`));
    assert.equal(find(["a", "array", 1, 1]), lineOf("   3]"));
    assert.equal(find(["a", "array", 2, "deep", "er"]), lineOf("{ in"));
    assert.equal(find(["a", "array", 9]), lineOf("array = ["));
    assert.equal(find(["a", "inline", "y.z", 0]), lineOf("  7 ]"));
  });

  it("counts arrays of tables, nested ones too", () => {
    assert.equal(find(["list"]), lineOf("[[list]]"));
    assert.equal(find(["list", 0, "name"]), lineOf(`name = "first"`));
    assert.equal(find(["list", 0, "more", "m"]), lineOf("m = 1"));
    assert.equal(find(["list", 0, "inner", 0, "i"]), lineOf("i = 1"));
    assert.equal(find(["list", 1]), lineOf("[[list]]", 1));
    assert.equal(find(["list", 1, "name"]), lineOf("[[list]]", 1));
    assert.equal(find(["list", 1, "inner", 1, "i"]), lineOf("i = 2"));
  });

  it("ends on text that is no TOML", () => {
    for (
      const text of ["[", "[[", "a", "a =", `"`, `'''`, "a = [", "a = {", "= = =", "[a", "a.", "\\"]
    ) {
      assert.equal(createLineFinder(`${text}`)(["nowhere"]), undefined, text);
      createLineFinder(`${text}\n${text}\n${text}`);
    }
  });

  it("takes time in proportion to a hostile text", () => {
    const size = 300_000;
    const texts = [
      `a = """${`"" \\"`.repeat(size / 4)}"""`,
      `a = [${"[],".repeat(size / 3)}]`,
      `${" \n".repeat(size / 2)}a = 1`,
      `a = '''${"''x".repeat(size / 3)}'''`,
      `#${"#".repeat(size)}`,
    ];
    for (const text of texts) assert.equal(createLineFinder(text)(["missing"]), undefined);
  });

  it("agrees with the parser on where every key of generated documents stands", () => {
    const random = createRandom(7);
    for (let round = 0; round < 200; round++) {
      const { text, expected } = generateDocument(random);
      assert.ok(parseToml(text).ok, text);
      const findLine = createLineFinder(text);
      for (const [path, line] of expected) assert.equal(findLine(path), line, `${path}\n${text}`);
    }
  });
});

function generateDocument(random: (below: number) => number) {
  const expected: [(string | number)[], number][] = [];
  const lines: string[] = [];
  const values = ["1", `"a # b"`, `'c = ['`, `"""\n[x]\nk = 1\n"""`, "[1, [2,\n3], 'x]']", "true"];
  const tables = 1 + random(4);
  for (let table = 0; table < tables; table++) {
    const isArray = random(2) === 0;
    const base = isArray ? ["list", expected.filter(isListHead).length] : [`table${table}`];
    lines.push("", isArray ? "[[list]]" : `[ "table${table}" ] # head`);
    expected.push([base, lines.join("\n").split("\n").length]);
    for (let key = 0; key < random(5); key++) {
      const name = [`k${key}`, `"q.${key}"`, `'l ${key}'`, `d${key}.e`][random(4)]!;
      const parts = name.startsWith("d") ? name.split(".") : [name.replace(/^["']|["']$/g, "")];
      lines.push(`${name} = ${values[random(values.length)]}`);
      const above = lines.slice(0, -1).join("\n").split("\n").length;
      expected.push([[...base, ...parts], above + 1]);
    }
  }
  return { text: lines.join("\n"), expected };
}

function isListHead([path]: [(string | number)[], number]): boolean {
  return path.length === 2 && path[0] === "list";
}

function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
