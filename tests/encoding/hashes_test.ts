import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import { webHashes } from "../../lib/encoding/hashes.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";

const encode = (text: string) => new TextEncoder().encode(text);

test("webHashes.sha256() gives the digests of FIPS 180-4", async () => {
  assert.equal(
    encodeHex(await webHashes.sha256(encode("abc"))),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(
    encodeHex(await webHashes.sha256(new Uint8Array(0))),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("webHashes.hmacSha256() gives the codes of RFC 4231", async () => {
  assert.equal(
    encodeHex(await webHashes.hmacSha256(new Uint8Array(20).fill(0x0b), encode("Hi There"))),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  );
  assert.equal(
    encodeHex(await webHashes.hmacSha256(encode("Jefe"), encode("what do ya want for nothing?"))),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("webHashes agrees with the native primitives, also on an empty key and on a part of a buffer", async () => {
  const buffer = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
  for (const size of [0, 1, 31, 32, 63, 64, 65, 200]) {
    const key = buffer.subarray(3, 3 + size);
    const data = buffer.subarray(5, 5 + size);
    assert.deepEqual(
      encodeHex(await webHashes.hmacSha256(key, data)),
      createHmac("sha256", key).update(data).digest("hex"),
    );
    assert.deepEqual(
      encodeHex(await webHashes.sha256(data)),
      createHash("sha256").update(data).digest("hex"),
    );
  }
});
