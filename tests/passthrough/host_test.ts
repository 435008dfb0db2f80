import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHost } from "../../lib/passthrough/host.ts";

test("parseHost() splits name and port", () => {
  for (
    const [text, name, port] of [
      ["api.example.com", "api.example.com", undefined],
      ["API.Example.COM:8443", "api.example.com", "8443"],
      ["api.example.com.", "api.example.com", undefined],
      ["api.example.com.:080", "api.example.com", "80"],
      ["127.0.0.1:80", "127.0.0.1", "80"],
      ["my_service", "my_service", undefined],
      ["[::1]", "[::1]", undefined],
      ["[0:0:0:0:0:0:0:1]:8090", "[::1]", "8090"],
      ["[2001:DB8::A]", "[2001:db8::a]", undefined],
      ["xn--bcher-kva.example", "xn--bcher-kva.example", undefined],
    ] as const
  ) {
    assert.deepEqual(parseHost(text), { name, port }, text);
  }
});

test("parseHost() refuses what is no host", () => {
  for (
    const text of [
      "",
      ".",
      ":80",
      "a:",
      "a:b",
      "a:123456",
      "a b",
      "a/b",
      "a?b",
      "a#b",
      "a@b",
      "a,b",
      "a\\b",
      "::1",
      "[::1",
      "[zz]",
      "[]",
      "[1:2]",
      "é.example",
      "a\nb",
      "a%2eb",
    ]
  ) {
    assert.equal(parseHost(text), undefined, JSON.stringify(text));
  }
});
