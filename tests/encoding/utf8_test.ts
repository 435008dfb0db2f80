import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeUtf8, encodeUtf8 } from "../../lib/encoding/utf8.ts";

test("decodeUtf8() gives back what encodeUtf8() took, a byte order mark included", () => {
  for (const text of ["", "abc", "\ufeffabc", "é \u{1f511} \u0000", "\ud7ff\ue000\u{10ffff}"]) {
    assert.equal(decodeUtf8(encodeUtf8(text)), text);
  }
});

test("decodeUtf8() rejects bytes that are not UTF-8", () => {
  const refused = [
    ...[[0xff], [0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x94], [0x61, 0xc3, 0x28]],
    // An overlong slash, a surrogate, and a code point beyond the last.
    ...[[0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]],
  ];
  for (const bytes of refused) {
    assert.throws(() => decodeUtf8(Uint8Array.from(bytes)), {
      name: "EncodingError",
      code: "ERR_ENCODING",
    });
  }
});

test("decodeUtf8() starts afresh after a refusal", () => {
  assert.throws(() => decodeUtf8(new Uint8Array([0xe2, 0x82])));
  assert.equal(decodeUtf8(new Uint8Array([0xac, 0x61].slice(1))), "a");
});
