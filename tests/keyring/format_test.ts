import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_CONFIG_FILE_BYTES } from "../../lib/limits.ts";
import { formatCredentials, parseCredentials } from "../../lib/keyring/format.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("formatCredentials() writes sorted, indented JSON without a line feed at the end", () => {
  const bytes = formatCredentials({ b: "2", a: "1", C: "é" });
  assert.equal(decode(bytes), '{\n  "C": "é",\n  "a": "1",\n  "b": "2"\n}');
  assert.equal(decode(formatCredentials({})), "{}");
});

test("formatCredentials() writes nothing that parseCredentials() would refuse", () => {
  assert.throws(() => formatCredentials(Object.fromEntries([["__proto__", "x"]])), {
    code: "ERR_KEYRING_ENTRY",
  });
  assert.throws(() => formatCredentials({ a: 1 as unknown as string }), {
    code: "ERR_KEYRING_ENTRY",
    reason: "value",
  });
  const entries = { toString: "x", constructor: "y", "a b": '\ud800\n"\\' };
  assert.deepEqual(parseCredentials(formatCredentials(entries)), entries);
});

test("formatCredentials() refuses what would be too large to read again", () => {
  // `{\n  "a": "…"\n}` has 13 characters around the value; a sealed file has 28 bytes more.
  const most = MAX_CONFIG_FILE_BYTES - 28 - 13;
  assert.equal(formatCredentials({ a: "x".repeat(most) }).length, MAX_CONFIG_FILE_BYTES - 28);
  assert.throws(() => formatCredentials({ a: "x".repeat(most + 1) }), {
    code: "ERR_KEYRING_ENTRY",
    reason: "too_large",
  });
});

test("parseCredentials() leaves references as they are", () => {
  assert.deepEqual(parseCredentials('{"a":"@file:/x","b":""}'), { a: "@file:/x", b: "" });
});

test("parseCredentials() refuses what is no JSON object, without its text", () => {
  const texts = ["", "canary", '["canary"]', '"canary"', "null", '{"a":"canary"', "\ufeff{}"];
  for (const text of [...texts, '{"__proto__":"canary"}', '{"a":"canary",}']) {
    assert.throws(() => parseCredentials(text), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_KEYRING_FORMAT", text);
      return !`${error.stack} ${JSON.stringify(error)} ${error.cause}`.includes("canary");
    });
  }
  assert.throws(() => parseCredentials(new Uint8Array([0x7b, 0xff, 0x7d])), {
    code: "ERR_KEYRING_FORMAT",
    reason: "not_json",
  });
});

test("parseCredentials() names the entry that is not a text", () => {
  assert.throws(() => parseCredentials('{"ok":"x","port":8080}'), {
    code: "ERR_KEYRING_ENTRY",
    reason: "value",
    message: 'Cannot use entry "port": it is not a text',
  });
});
