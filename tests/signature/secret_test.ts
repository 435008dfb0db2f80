import { test } from "node:test";
import assert from "node:assert/strict";
import { parseSigningSecret } from "../../lib/signature/secret.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

test("parseSigningSecret() decodes hex of either case", () => {
  assert.deepEqual([...parseSigningSecret("00ffAb")], [0, 255, 0xab]);
  assert.equal(parseSigningSecret("ab".repeat(32)).length, 32);
});

test("parseSigningSecret() takes anything else as UTF-8", () => {
  for (const text of ["abc", "not hex", "00f", "0x00", " 00ff", "00ff\n", "clé €"]) {
    assert.deepEqual([...parseSigningSecret(text)], [...utf8(text)], JSON.stringify(text));
  }
});

test("parseSigningSecret() refuses an empty secret", () => {
  for (const text of ["", " ", "\n\t"]) {
    assert.throws(() => parseSigningSecret(text), { code: "ERR_SIGNATURE_SECRET" });
  }
});
