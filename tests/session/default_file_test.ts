import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_NAME_CHARS } from "../../lib/limits.ts";
import { defaultTokenFile } from "../../lib/session/default_file.ts";

const BAD_NAME = { code: "ERR_SESSION_NAME" };

test("defaultTokenFile() has a file of its own for ATI_SESSION_TOKEN", () => {
  assert.equal(defaultTokenFile("ATI_SESSION_TOKEN"), "/run/ati/session_token");
});

test("defaultTokenFile() drops one suffix and lower-cases the rest", () => {
  const cases = [
    ["PARCHA_TOOLS_SESSION_TOKEN", "parcha_tools"],
    ["parcha_session_token", "parcha"],
    ["A_SESSION_TOKEN_SESSION_TOKEN", "a_session_token"],
    ["ati_session_token", "ati"],
    ["Mixed_Session_Token", "mixed_session_token"],
    ["MY_TOKEN", "my_token"],
    ["SESSION_TOKEN", "session_token"],
    ["_x", "_x"],
    ["X1", "x1"],
  ] as const;
  for (const [name, slug] of cases) assert.equal(defaultTokenFile(name), `/run/ati/${slug}`);
});

test("defaultTokenFile() refuses what is not the name of a variable", () => {
  const names = ["", "1A", "A-B", "A B", "../etc/passwd", "a/b", "A.B", "A\n", "A\0", "É", "A=B"];
  for (const name of names) assert.throws(() => defaultTokenFile(name), BAD_NAME, name);
});

test("defaultTokenFile() refuses a name that is nothing but the suffix", () => {
  assert.throws(() => defaultTokenFile("_SESSION_TOKEN"), BAD_NAME);
  assert.throws(() => defaultTokenFile("_session_token"), BAD_NAME);
});

test("defaultTokenFile() takes as many characters as the limit and not one more", () => {
  const most = "A".repeat(MAX_NAME_CHARS);
  assert.equal(defaultTokenFile(most), `/run/ati/${most.toLowerCase()}`);
  assert.throws(() => defaultTokenFile(`${most}A`), BAD_NAME);
});
