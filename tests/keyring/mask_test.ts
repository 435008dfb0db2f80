import { test } from "node:test";
import assert from "node:assert/strict";
import { maskSecret } from "../../lib/keyring/mask.ts";

test("maskSecret() shows what the examples of the reference show", () => {
  assert.equal(maskSecret("abc"), "***");
  assert.equal(maskSecret("secret1234"), "se...34");
  assert.equal(maskSecret("sk-test-12345"), "sk-t...2345");
});

test("maskSecret() shows nothing below 8 characters, and four from 13 on", () => {
  const cases = [
    ["", "***"],
    ["a", "***"],
    ["abcde", "***"],
    ["abcdefg", "***"],
    ["abcdefgh", "ab...gh"],
    ["abcdefghijkl", "ab...kl"],
    ["abcdefghijklm", "abcd...jklm"],
    ["a".repeat(5000), "aaaa...aaaa"],
  ] as const;
  for (const [text, masked] of cases) assert.equal(maskSecret(text), masked);
});

test("maskSecret() counts code points and cuts none in two", () => {
  assert.equal(maskSecret("🔑".repeat(7)), "***");
  assert.equal(maskSecret("🔑é€".repeat(5)), "🔑é€🔑...€🔑é€");
  assert.ok(!/\p{Cs}/u.test(maskSecret("🔑".repeat(20))));
});

test("maskSecret() lets no control or direction character through", () => {
  assert.equal(maskSecret("\u001b[2J-secret-\u202e\n"), "?[2J...t-??");
  assert.equal(maskSecret("\0\0abcdef\ud800\ud800"), "??...??");
});
