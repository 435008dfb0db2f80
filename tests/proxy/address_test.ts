import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, isLoopback, parseIpLiteral } from "../../lib/proxy/address.ts";

const LITERALS: readonly (readonly [text: string, literal: string | undefined])[] = [
  ["127.0.0.1", "127.0.0.1"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::1", "::1"],
  ["[::1]", "::1"],
  ["::", "::"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["::ffff:127.0.0.1", "::ffff:7f00:1"],
  ["256.0.0.1", undefined],
  ["1.2.3", undefined],
  ["1.2.3.4.", undefined],
  ["01.2.3.4", undefined],
  ["127.1", undefined],
  ["0x7f.0.0.1", undefined],
  ["2130706433", undefined],
  ["localhost", undefined],
  ["", undefined],
  ["[127.0.0.1]", undefined],
  ["[::1", undefined],
  ["::1]", undefined],
  ["::1%lo", undefined],
  ["::1:2:3:4:5:6:7:8:9", undefined],
  ["127.0.0.1:80", undefined],
  ["[::1]:80", undefined],
  ["::1/x", undefined],
  ["a:b@::1", undefined],
  [" ::1", undefined],
];

test("parseIpLiteral() takes literals and nothing else", () => {
  for (const [text, literal] of LITERALS) assert.equal(parseIpLiteral(text), literal, text);
});

test("isLoopback() is true for what only this machine reaches", () => {
  for (const address of ["127.0.0.1", "127.255.255.254", "::1", "[::1]", "::ffff:127.0.0.1"]) {
    assert.equal(isLoopback(address), true, address);
  }
  const elsewhere = [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "128.0.0.1",
    "::ffff:10.0.0.1",
    "::2",
    "localhost",
  ];
  for (const address of [...elsewhere, "127.0.0.1.example", ""]) {
    assert.equal(isLoopback(address), false, address);
  }
});

test("formatAddress() puts IPv6 into brackets", () => {
  assert.equal(formatAddress("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(formatAddress("::1", 80), "[::1]:80");
});
