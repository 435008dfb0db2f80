import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_SIGNATURE_HEADER_CHARS } from "../../lib/limits.ts";
import { parseSandboxSignature } from "../../lib/signature/header.ts";

const MALFORMED = { code: "ERR_SIGNATURE", reason: "malformed_signature" };

test("parseSandboxSignature() reads both parts in any order, between blanks", () => {
  const expected = { timestamp: "1700000000", signature: "ab12" };
  for (
    const header of [
      "t=1700000000,s=ab12",
      "s=ab12,t=1700000000",
      " t = 1700000000 ,\ts = ab12 ",
      "v=1,t=1700000000,s=ab12,nonce=",
    ]
  ) {
    assert.deepEqual(parseSandboxSignature(header), expected, header);
  }
});

test("parseSandboxSignature() lets the last of a repeated key win", () => {
  assert.deepEqual(parseSandboxSignature("t=1,s=aa,t=2,s=bb"), { timestamp: "2", signature: "bb" });
});

test("parseSandboxSignature() keeps everything after the first equals sign", () => {
  assert.equal(parseSandboxSignature("t=1,s=aa==").signature, "aa==");
});

test("parseSandboxSignature() refuses what is not the format", () => {
  const headers = [
    "",
    " ",
    ",",
    "t=1",
    "s=aa",
    "t=,s=aa",
    "t=1,s=",
    "t=1,s= ",
    "t=1,s=aa,",
    ",t=1,s=aa",
    "t=1,,s=aa",
    "t=1,s=aa,x",
    "t:1,s=aa",
    "t=1;s=aa",
    "T=1,S=aa",
    "t=1,t=,s=aa",
    "t=1,s=aa\n",
    "t=1,s=aa\0",
    "t=\u00a01,s=aa",
    "t=1,s=aa,é=1",
  ];
  for (const header of headers) {
    assert.throws(() => parseSandboxSignature(header), MALFORMED, JSON.stringify(header));
  }
});

test("parseSandboxSignature() reads as many characters as the limit and not one more", () => {
  const most = "t=1,s=".padEnd(MAX_SIGNATURE_HEADER_CHARS, "a");
  assert.equal(parseSandboxSignature(most).signature.length, MAX_SIGNATURE_HEADER_CHARS - 6);
  assert.throws(() => parseSandboxSignature(`${most}a`), MALFORMED);
});

test("parseSandboxSignature() does not quote the header in its error", () => {
  assert.throws(() => parseSandboxSignature("canary"), (error: Error) => {
    return !JSON.stringify([error.message, error]).includes("canary");
  });
});
