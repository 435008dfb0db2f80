import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import { webHashes } from "../../lib/encoding/hashes.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { bunHashes, denoHashes, nativeHashes } from "../../lib/runtime/hashes.ts";

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

const ALL = Object.entries({
  webHashes,
  nativeHashes,
  denoHashes,
  ...("Bun" in globalThis && { bunHashes }),
});

/** RFC 4231 §4, without the truncated code of §4.6. */
const CODES: readonly (readonly [key: Uint8Array, data: Uint8Array, code: string])[] = [
  [
    new Uint8Array(20).fill(0x0b),
    encode("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    encode("Jefe"),
    encode("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    new Uint8Array(20).fill(0xaa),
    new Uint8Array(50).fill(0xdd),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  ],
  [
    Uint8Array.from({ length: 25 }, (_, index) => index + 1),
    new Uint8Array(50).fill(0xcd),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    new Uint8Array(131).fill(0xaa),
    encode("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    new Uint8Array(131).fill(0xaa),
    encode(
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

for (const [name, hashes] of ALL) {
  test(`${name}.hmacSha256() gives the codes of RFC 4231`, async () => {
    for (const [key, data, code] of CODES) {
      // A key is kept by some, so it must do twice.
      for (let turn = 0; turn < 2; turn++) {
        assert.equal(encodeHex(await hashes.hmacSha256(key, data)), code);
      }
    }
  });

  test(`${name} agrees with the native primitives, also on an empty key and on a part of a buffer`, async () => {
    const buffer = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
    for (const size of [0, 1, 31, 32, 63, 64, 65, 200]) {
      const key = buffer.subarray(3, 3 + size);
      const data = buffer.subarray(5, 5 + size);
      assert.deepEqual(
        encodeHex(await hashes.hmacSha256(key, data)),
        createHmac("sha256", key).update(data).digest("hex"),
      );
      assert.deepEqual(
        encodeHex(await hashes.sha256(data)),
        createHash("sha256").update(data).digest("hex"),
      );
    }
  });
}
