import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { makeFrame } from "../helpers/websocket_peer.ts";
import type { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const CONNECTIONS = 60;
const PIECES = 40;

/** Pseudo-random numbers below 1 (mulberry32): a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Frames mostly in order; each connection breaks some rule sooner or later. */
function makePiece(random: () => number, mask: boolean): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  const payload = Buffer.from(Array.from({ length: below(300) }, () => below(256)));
  const kind = random();
  if (kind < 0.05) return payload;
  if (kind < 0.1) {
    return makeFrame(below(16), payload, { mask, rsv: below(8), fin: random() < 0.5 });
  }
  if (kind < 0.15) return makeFrame(8, payload.subarray(0, below(126)), { mask });
  if (kind < 0.2) return makeFrame(2, payload, { mask }).subarray(0, below(payload.length + 1));
  if (kind < 0.25) return makeFrame(2, payload, { mask: !mask });
  if (kind < 0.5) return makeFrame(9, payload.subarray(0, below(126)), { mask });
  if (kind < 0.75) return makeFrame(1, Buffer.from("grüße ".repeat(below(50))), { mask });
  return makeFrame(2, payload, { mask });
}

async function spray(peer: WebSocketPeer, random: () => number, mask: boolean): Promise<void> {
  for (let count = 0; count < PIECES && peer.socket.writable; count++) {
    peer.socket.write(makePiece(random, mask));
    if (random() < 0.1) await new Promise((resolve) => setImmediate(resolve));
  }
  if (random() < 0.3) peer.socket.resetAndDestroy();
  else peer.socket.end();
}

test(
  "the server outlives whatever both sides send",
  TEST_OPTIONS,
  () =>
    withBench({ manifest: "max_message_bytes = 2000" }, async ({ open, server, record }) => {
      for (let count = 0; count < CONNECTIONS; count += 10) {
        await Promise.all(Array.from({ length: 10 }, async (_, index) => {
          // One after the other: who accepts is the same for all.
          const random = createRandom(1 + count + index);
          const { client, upstream } = await inTurn(() => open());
          await Promise.all([spray(client, random, true), spray(upstream, random, false)]);
          await Promise.all([client.closed, upstream.closed]);
        }));
      }
      const last = await record("/ws/chat", CONNECTIONS);
      assert.equal(last["status"], 101);
      const { client, upstream } = await open();
      client.send(1, "still here");
      assert.equal(await upstream.readText(), "1:still here");
      client.destroy();
      assert.equal((await server.get("/health")).status, 200);
      assert.ok(!server.output().includes("ERR_INTERNAL"), server.output());
    }),
);

let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(run: () => Promise<T>): Promise<T> {
  const result = turn.then(run);
  turn = result.catch(() => {});
  return result;
}
