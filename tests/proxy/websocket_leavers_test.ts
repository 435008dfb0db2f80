import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { HANDSHAKE } from "../helpers/websocket_peer.ts";
import type { PeerHandshake } from "../helpers/websocket_peer.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const LEAVERS = 300;
/** Longest time between a handshake and its client's end: what the proxy needs to answer, and more. */
const SPREAD_MS = 5;
/** What a server may open in passing: files, the last connections. */
const SPARE_DESCRIPTORS = 3;
/** More than the proxy waits for a WebSocket to open. */
const RELEASE_MS = 20_000;

/** Open descriptors of a process; only Linux tells. */
function countDescriptors(pid: number): number {
  return existsSync(`/proc/${pid}/fd`) ? readdirSync(`/proc/${pid}/fd`).length : 0;
}

/** Sends a handshake, ends the connection so much later, and waits for the other end a moment. */
async function leave(port: number, delayMs: number): Promise<void> {
  const fields = Object.entries({ host: `127.0.0.1:${port}`, ...HANDSHAKE });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {/* a reset is an end */});
  socket.resume();
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`GET /ws/chat HTTP/1.1\r\n${lines}\r\n`);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const end = performance.now() + delayMs;
  while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  socket.end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
}

test(
  "clients that leave while their WebSocket opens leave nothing behind",
  TEST_OPTIONS,
  () =>
    withBench({}, async ({ dial, open, server }) => {
      const pid = server.child.pid!;
      const accept = (handshake: PeerHandshake): void => void handshake.accept();
      // What is opened once and for all is open after this.
      (await dial(accept)).peer.destroy();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const before = countDescriptors(pid);
      for (let count = 0; count < LEAVERS; count++) {
        await leave(server.port, (count * SPREAD_MS) / LEAVERS);
      }
      const deadline = performance.now() + RELEASE_MS;
      while (countDescriptors(pid) > before + SPARE_DESCRIPTORS && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const kept = countDescriptors(pid) - before;
      assert.ok(kept <= SPARE_DESCRIPTORS, `${kept} descriptors kept`);
      const { client, upstream } = await open();
      client.send(1, "here");
      assert.equal(await upstream.readText(), "1:here");
      client.destroy();
    }),
);
