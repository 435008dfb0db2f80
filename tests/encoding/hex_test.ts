import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeHex, encodeHex, isHex } from "../../lib/encoding/hex.ts";

test("encodeHex() and decodeHex() keep every byte", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const text = encodeHex(bytes);
  assert.equal(text.slice(0, 8) + text.slice(-8), "00010203fcfdfeff");
  assert.deepEqual(decodeHex(text), bytes);
  assert.deepEqual(decodeHex(text.toUpperCase()), bytes);
  assert.equal(encodeHex(new Uint8Array(0)), "");
  assert.deepEqual(decodeHex(""), new Uint8Array(0));
});

test("decodeHex() rejects odd lengths and other characters, as isHex() says", () => {
  for (
    const text of ["a", "abc", "0x00", "ag", " ab", "ab ", "ab\n", "a-", "+1", "é0", "\u0660\u0661"]
  ) {
    assert.equal(isHex(text), false, text);
    assert.throws(() => decodeHex(text), { name: "EncodingError", code: "ERR_ENCODING" });
  }
  for (const text of ["", "00", "aF", "0123456789abcdefABCDEF"]) assert.equal(isHex(text), true);
});

test("isHex() gives the right answer on megabytes", () => {
  const text = "aF".repeat(16 * 1024 * 1024);
  assert.equal(isHex(text), true);
  assert.equal(isHex(`${text}a`), false);
  assert.equal(isHex(`${text}ax`), false);
});
