import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_CONFIG_FILE_BYTES } from "../../lib/limits.ts";
import { parseEntries } from "../../lib/keyring/entries.ts";

const SOURCE = "ERR_KEYRING_SOURCE";

test("parseEntries() reads a JSON object", () => {
  assert.deepEqual(parseEntries(' \n{"a":"1","b":"@file:/x","c":""}'), { a: "1", b: "@file:/x" });
  assert.deepEqual(parseEntries('\ufeff{"a":"1"}'), { a: "1" });
});

test("parseEntries() reads dotenv lines", () => {
  const text = [
    "# a comment",
    "",
    "  # another",
    "PLAIN=abc",
    "  export SPACED =  two words  ",
    "HASH=abc#def",
    "#COMMENTED=x",
    "LEADING=#abc",
    "TRAILING=abc # a comment",
    "EQUALS=a=b=c==",
    'QUOTES=it\'s "fine"',
    "BACKSLASH=a\\nb",
    "DOLLAR=${HOME}$x",
    "dot.ted-name=1",
    "SINGLE='a \\n # \" b' # a comment",
    'DOUBLE="a\\n\\t\\r\\\\\\"\\$ # \' b"',
    'LINES="-----BEGIN',
    "abc",
    '-----END"',
    "EMPTY=",
    "EMPTY_QUOTED=''",
    "EMPTY_COMMENT= # nothing",
    "exported=1",
    "LAST=end",
  ].join("\n");
  assert.deepEqual(parseEntries(text), {
    PLAIN: "abc",
    SPACED: "two words",
    HASH: "abc#def",
    LEADING: "#abc",
    TRAILING: "abc",
    EQUALS: "a=b=c==",
    QUOTES: 'it\'s "fine"',
    BACKSLASH: "a\\nb",
    DOLLAR: "${HOME}$x",
    "dot.ted-name": "1",
    SINGLE: 'a \\n # " b',
    DOUBLE: "a\n\t\r\\\"$ # ' b",
    LINES: "-----BEGIN\nabc\n-----END",
    exported: "1",
    LAST: "end",
  });
});

test("parseEntries() reads lines of Windows, with and without a last line feed", () => {
  assert.deepEqual(parseEntries("A=1\r\n\r\nB='2'\r\n# end"), { A: "1", B: "2" });
  assert.deepEqual(parseEntries("A=1\n# end\n"), { A: "1" });
  assert.deepEqual(parseEntries("\ufeffA=1"), { A: "1" });
});

test("parseEntries() names the line it cannot read, never its text", () => {
  const cases = [
    ["canary", 1],
    ["A=1\ncanary", 2],
    ["A=1\n\n# x\n=canary", 4],
    ["1A=canary", 1],
    ["A B=canary", 1],
    ["A-=1\nÄ=canary", 2],
    ["A: canary", 1],
    ["A='canary", 1],
    ["A=  'canary", 1],
    ['A="canary\nB=1', 1],
    ["A='canary' x", 1],
    ["A='canary'x", 1],
    ['A="canary\\"', 1],
    ["A='1\n2\n3'\ncanary", 4],
    ['["canary"]', 1],
  ] as const;
  for (const [text, line] of cases) {
    assert.throws(() => parseEntries(text), (error: Error & { code?: string; reason?: string }) => {
      assert.equal(error.code, SOURCE, text);
      assert.equal(error.reason, "line");
      assert.ok(error.message.endsWith(`line ${line} is not NAME=value`), error.message);
      return !`${error.stack} ${JSON.stringify(error)}`.includes("canary");
    });
  }
});

test("parseEntries() refuses a name given twice", () => {
  assert.throws(() => parseEntries("A=1\nB=2\nA=3"), {
    code: SOURCE,
    reason: "duplicate",
    message: "Cannot read the credentials: line 3 gives a name again",
  });
});

test("parseEntries() refuses names that assertKeyName() refuses", () => {
  for (const text of ["__proto__=x", '{"a/b":"x"}', `${"A".repeat(129)}=x`]) {
    assert.throws(() => parseEntries(text), { code: "ERR_KEYRING_ENTRY", reason: "name" });
  }
});

test("parseEntries() refuses a text without any entry", () => {
  for (const text of ["", "\n", "# only\n", "A=\n", "{}", '{"a":""}', " "]) {
    assert.throws(() => parseEntries(text), { code: SOURCE, reason: "no_entries" });
  }
});

test("parseEntries() refuses JSON that is no object of texts", () => {
  assert.throws(() => parseEntries('{"a":'), { code: "ERR_KEYRING_FORMAT" });
  assert.throws(() => parseEntries('{"a":1}'), { code: "ERR_KEYRING_ENTRY", reason: "value" });
});

test("parseEntries() reads as many characters as the limit and not one more", () => {
  const most = "A=".padEnd(MAX_CONFIG_FILE_BYTES, "x");
  assert.equal(parseEntries(most)["A"]?.length, MAX_CONFIG_FILE_BYTES - 2);
  assert.throws(() => parseEntries(`${most}x`), { code: SOURCE, reason: "too_large" });
});

test("parseEntries() reads long hostile texts in one pass", () => {
  const length = 500_000;
  assert.deepEqual(parseEntries(`${"\n".repeat(length)}A=1`), { A: "1" });
  assert.deepEqual(parseEntries(`A=x${" ".repeat(length)}x # y`), { A: `x${" ".repeat(length)}x` });
  assert.deepEqual(parseEntries(`A="${"\\\\".repeat(length)}"`), { A: "\\".repeat(length) });
  for (const text of [" ".repeat(length) + "x", `A="${"\\".repeat(length)}x`, "A".repeat(length)]) {
    assert.throws(() => parseEntries(text), { code: SOURCE, reason: "line" });
  }
});
