import { test } from "node:test";
import assert from "node:assert/strict";
import {
  formatSealingKey,
  generateSealingKey,
  parseSealingKey,
} from "../../lib/keyring/sealing_key.ts";

const MALFORMED = { code: "ERR_KEYRING_KEY", reason: "malformed" };
const ZEROS = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

test("generateSealingKey() makes 32 bytes, other ones each time", () => {
  const keys = new Set(Array.from({ length: 20 }, () => formatSealingKey(generateSealingKey())));
  assert.equal(keys.size, 20);
  assert.equal(generateSealingKey().length, 32);
});

test("parseSealingKey() reads base64 of 32 bytes, white space around it ignored", () => {
  for (const text of [ZEROS, `${ZEROS}\n`, ` \t${ZEROS}\r\n`, new TextEncoder().encode(ZEROS)]) {
    assert.deepEqual([...parseSealingKey(text)], new Array(32).fill(0));
  }
});

test("parseSealingKey() refuses anything else", () => {
  const texts = ["", ZEROS.slice(0, -1), `${ZEROS}=`, "00".repeat(32), `${ZEROS}\n${ZEROS}`];
  const lengths = [0, 31, 33].map((length) => btoa("\0".repeat(length)));
  const respelled = ZEROS.replace("A=", "B=");
  for (const text of [...texts, ...lengths, respelled, new Uint8Array([0xff])]) {
    assert.throws(() => parseSealingKey(text), MALFORMED, String(text));
  }
});

test("formatSealingKey() refuses a key of another length", () => {
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => formatSealingKey(new Uint8Array(length)), RangeError);
  }
});
