import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";

import {
  decodeBase64,
  decodeBase64Url,
  encodeBase64,
  encodeBase64Url,
} from "../../lib/encoding/base64.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// RFC 4648 §10.
const VECTORS: readonly (readonly [string, string])[] = [
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
];
const MALFORMED = { name: "EncodingError", code: "ERR_ENCODING" };

describe("base64", () => {
  for (const [text, encoded] of VECTORS) {
    it(`encodes and decodes "${text}" as RFC 4648 does`, () => {
      const bytes = new TextEncoder().encode(text);
      assert.equal(encodeBase64(bytes), encoded);
      assert.deepEqual(decodeBase64(encoded), bytes);
      const unpadded = encoded.replaceAll("=", "");
      assert.equal(encodeBase64Url(bytes), unpadded);
      assert.deepEqual(decodeBase64Url(unpadded), bytes);
    });
  }

  it("agrees with another implementation on every byte and every length", () => {
    const bytes = Uint8Array.from({ length: 259 }, (_, index) => index % 256);
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.subarray(0, length);
      assert.equal(encodeBase64(part), Buffer.from(part).toString("base64"));
      assert.equal(encodeBase64Url(part), Buffer.from(part).toString("base64url"));
      assert.deepEqual(decodeBase64(encodeBase64(part)), Uint8Array.from(part));
      assert.deepEqual(decodeBase64Url(encodeBase64Url(part)), Uint8Array.from(part));
    }
  });

  it("encodes the part of a buffer that it is given", () => {
    const buffer = new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4);
    assert.equal(encodeBase64(buffer), "AQID");
  });

  it("decodes megabytes", () => {
    const bytes = new Uint8Array(24 * 1024 * 1024 + 1).fill(7);
    const [padded, unpadded] = [encodeBase64(bytes), encodeBase64Url(bytes)];
    assert.equal(decodeBase64(padded).length, bytes.length);
    assert.equal(decodeBase64Url(unpadded).length, bytes.length);
    assert.throws(() => decodeBase64(`${padded.slice(0, -4)}!A==`), MALFORMED);
  });
});

describe("decodeBase64()", () => {
  const refused = [
    "A",
    "AA",
    "AAA",
    "A===",
    "AA=A",
    "=AAA",
    "====",
    "AA==AAAA",
    "AA-_",
    "AAA ",
    " AAA",
    "AA\nAA",
    "AAA\u0000",
    "AAAé",
    "AAAA=",
    "AAAA====",
    "Zm9v\n",
  ];
  for (const text of refused) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      assert.throws(() => decodeBase64(text), MALFORMED);
    });
  }

  it("accepts one spelling of each value only", () => {
    const accepts = (text: string) => {
      try {
        decodeBase64(text);
        return true;
      } catch {
        return false;
      }
    };
    const last = [...ALPHABET].filter((char) => accepts(`A${char}==`));
    assert.deepEqual(last, ["A", "Q", "g", "w"]);
    const third = [...ALPHABET].filter((char) => accepts(`AA${char}=`));
    assert.equal(third.join(""), "AEIMQUYcgkosw048");
  });
});

describe("decodeBase64Url()", () => {
  const refused = [
    "A",
    "AAAAA",
    "AA==",
    "AAA=",
    "AA+_",
    "AA/_",
    "AA AA",
    "AA\n",
    "AAé",
    "AB",
    "AAB",
  ];
  for (const text of refused) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      assert.throws(() => decodeBase64Url(text), MALFORMED);
    });
  }

  it("reads - and _ as the last two digits", () => {
    assert.deepEqual(decodeBase64Url("-_-_"), new Uint8Array([0xfb, 0xff, 0xbf]));
    assert.equal(encodeBase64Url(new Uint8Array([0xfb, 0xff, 0xbf])), "-_-_");
  });

  it("says nothing of the text in its errors", () => {
    assert.throws(() => decodeBase64Url("secret-canary!"), (error: Error) => {
      assert.ok(!`${error.stack}`.includes("canary!"));
      return true;
    });
  });
});
