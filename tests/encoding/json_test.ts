import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isPlainObject, parseJson, parseJsonObject } from "../../lib/encoding/json.ts";

const MALFORMED = { name: "EncodingError", code: "ERR_ENCODING" };

describe("parseJson()", () => {
  it("parses values from text and from bytes", () => {
    const values = [null, true, 0, "é", [], {}, { a: [{ b: null }] }];
    for (const value of values) {
      const text = JSON.stringify(value);
      assert.deepEqual(parseJson(text), value);
      assert.deepEqual(parseJson(new TextEncoder().encode(text)), value);
    }
  });

  it("rejects a member named __proto__ at any depth, however it is spelled", () => {
    const texts = [
      '{"__proto__":{}}',
      '{"a":[{"b":{"__proto__":null}}]}',
      '{"\\u005f_proto__":1}',
      '{"__proto__":1,"__proto__":2}',
    ];
    for (const text of texts) assert.throws(() => parseJson(text), MALFORMED, text);
  });

  it("keeps names that are special elsewhere, and harms no prototype", () => {
    const text = '{"constructor":{"prototype":{"polluted":1}},"toString":"x","__proto":1}';
    assert.deepEqual(Object.keys(parseJson(text) as object), [
      "constructor",
      "toString",
      "__proto",
    ]);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  });

  it("takes the last of members that occur twice", () => {
    assert.deepEqual(parseJson('{"a":1,"b":2,"a":3}'), { a: 3, b: 2 });
  });

  it("rejects text that is not JSON, or nested deeper than the stack", () => {
    const texts = [
      "",
      " ",
      "{",
      "nul",
      "{'a':1}",
      "[1,]",
      "NaN",
      "01",
      '"\u0000"',
      "{}x",
      "\ufeff{}",
      "[".repeat(200_000) + "]".repeat(200_000),
    ];
    for (const text of texts) assert.throws(() => parseJson(text), MALFORMED, text.slice(0, 9));
  });

  it("rejects bytes that are not UTF-8", () => {
    assert.throws(() => parseJson(new Uint8Array([0x22, 0xff, 0x22])), MALFORMED);
  });

  it("quotes nothing of the text in its errors", () => {
    assert.throws(() => parseJson('{"key": canary-4711}'), (error: Error) => {
      assert.ok(!`${error.stack}`.includes("canary") && error.cause === undefined);
      return true;
    });
  });
});

describe("parseJsonObject()", () => {
  it("parses objects and rejects everything else", () => {
    assert.deepEqual(parseJsonObject('{"a":1}'), { a: 1 });
    for (const text of ["[]", "null", '"{}"', "1", "true"]) {
      assert.throws(() => parseJsonObject(text), MALFORMED, text);
    }
  });
});

describe("isPlainObject()", () => {
  it("tells objects of members from everything else", () => {
    for (const value of [{}, { a: 1 }, Object.create(null)]) assert.ok(isPlainObject(value));
    const others = [
      null,
      undefined,
      [],
      1,
      "x",
      new Map(),
      new Date(),
      () => {},
      Object.create({}),
      new Uint8Array(1),
      new Error("x"),
    ];
    for (const value of others) assert.equal(isPlainObject(value), false);
  });
});
