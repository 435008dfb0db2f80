import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_SCOPES } from "../../lib/limits.ts";
import { parseRate, parseRates } from "../../lib/scope/rate.ts";

test("parseRate() knows every spelling of every unit", () => {
  const units = [
    [["s", "sec", "second"], "second", 1],
    [["m", "min", "minute"], "minute", 60],
    [["h", "hr", "hour"], "hour", 3600],
    [["d", "day"], "day", 86_400],
  ] as const;
  for (const [spellings, unit, windowSeconds] of units) {
    for (const spelling of spellings) {
      assert.deepEqual(parseRate(`7/${spelling}`), { count: 7, windowSeconds, unit });
    }
  }
});

test("parseRate() trims the unit and reads counts as the reference does", () => {
  assert.equal(parseRate("10/ hour ").unit, "hour");
  assert.equal(parseRate("+10/hour").count, 10);
  assert.equal(parseRate("0010/hour").count, 10);
  assert.equal(parseRate("0/hour").count, 0);
});

test("parseRate() takes the largest safe integer and not one more", () => {
  assert.equal(parseRate("9007199254740991/day").count, Number.MAX_SAFE_INTEGER);
  for (const count of ["9007199254740992", "18446744073709551615", "1".repeat(400)]) {
    assert.throws(() => parseRate(`${count}/day`), { code: "ERR_RATE_SPEC", reason: "count" });
  }
});

test("parseRate() refuses a bad specification with the reason", () => {
  const cases = [
    ["", "format"],
    ["10", "format"],
    ["10/hour/day", "format"],
    ["10//hour", "format"],
    ["/hour", "count"],
    ["-1/hour", "count"],
    [" 10/hour", "count"],
    ["10 /hour", "count"],
    ["1.5/hour", "count"],
    ["1e3/hour", "count"],
    ["0x10/hour", "count"],
    ["١٠/hour", "count"],
    ["ten/hour", "count"],
    ["10/", "unit"],
    ["10/Hour", "unit"],
    ["10/hours", "unit"],
    ["10/week", "unit"],
    ["10/constructor", "unit"],
  ] as const;
  for (const [spec, reason] of cases) {
    assert.throws(
      () => parseRate(spec),
      (error: Error & { code?: string; reason?: string }) => {
        assert.equal(error.code, "ERR_RATE_SPEC");
        assert.equal(error.reason, reason, spec);
        return error.message.startsWith("Invalid rate spec: ");
      },
    );
  }
});

test("parseRates() keeps the patterns and their order", () => {
  assert.deepEqual(parseRates({ "tool:github:*": "10/hour", "*": "1/s" }), [
    { pattern: "tool:github:*", count: 10, windowSeconds: 3600, unit: "hour" },
    { pattern: "*", count: 1, windowSeconds: 1, unit: "second" },
  ]);
  assert.deepEqual(parseRates({}), []);
  assert.deepEqual(parseRates(undefined), []);
});

test("parseRates() refuses the whole claim for one bad specification", () => {
  const code = "ERR_RATE_SPEC";
  assert.throws(() => parseRates({ "tool:a": "10/hour", "tool:b": "many" }), { code });
  assert.throws(() => parseRates({ "": "10/hour" }), { code, reason: "format" });
  for (const claim of [[], null, "10/hour", 10, { "tool:a": 10 }, { "tool:a": null }]) {
    assert.throws(() => parseRates(claim as never), { code, reason: "format" });
  }
});

test("parseRates() takes as many rates as the limit and not one more", () => {
  const rates = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`tool:t${index}`, "1/s"]));
  assert.equal(parseRates(rates(MAX_SCOPES)).length, MAX_SCOPES);
  assert.throws(() => parseRates(rates(MAX_SCOPES + 1)), { code: "ERR_RATE_SPEC" });
});
