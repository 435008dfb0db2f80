import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import type { ClientLeg } from "../../lib/runtime/_websocket_bridge.ts";
import { WebSocketBridge } from "../../lib/runtime/_websocket_bridge.ts";
import type { StreamEnd } from "../../lib/ports.ts";
import { makeFrame, WebSocketPeer } from "../helpers/websocket_peer.ts";

const OPTIONS = { timeout: 30_000 } as const;
const MIB = 1024 * 1024;

/** A client's side that notes what is asked of it. */
class FakeLeg implements ClientLeg {
  readonly calls: string[] = [];
  backlog = 0;
  takes = true;

  send(data: string | Uint8Array): boolean {
    this.calls.push(typeof data === "string" ? data : `${data.length} bytes`);
    return this.takes;
  }
  waiting(): number {
    return this.backlog;
  }
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  close(code: number, reason: string): void {
    this.calls.push(`close ${code} ${reason}`);
  }
  terminate(): void {
    this.calls.push("terminate");
  }
}

interface Fixture {
  readonly bridge: WebSocketBridge;
  readonly leg: FakeLeg;
  /** The upstream itself. */
  readonly upstream: WebSocketPeer;
  readonly ended: Promise<StreamEnd>;
  readonly ends: StreamEnd[];
}

async function withBridge(
  rules: {
    readonly idleMs?: number;
    readonly maxMessageBytes?: number;
    readonly head?: Uint8Array;
    readonly openMs?: number;
  },
  run: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  socket.on("error", () => socket.destroy());
  const upstream = new WebSocketPeer(await accepted, false, Buffer.alloc(0));
  const ends: StreamEnd[] = [];
  let end: (end: StreamEnd) => void = () => {};
  const ended = new Promise<StreamEnd>((resolve) => end = resolve);
  const { idleMs = 0, maxMessageBytes = 0, head = new Uint8Array(0), openMs } = rules;
  const onClose = (one: StreamEnd): void => {
    ends.push(one);
    end(one);
  };
  const limits = { idleMs, maxMessageBytes };
  const bridge = new WebSocketBridge({ socket, head }, limits, onClose, openMs);
  const leg = new FakeLeg();
  try {
    await run({ bridge, leg, upstream, ended, ends });
  } finally {
    socket.destroy();
    upstream.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "it holds in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test(
  "WebSocketBridge begins with what came behind the handshake",
  OPTIONS,
  () =>
    withBridge({ head: makeFrame(1, Buffer.from("first")) }, async ({ bridge, leg, upstream }) => {
      upstream.send(1, "second");
      bridge.open(leg);
      await until(() => leg.calls.length === 2);
      assert.deepEqual(leg.calls, ["first", "second"]);
    }),
);

test(
  "WebSocketBridge answers the upstream's pings and masks what it sends",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      upstream.send(9, "are you there");
      const pong = await upstream.read();
      assert.deepEqual([pong?.opcode, pong?.masked, String(pong?.payload)], [
        10,
        true,
        "are you there",
      ]);
      bridge.receive("grüße");
      assert.equal(await upstream.readText(), "1:grüße");
      bridge.receive(new Uint8Array([1, 2]));
      assert.deepEqual((await upstream.read())?.payload, Buffer.from([1, 2]));
    }),
);

test(
  "WebSocketBridge closes with 1007 on text that is not UTF-8",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream, ended }) => {
      bridge.open(leg);
      upstream.send(1, Buffer.from([0xc3, 0x28]));
      assert.equal(await upstream.readText(), "8:1007:upstream: not UTF-8");
      assert.deepEqual(leg.calls, ["close 1007 upstream: not UTF-8"]);
      bridge.closed(1007, "");
      upstream.sendClose(1007);
      assert.deepEqual((await ended).closeCode, 1007);
      assert.equal((await ended).error, "ERR_UPSTREAM_FAILED");
    }),
);

test("WebSocketBridge never sends a code that may not be sent", OPTIONS, async () => {
  for (const code of [0, 1004, 1015, 2999, 5000]) {
    await withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      bridge.closed(code, "odd");
      assert.equal(await upstream.readText(), "8:1002:odd");
    });
  }
});

test(
  "WebSocketBridge does not read an upstream whose client lags behind",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      leg.backlog = 2 * MIB;
      upstream.send(1, "one");
      await until(() => leg.calls.length === 1);
      upstream.send(1, "two");
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(leg.calls, ["one"]);
      leg.backlog = 0;
      bridge.progress();
      await until(() => leg.calls.length === 2);
    }),
);

