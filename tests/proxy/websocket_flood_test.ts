import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { makeFrame } from "../helpers/websocket_peer.ts";
import type { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";

const FLOOD_FRAMES = 200;
const FRAME_BYTES = 1024 * 1024;
/** What the proxy may hold of a flood nobody reads: buffers of sockets, and pieces not yet collected. */
const MAX_GROWTH_KIB = 64 * 1024;

/** Resident memory of a process, in KiB; only Linux tells. */
function residentKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

/** Sends the whole flood as fast as the socket takes it; gives what its payloads hash to. */
async function flood(peer: WebSocketPeer, masked: boolean): Promise<string> {
  const hash = createHash("sha256");
  for (let count = 0; count < FLOOD_FRAMES; count++) {
    const payload = Buffer.alloc(FRAME_BYTES, count);
    hash.update(payload);
    if (!peer.socket.write(makeFrame(2, payload, { mask: masked }))) {
      await new Promise((resolve) => peer.socket.once("drain", resolve));
    }
  }
  return hash.digest("hex");
}

async function drain(peer: WebSocketPeer): Promise<string> {
  const hash = createHash("sha256");
  for (let count = 0; count < FLOOD_FRAMES; count++) {
    const frame = await peer.read();
    assert.ok(frame, `frame ${count}`);
    hash.update(frame.payload);
  }
  return hash.digest("hex");
}

for (const from of ["client", "upstream"] as const) {
  test(
    `200 MB from the ${from} wait for a reader that pauses`,
    TEST_OPTIONS,
    () =>
      withBench({}, async ({ open, server }) => {
        const { client, upstream } = await open();
        const [sender, reader] = from === "client" ? [client, upstream] : [upstream, client];
        reader.socket.pause();
        const pid = server.child.pid!;
        const hasMemory = existsSync(`/proc/${pid}/status`);
        const before = hasMemory ? residentKib(pid) : 0;
        let peak = before;
        const watch = setInterval(() => {
          if (hasMemory) peak = Math.max(peak, residentKib(pid));
        }, 20);
        try {
          const sent = flood(sender, from === "client");
          // Until nothing moves any more: what is under way is all that may be held anywhere.
          for (let last = -1; last !== sender.socket.bytesWritten;) {
            last = sender.socket.bytesWritten;
            await new Promise((resolve) => setTimeout(resolve, 300));
          }
          assert.ok(sender.socket.bytesWritten < FLOOD_FRAMES * FRAME_BYTES / 2, "it waits");
          assert.ok(peak - before < MAX_GROWTH_KIB, `paused: ${peak - before} KiB`);
          reader.socket.resume();
          assert.equal(await drain(reader), await sent);
        } finally {
          clearInterval(watch);
        }
        client.destroy();
      }),
  );
}
