import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatTraceparent,
  parseTraceparent,
  relayTracestate,
} from "../../lib/telemetry/trace_context.ts";
import { createTraceIds } from "../../lib/telemetry/trace_ids.ts";

// The example of W3C Trace Context §3.2.
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test("parseTraceparent() reads version 00", () => {
  const parent = { traceId: TRACE, spanId: SPAN };
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { ...parent, flags: 1 });
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { ...parent, flags: 0 });
  // Level 2: random is bit 1; the bits beyond mean nothing yet and do not go on (§3.2.2.5.3).
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-ff`), { ...parent, flags: 3 });
});

test("parseTraceparent() reads a later version as far as it is laid out alike", () => {
  const parent = { traceId: TRACE, spanId: SPAN, flags: 1 };
  for (const version of ["01", "cc", "fe"]) {
    assert.deepEqual(parseTraceparent(`${version}-${TRACE}-${SPAN}-ff`), parent);
    assert.deepEqual(parseTraceparent(`${version}-${TRACE}-${SPAN}-01-what-comes`), parent);
    assert.equal(parseTraceparent(`${version}-${TRACE}-${SPAN}-01.what-comes`), undefined);
  }
});

test("parseTraceparent() takes nothing else", () => {
  for (
    const value of [
      null,
      "",
      "00",
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${TRACE}-${SPAN}-1`,
      `00-${TRACE}-${SPAN}-0x`,
      `00-${TRACE}-${SPAN}-0G`,
      `0-${TRACE}-${SPAN}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN.toUpperCase()}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      `00-${TRACE}0-${SPAN}-01`,
      `00-${TRACE}-${SPAN}0-01`,
      `00-${TRACE}${SPAN}-01`,
      `00_${TRACE}_${SPAN}_01`,
      ` 00-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01\n`,
      `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
      `01-${TRACE}-${SPAN}-01, 01-${TRACE}-${SPAN}-01`,
    ]
  ) assert.equal(parseTraceparent(value), undefined, String(value));
});

test("formatTraceparent() and parseTraceparent() agree", () => {
  for (const flags of [0, 1, 2, 3]) {
    const parent = { traceId: TRACE, spanId: SPAN, flags };
    assert.equal(formatTraceparent(parent), `00-${TRACE}-${SPAN}-0${flags}`);
    assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent);
  }
});

test("relayTracestate() hands members on as they are", () => {
  for (
    const [value, relayed] of [
      ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
      ["a=1, b=2\t,\t c=3", "a=1,b=2,c=3"],
      ["a=1,,  ,b=2,", "a=1,b=2"],
      ["fw529a3039@dt=FfAAg", "fw529a3039@dt=FfAAg"],
      ["0a-_*/=x", "0a-_*/=x"],
      ["a= inner space!~", "a= inner space!~"],
      [`${"k".repeat(256)}=v`, `${"k".repeat(256)}=v`],
    ] as const
  ) assert.equal(relayTracestate(value), relayed);
});

test("relayTracestate() hands nothing on of a state it cannot read", () => {
  const many = Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(",");
  for (
    const value of [
      null,
      "",
      " , ,",
      "a",
      "a=",
      "=1",
      "A=1",
      "a=1=2",
      "a=1,a=2",
      "a=1,b",
      "a=é",
      "a=1\u0000",
      "a =1",
      `${"k".repeat(257)}=v`,
      `k=${"v".repeat(257)}`,
      many,
      "x".repeat(1_000_000),
    ]
  ) assert.equal(relayTracestate(value), undefined, String(value).slice(0, 40));
  assert.equal(relayTracestate(many.slice(0, many.lastIndexOf(",")))?.split(",").length, 32);
});

test("relayTracestate() drops long members first, then the last, beyond 512 characters", () => {
  const long = `long=${"v".repeat(150)}`;
  const short = Array.from({ length: 6 }, (_, index) => `k${index}=${"v".repeat(70)}`);
  const kept = relayTracestate([long, ...short].join(","));
  assert.equal(kept, short.join(","));
  const eight = Array.from({ length: 8 }, (_, index) => `k${index}=${"v".repeat(70)}`);
  const fitted = relayTracestate(eight.join(",")) ?? "";
  assert.equal(fitted, eight.slice(0, 6).join(","));
  assert.equal(
    relayTracestate([long, long.replace("long", "more"), "a=1"].join(",")),
    [
      long,
      long.replace("long", "more"),
      "a=1",
    ].join(","),
  );
});

test("createTraceIds() makes ids of the right shape, all different", () => {
  const ids = createTraceIds();
  const seen = new Set<string>();
  for (let count = 0; count < 2000; count++) {
    const [trace, span] = [ids.traceId(), ids.spanId()];
    assert.ok(parseTraceparent(formatTraceparent({ traceId: trace, spanId: span, flags: 0 })));
    seen.add(trace).add(span);
  }
  assert.equal(seen.size, 4000);
});
