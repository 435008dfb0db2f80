import assert from "node:assert/strict";
import { test } from "node:test";

import { equalBytes } from "../../lib/encoding/constant_time.ts";

test("equalBytes() is true for equal bytes only", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index * 8);
  assert.equal(equalBytes(bytes, bytes.slice()), true);
  assert.equal(equalBytes(new Uint8Array(0), new Uint8Array(0)), true);
  for (let index = 0; index < bytes.length; index++) {
    for (let bit = 0; bit < 8; bit++) {
      const other = bytes.slice();
      other[index] = (other[index] as number) ^ (1 << bit);
      assert.equal(equalBytes(bytes, other), false);
    }
  }
});

test("equalBytes() is false for unequal lengths, also when one begins with the other", () => {
  const bytes = new Uint8Array(32);
  for (const length of [0, 1, 31, 33, 64, 256, 288]) {
    assert.equal(equalBytes(bytes, new Uint8Array(length)), false);
    assert.equal(equalBytes(new Uint8Array(length), bytes), false);
  }
});