test(
  "WebSocketBridge closes with 1013 rather than lose a message",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      leg.takes = false;
      upstream.send(1, "lost");
      upstream.send(1, "not even tried");
      assert.equal(await upstream.readText(), "8:1013:client: reads too slowly");
      assert.deepEqual(leg.calls, ["lost", "close 1013 client: reads too slowly"]);
    }),
);

test(
  "WebSocketBridge bounds what waits for a deaf upstream",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      upstream.socket.pause();
      let sent = 0;
      // A leg that was asked to pause, and cannot.
      for (; !leg.calls.some((call) => call.startsWith("close")) && sent < 64; sent++) {
        bridge.receive(new Uint8Array(MIB));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(leg.calls.includes("pause"));
      assert.equal(leg.calls.at(-1), "close 1013 upstream: reads too slowly");
      assert.ok(sent < 32, String(sent));
      upstream.destroy();
      await Promise.resolve();
    }),
);

test(
  "WebSocketBridge reads on when the upstream does",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      upstream.socket.pause();
      while (!leg.calls.includes("pause")) bridge.receive(new Uint8Array(MIB));
      upstream.socket.resume();
      await until(() => leg.calls.includes("resume"));
    }),
);

test(
  "WebSocketBridge closes the client's side only when everything has left",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream }) => {
      bridge.open(leg);
      leg.backlog = 10;
      upstream.sendClose(4000, "done");
      assert.equal(await upstream.readText(), "8:4000:done");
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.deepEqual(leg.calls, []);
      leg.backlog = 0;
      await until(() => leg.calls.length > 0);
      assert.deepEqual(leg.calls, ["close 4000 done"]);
    }),
);

test(
  "WebSocketBridge cuts off who answers no close frame",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream, ended, ends }) => {
      bridge.open(leg);
      bridge.stop();
      bridge.stop();
      assert.equal(await upstream.readText(), "8:1001:going away");
      const { closeCode, error } = await ended;
      assert.deepEqual([closeCode, error], [1001, undefined]);
      assert.deepEqual(leg.calls, ["close 1001 going away", "terminate"]);
      bridge.closed(1006, "");
      await upstream.closed;
      assert.equal(ends.length, 1);
    }),
);

test(
  "WebSocketBridge waits for nobody when the server stops, and says what was lost",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream, ended }) => {
      bridge.open(leg);
      leg.backlog = 10;
      upstream.sendClose(1000);
      assert.equal(await upstream.readText(), "8:1000:");
      const began = performance.now();
      bridge.stop();
      const { closeCode, error } = await ended;
      assert.deepEqual([closeCode, error], [1000, "ERR_CLIENT_ABORTED"]);
      assert.deepEqual(leg.calls, ["terminate"]);
      assert.ok(performance.now() - began < 6000);
    }),
);

/** The upstream is told that the client left, and the client's side, should it come, is cut off. */
async function assertGivenUp({ bridge, leg, upstream, ended }: Fixture): Promise<void> {
  assert.equal(await upstream.readText(), "8:1001:client went away");
  upstream.socket.end();
  const end = await ended;
  assert.deepEqual([end.closeCode, end.error], [1001, "ERR_CLIENT_ABORTED"]);
  bridge.open(leg);
  assert.deepEqual(leg.calls, ["terminate"]);
}

test("WebSocketBridge ends when the client never comes", OPTIONS, async (t) => {
  await t.test("as its connection broke", () =>
    withBridge({}, async (sides) => {
      sides.bridge.closed(1006, "");
      await assertGivenUp(sides);
    }));
  await t.test("and nobody says so", () => withBridge({ openMs: 50 }, assertGivenUp));
  await t.test("within the idle limit", () =>
    withBridge({ idleMs: 50 }, async ({ upstream }) => {
      assert.equal(await upstream.readText(), "8:1001:idle timeout");
    }));
});

test(
  "WebSocketBridge tells a client that comes late what became of the upstream",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg }) => {
      bridge.stop();
      bridge.open(leg);
      assert.deepEqual(leg.calls, ["close 1001 going away"]);
      await Promise.resolve();
    }),
);

test(
  "WebSocketBridge counts the bytes of both directions",
  OPTIONS,
  () =>
    withBridge({}, async ({ bridge, leg, upstream, ended }) => {
      bridge.open(leg);
      bridge.receive("12345");
      assert.equal(await upstream.readText(), "1:12345");
      upstream.send(2, "abc");
      upstream.sendClose(1000);
      await until(() => leg.calls.length === 2);
      bridge.closed(1000, "");
      const { bytesSent, bytesReceived, closeCode } = await ended;
      // Frames, with their heads; the close frame counts.
      assert.deepEqual([bytesReceived, bytesSent, closeCode], [2 + 4 + 5, 2 + 3 + 4, 1000]);
    }),
);
