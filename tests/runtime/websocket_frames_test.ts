import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  encodeClose,
  encodeFrame,
  FrameReader,
  FrameScanner,
} from "../../lib/runtime/_websocket_frames.ts";
import type { FrameEvent, FrameRules } from "../../lib/runtime/_websocket_frames.ts";
import { closePayload, makeFrame, takeFrame } from "../helpers/websocket_peer.ts";

const ROUNDS = 300;

/** Mulberry32: the same numbers on every runtime. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function rules(parts: Partial<FrameRules> = {}): FrameRules {
  return { isMasked: true, maxMessageBytes: 0, ...parts };
}

function split(bytes: Buffer, random: (below: number) => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + 1 + random(random(2) === 0 ? 4 : 70_000));
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

interface Stream {
  readonly bytes: Buffer;
  readonly events: readonly FrameEvent[];
}

/** Valid frames, and what they mean. */
function makeStream(random: (below: number) => number, mask: boolean): Stream {
  const parts: Buffer[] = [];
  const events: FrameEvent[] = [];
  const addControl = (): void => {
    const kind = random(2) === 0 ? "ping" : "pong";
    const data = Buffer.alloc(random(126), random(256));
    parts.push(makeFrame(kind === "ping" ? 9 : 10, data, { mask }));
    events.push({ kind, data: new Uint8Array(data) });
  };
  for (let message = random(6); message >= 0; message--) {
    const isText = random(2) === 0;
    const pieces: Buffer[] = [];
    const fragments = 1 + random(4);
    for (let fragment = 0; fragment < fragments; fragment++) {
      if (random(3) === 0) addControl();
      const size = [random(126), 125 + random(3), random(3000), 65_534 + random(4)][random(4)] ?? 0;
      const payload = Buffer.alloc(size, isText ? 97 + random(26) : random(256));
      const opcode = fragment > 0 ? 0 : isText ? 1 : 2;
      parts.push(makeFrame(opcode, payload, { mask, fin: fragment === fragments - 1 }));
      pieces.push(payload);
    }
    const whole = Buffer.concat(pieces);
    events.push(
      isText
        ? { kind: "text", text: whole.toString() }
        : { kind: "binary", data: new Uint8Array(whole) },
    );
  }
  if (random(2) === 0) {
    parts.push(makeFrame(8, closePayload(4000 + random(1000), "grüße"), { mask }));
    events.push({ kind: "close", code: 0, reason: "grüße" });
  }
  return { bytes: Buffer.concat(parts), events };
}

function scanAll(scanner: FrameScanner, pieces: readonly Buffer[]): Buffer {
  return Buffer.concat(pieces.flatMap((piece) => scanner.scan(piece)));
}

test("FrameScanner lets valid frames through as they are, however they are cut", () => {
  for (let seed = 0; seed < ROUNDS; seed++) {
    const random = createRandom(seed);
    const isMasked = random(2) === 0;
    const { bytes } = makeStream(random, isMasked);
    const scanner = new FrameScanner(rules({ isMasked }));
    assert.ok(scanAll(scanner, split(bytes, random)).equals(bytes), `seed ${seed}`);
    assert.deepEqual([scanner.failure, scanner.isAtBoundary], [undefined, true], `seed ${seed}`);
  }
});

test("FrameReader reads what another codec wrote", () => {
  for (let seed = 0; seed < ROUNDS; seed++) {
    const random = createRandom(seed);
    const isMasked = random(2) === 0;
    const { bytes, events } = makeStream(random, isMasked);
    const reader = new FrameReader(rules({ isMasked }));
    const read = split(bytes, random).flatMap((piece) => reader.read(piece));
    assert.deepEqual(
      read.map((event) => event.kind === "close" ? { ...event, code: 0 } : event),
      events,
      `seed ${seed}`,
    );
    assert.equal(reader.failure, undefined);
  }
});

