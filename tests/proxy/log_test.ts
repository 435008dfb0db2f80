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

/** Numbers from 0 up to below `limit`, the same in every run. */
function createDice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

const UNITS = [
  ...'aZ09 "\\/{}[],:\u00e9\u20ac\ud83d\ude00\ufeff\uffff\u00a0',
  ...["\u0000", "\b", "\t", "\n", "\f", "\r", "\u001b", "\u001f", "\u007f", "\u0080", "\u009b"],
  ...["\u009f", "\u2028", "\u2029", "\ud800", "\udfff"],
];

test("createJsonLog() writes any fields so that they read back the same", () => {
  const roll = createDice(4);
  const text = (): string =>
    Array.from({ length: roll(8) }, () => UNITS[roll(UNITS.length)]).join("");
  const scalars: readonly (() => unknown)[] = [
    text,
    () => (roll(2 ** 31) - 2 ** 30) / (roll(9) + 1),
    () => [0, -0, NaN, Infinity, -Infinity, 1e21, 5e-324, 2 ** 53, -1.5e-7][roll(9)],
    () => [true, false, null, undefined, () => 1, Symbol("s")][roll(6)],
    () => new Date(roll(2 ** 31)),
    () => [new Map([[1, 2]]), new Uint8Array(2), new String("s"), /r/, new Error("e")][roll(5)],
    () => {
      const json = [text(), undefined][roll(2)];
      return { toJSON: () => json };
    },
  ];
  const value = (depth: number): unknown => {
    if (depth === 0 || roll(3) > 0) return scalars[roll(scalars.length)]!();
    if (roll(2) === 0) return Array.from({ length: roll(4) }, () => value(depth - 1));
    return record(depth - 1);
  };
  // Two characters at least: V8 14 and 15 may read a name that is one escape as a backslash.
  const name = (): string =>
    roll(12) === 0 ? ["__proto__", "toJSON", "constructor", "77"][roll(4)]! : `n${text()}`;
  const record = (depth: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: roll(6) }, () => [name(), value(depth)]));
  for (let turn = 0; turn < 5000; turn++) {
    const sink = createSink();
    const [message, fields] = [text(), record(3)];
    // A function of this name would answer for the whole record, here as for any JSON.
    let expected: Record<string, unknown>;
    try {
      const members = Object.entries(fields).map(([key, one]) =>
        [key, JSON.stringify(one)] as const
      );
      expected = Object.fromEntries(
        members.filter(([, json]) => json !== undefined).map((
          [key, json],
        ) => [key, JSON.parse(json)]),
      );
    } catch {
      expected = { unloggable: true };
    }
    createJsonLog(sink, { now: () => turn })("info", message, fields);
    const [line = ""] = sink.lines;
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    // A lone surrogate is no character that could be written as bytes.
    assert.equal(new TextDecoder().decode(new TextEncoder().encode(line)), line);
    const head = { timestamp: new Date(turn).toISOString(), level: "INFO", message };
    // Entries: a member may be called `__proto__`.
    assert.deepEqual(
      new Map(Object.entries(JSON.parse(line))),
      new Map([...Object.entries(head), ...Object.entries(expected)]),
    );
  }
});

test("createJsonLog() keeps its own three names, and the line whatever a field throws", () => {
  const sink = createSink();
  const log = createJsonLog(sink, { now: () => 0 });
  log("info", "m", { timestamp: "t", level: 1, message: {}, kept: -0, gone: undefined, none: NaN });
  log("info", "m", {
    get broken(): never {
      throw new Error("secret");
    },
  });
  const head = { timestamp: "1970-01-01T00:00:00.000Z", level: "INFO", message: "m" };
  assert.deepEqual(parse(sink), [{ ...head, kept: 0, none: null }, { ...head, unloggable: true }]);
});
