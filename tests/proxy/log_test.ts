import assert from "node:assert/strict";
import { test } from "node:test";
import { createJsonLog } from "../../lib/proxy/log.ts";
import type { LineSink } from "../../lib/ports.ts";

interface TestSink extends LineSink {
  readonly lines: string[];
  isStuck: boolean;
}

function createSink(): TestSink {
  let dropped = 0;
  const sink: TestSink = {
    lines: [],
    isStuck: false,
    write(line) {
      if (sink.isStuck) dropped += 1;
      else sink.lines.push(line);
      return !sink.isStuck;
    },
    dropped: () => dropped,
    flush: () => Promise.resolve(),
  };
  return sink;
}

function parse(sink: TestSink): Record<string, unknown>[] {
  return sink.lines.map((line) => JSON.parse(line));
}

test("createJsonLog() writes timestamp, level and message before the fields", () => {
  const sink = createSink();
  createJsonLog(sink, { now: () => 1234 })("warn", "careful", { a: 1, b: "two" });
  assert.deepEqual(sink.lines, [
    '{"timestamp":"1970-01-01T00:00:01.234Z","level":"WARN","message":"careful","a":1,"b":"two"}',
  ]);
});

test("createJsonLog() leaves out what is below its level", () => {
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const [index, level] of levels.entries()) {
    const sink = createSink();
    const log = createJsonLog(sink, { level });
    for (const each of levels) log(each, each);
    assert.deepEqual(parse(sink).map(({ message }) => message), levels.slice(index));
  }
});

test("createJsonLog() writes info and above when no level is given", () => {
  const sink = createSink();
  const log = createJsonLog(sink);
  log("debug", "d");
  log("info", "i");
  assert.deepEqual(parse(sink).map(({ message }) => message), ["i"]);
});

test("createJsonLog() keeps each record on one line that a terminal does not act on", () => {
  const sink = createSink();
  createJsonLog(sink)("info", "m", {
    path: "/a\n\r\u0000\u001b[2J\u009b31m\u2028\u2029\u007f\ud800",
  });
  const [line = ""] = sink.lines;
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800]/);
  assert.equal(
    parse(sink)[0]?.["path"],
    "/a\n\r\u0000\u001b[2J\u009b31m\u2028\u2029\u007f\ud800",
  );
});

test("createJsonLog() survives values that JSON cannot hold", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const hostile = { toJSON: () => assert.fail("secret in a message") };
  for (const value of [cycle, 1n, hostile]) {
    const sink = createSink();
    createJsonLog(sink)("info", "m", { value });
    assert.equal(parse(sink)[0]?.["message"], "m");
    assert.equal(parse(sink)[0]?.["unloggable"], true);
    assert.doesNotMatch(sink.lines.join(), /secret/);
  }
});

test("createJsonLog() reports dropped lines once the reader is back, and only the new ones", () => {
  const sink = createSink();
  const log = createJsonLog(sink, { now: () => 0 });
  log("info", "before");
  sink.isStuck = true;
  log("info", "lost 1");
  log("info", "lost 2");
  sink.isStuck = false;
  log("info", "after");
  log("info", "and on");
  sink.isStuck = true;
  log("info", "lost 3");
  sink.isStuck = false;
  log("info", "again");
  const dropped = parse(sink).filter(({ message }) => message === "log lines dropped");
  assert.deepEqual(dropped.map(({ dropped, dropped_total }) => [dropped, dropped_total]), [
    [2, 2],
    [1, 3],
  ]);
});

test("createJsonLog() tells of a dropped report later instead of losing the count", () => {
  const sink = createSink();
  let budget = 0;
  let dropped = 5;
  const tight: LineSink = {
    ...sink,
    write(line) {
      if (budget === 0) {
        dropped += 1;
        return false;
      }
      budget -= 1;
      sink.lines.push(line);
      return true;
    },
    dropped: () => dropped,
  };
  const log = createJsonLog(tight);
  budget = 1;
  log("info", "one fits, the report does not");
  budget = 2;
  log("info", "both fit");
  assert.equal(parse(sink).at(-1)?.["dropped_total"], 6);
});