test("FrameScanner passes only whole heads, and stops at the next boundary", () => {
  for (let seed = 0; seed < ROUNDS; seed++) {
    const random = createRandom(seed);
    const { bytes } = makeStream(random, true);
    const scanner = new FrameScanner(rules());
    let passed = Buffer.alloc(0);
    const pieces = split(bytes, random);
    const stopAt = random(pieces.length);
    pieces.forEach((piece, index) => {
      if (index === stopAt) scanner.stop();
      passed = Buffer.concat([passed, ...scanner.scan(piece)]);
      let rest = passed;
      for (let taken = takeFrame(rest); taken !== undefined; taken = takeFrame(rest)) {
        rest = taken.rest as Buffer<ArrayBuffer>;
      }
      assert.equal(scanner.isAtBoundary, rest.length === 0, `seed ${seed}, piece ${index}`);
    });
    const sent = pieces.slice(0, stopAt).reduce((sum, { length }) => sum + length, 0);
    assert.ok(passed.length >= sent - 16 && bytes.subarray(0, passed.length).equals(passed));
  }
});

test("FrameScanner survives any bytes, and agrees with another codec on what it passes", () => {
  for (let seed = 0; seed < ROUNDS * 5; seed++) {
    const random = createRandom(seed);
    const valid = makeStream(random, true).bytes;
    const bytes = Buffer.from(valid.subarray(0, 4000));
    for (let flips = random(4); flips >= 0; flips--) {
      const at = random(Math.min(bytes.length, 200));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    }
    const limit = 2000;
    const scanner = new FrameScanner(rules({ maxMessageBytes: limit }));
    let rest: Buffer = scanAll(scanner, split(bytes, random));
    assert.ok(bytes.subarray(0, rest.length).equals(rest), `seed ${seed}`);
    let size = 0;
    for (let taken = takeFrame(rest); taken !== undefined; taken = takeFrame(rest)) {
      const { opcode, rsv, masked, fin, payload } = taken.frame;
      assert.ok(masked && rsv === 0 && [0, 1, 2, 8, 9, 10].includes(opcode), `seed ${seed}`);
      if (opcode >= 8) assert.ok(fin && payload.length <= 125, `seed ${seed}`);
      else size = (opcode === 0 ? size : 0) + payload.length;
      assert.ok(size <= limit, `seed ${seed}`);
      rest = taken.rest;
    }
    assert.equal(scanner.isAtBoundary, rest.length === 0, `seed ${seed}`);
  }
});

interface Refusal {
  readonly bytes: Buffer;
  readonly code: number;
  readonly reason: string;
  readonly rules?: Partial<FrameRules>;
}

const mask = true;
const X = Buffer.from("x");
const REFUSALS: Readonly<Record<string, Refusal>> = {
  "opcode 3": { bytes: makeFrame(3, X, { mask }), code: 1002, reason: "unknown opcode" },
  "opcode 11": { bytes: makeFrame(11, X, { mask }), code: 1002, reason: "unknown opcode" },
  "RSV1": { bytes: makeFrame(1, X, { mask, rsv: 4 }), code: 1002, reason: "reserved bit" },
  "RSV2 with compression": {
    bytes: makeFrame(1, X, { mask, rsv: 2 }),
    code: 1002,
    reason: "reserved bit",
    rules: { allowsCompression: true },
  },
  "RSV1 on a control frame": {
    bytes: makeFrame(9, X, { mask, rsv: 4 }),
    code: 1002,
    reason: "reserved bit",
    rules: { allowsCompression: true },
  },
  "RSV1 on a continuation": {
    bytes: Buffer.concat([
      makeFrame(1, X, { mask, rsv: 4, fin: false }),
      makeFrame(0, X, { mask, rsv: 4 }),
    ]),
    code: 1002,
    reason: "reserved bit",
    rules: { allowsCompression: true },
  },
  "no mask": { bytes: makeFrame(1, X), code: 1002, reason: "masking" },
  "a mask": {
    bytes: makeFrame(1, X, { mask }),
    code: 1002,
    reason: "masking",
    rules: { isMasked: false },
  },
  "a fragmented ping": {
    bytes: makeFrame(9, X, { mask, fin: false }),
    code: 1002,
    reason: "control frame",
  },
  "a long ping": {
    bytes: makeFrame(9, Buffer.alloc(126), { mask }),
    code: 1002,
    reason: "control frame",
  },
  "a continuation of nothing": {
    bytes: makeFrame(0, X, { mask }),
    code: 1002,
    reason: "order of fragments",
  },
  "a message inside a message": {
    bytes: Buffer.concat([makeFrame(1, X, { mask, fin: false }), makeFrame(1, X, { mask })]),
    code: 1002,
    reason: "order of fragments",
  },
  "half a close code": { bytes: makeFrame(8, X, { mask }), code: 1002, reason: "close frame" },
  "one byte too many": {
    bytes: makeFrame(2, Buffer.alloc(11), { mask }),
    code: 1009,
    reason: "message too big",
    rules: { maxMessageBytes: 10 },
  },
  "a length beyond 2^53": {
    bytes: Buffer.from("82ff0020000000000000", "hex"),
    code: 1009,
    reason: "message too big",
  },
};

