import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRemaining, formatTime, parseDuration, parseTime } from "../../lib/cli/time.ts";

test("parseDuration() reads seconds and units", () => {
  const cases = [["1", 1], ["1800", 1800], ["90s", 90], ["30m", 1800], ["1h", 3600], [
    "7d",
    604_800,
  ], [
    "2w",
    1_209_600,
  ]] as const;
  for (const [text, seconds] of cases) assert.equal(parseDuration(text, "--ttl"), seconds);
});

test("parseDuration() refuses everything else and names the option", () => {
  const bad = ["", "0", "0s", "-1", "1.5h", "1y", "h", "1 h x", "1e3", "9".repeat(13), "1H"];
  for (const text of bad) {
    assert.throws(() => parseDuration(text, "--ttl"), {
      code: "ERR_USAGE",
      message: "--ttl is not a duration",
    }, text);
  }
});

test("parseTime() reads Unix seconds, RFC 3339 and + durations", () => {
  const now = 1_700_000_000_500;
  assert.equal(parseTime("1700000123", "--not-before", now), 1_700_000_123);
  assert.equal(parseTime("+5m", "--not-before", now), 1_700_000_300);
  assert.equal(parseTime("2026-05-20T10:30:00Z", "--not-before", now), 1_779_273_000);
  assert.equal(parseTime("2026-05-20T12:30:00.9+02:00", "--not-before", now), 1_779_273_000);
});

test("parseTime() refuses what is no point in time", () => {
  for (const text of ["", "tomorrow", "+", "+x", "2026-05-20", "2026-13-20T10:30:00Z", "-5"]) {
    assert.throws(() => parseTime(text, "--not-before", 0), { code: "ERR_USAGE" }, text);
  }
});

test("formatTime() shows UTC without fractions, and a number where there is no date", () => {
  assert.equal(formatTime(1_779_273_000), "2026-05-20T10:30:00Z");
  assert.equal(formatTime(9e15), "9000000000000000");
});

test("formatRemaining() shows hours and minutes", () => {
  assert.equal(formatRemaining(1799), "0h 29m");
  assert.equal(formatRemaining(90_060), "25h 1m");
});