for (const [what, { bytes, code, reason, rules: parts }] of Object.entries(REFUSALS)) {
  test(`FrameScanner refuses ${what}`, () => {
    const scanner = new FrameScanner(rules(parts));
    // The mask of a frame of a length alone may be missing.
    scanAll(scanner, [bytes, Buffer.alloc(4)]);
    assert.deepEqual(scanner.failure, { code, reason });
    assert.deepEqual(scanner.scan(makeFrame(1, X, { mask })), []);
  });
}

test("FrameScanner takes compression where it was agreed on, and messages up to the limit", () => {
  const scanner = new FrameScanner(rules({ allowsCompression: true, maxMessageBytes: 10 }));
  const bytes = Buffer.concat([
    makeFrame(2, Buffer.alloc(6), { mask, rsv: 4, fin: false }),
    makeFrame(9, Buffer.alloc(125), { mask }),
    makeFrame(0, Buffer.alloc(4), { mask }),
    makeFrame(2, Buffer.alloc(10), { mask }),
  ]);
  assert.ok(scanAll(scanner, [bytes]).equals(bytes));
  assert.equal(scanner.failure, undefined);
});

test("FrameScanner reads close codes by the registry, and nothing after them", () => {
  const good = [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999];
  const bad = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
  for (const code of [...good, ...bad]) {
    const scanner = new FrameScanner(rules());
    const bytes = makeFrame(8, closePayload(code, "why"), { mask });
    const passed = scanAll(scanner, [bytes, makeFrame(1, X, { mask })]);
    const isGood = good.includes(code);
    assert.equal(scanner.closeCode, isGood ? code : undefined, String(code));
    assert.equal(passed.length, isGood ? bytes.length : 0, String(code));
  }
  const empty = new FrameScanner(rules());
  empty.scan(makeFrame(8, Buffer.alloc(0), { mask }));
  assert.equal(empty.closeCode, 1005);
});

test("FrameScanner tells of a close only when it is whole", () => {
  const scanner = new FrameScanner(rules());
  const bytes = makeFrame(8, closePayload(1000, "bye"), { mask });
  scanner.scan(bytes.subarray(0, -1));
  assert.equal(scanner.closeCode, undefined);
  scanner.scan(bytes.subarray(-1));
  assert.equal(scanner.closeCode, 1000);
});

test("FrameReader refuses text and reasons that are not UTF-8", () => {
  for (
    const bytes of [
      makeFrame(1, Buffer.from([0xc3]), { mask }),
      makeFrame(8, Buffer.from([3, 232, 0xff]), { mask }),
    ]
  ) {
    const reader = new FrameReader(rules());
    assert.deepEqual(reader.read(bytes), []);
    assert.deepEqual(reader.failure, { code: 1007, reason: "not UTF-8" });
    assert.deepEqual(reader.read(makeFrame(1, X, { mask })), []);
  }
  // A character may be cut by the end of a fragment.
  const reader = new FrameReader(rules());
  reader.read(makeFrame(1, Buffer.from([0xc3]), { mask, fin: false }));
  assert.deepEqual(reader.read(makeFrame(0, Buffer.from([0xbc]), { mask })), [
    { kind: "text", text: "ü" },
  ]);
});

test("encodeFrame() and encodeClose() write what another codec reads", () => {
  for (const mask of [true, false]) {
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 100_000]) {
      const payload = Buffer.alloc(size, 7);
      const taken = takeFrame(Buffer.from(encodeFrame(2, payload, { mask })));
      assert.deepEqual(taken?.frame, { opcode: 2, fin: true, rsv: 0, masked: mask, payload });
      assert.equal(taken?.rest.length, 0);
    }
    const close = takeFrame(Buffer.from(encodeClose(4001, "€".repeat(100), { mask })))?.frame;
    assert.deepEqual(close?.payload, closePayload(4001, "€".repeat(41)));
    assert.equal(takeFrame(Buffer.from(encodeClose(1005, "x", { mask })))?.frame.payload.length, 0);
  }
});
