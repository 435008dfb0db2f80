import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { makeFrame } from "../helpers/websocket_peer.ts";
import { RUNTIME } from "../runtime/_program.ts";
import { RELAYS_FRAMES, TEST_OPTIONS, withBench } from "./_websocket.ts";
import type { Bench, Ends } from "./_websocket.ts";

/** Waits for both to be gone, answering the close frames they are sent. */
async function closeBoth({ client, upstream }: Ends): Promise<[string, string]> {
  const texts = await Promise.all([client, upstream].map(async (peer) => {
    const text = await peer.readText();
    if (text.startsWith("8")) peer.sendClose(1000);
    else peer.socket.end();
    await peer.closed;
    return text;
  }));
  return texts as [string, string];
}

const CLIENT_LEFT = "8:1001:client went away";

/** That both heard of what `from` did; a client that its runtime's server cut off has just left. */
function assertClosed(
  [client, upstream]: [string, string],
  from: "client" | "upstream",
  close: string,
): void {
  const isOurs = from === "upstream" || RELAYS_FRAMES;
  if (isOurs) assert.equal(client, close);
  assert.equal(upstream, isOurs ? close : CLIENT_LEFT);
}

test(
  "a message beyond max_message_bytes closes both sides with 1009",
  TEST_OPTIONS,
  (t) =>
    withBench({ manifest: "max_message_bytes = 1000" }, async (bench) => {
      const oversized: Readonly<Record<string, readonly Buffer[]>> = {
        "in one frame": [Buffer.alloc(1001)],
        "over its fragments": [Buffer.alloc(600), Buffer.alloc(401)],
      };
      let count = 0;
      for (const [what, pieces] of Object.entries(oversized)) {
        for (const from of ["client", "upstream"] as const) {
          await t.test(`${what}, from the ${from}`, async () => {
            const ends = await bench.open();
            const other = from === "client" ? ends.upstream : ends.client;
            ends[from].send(2, Buffer.alloc(1000));
            assert.equal((await other.read())?.payload.length, 1000);
            pieces.forEach((piece, index) => {
              ends[from].send(index === 0 ? 2 : 0, piece, { fin: index === pieces.length - 1 });
            });
            if (pieces.length > 1 && RELAYS_FRAMES) {
              assert.equal((await other.read())?.payload.length, 600);
            }
            const close = `8:1009:${from}: message too big`;
            assert.deepEqual(await closeBoth(ends), [close, close]);
            const { close_code, stream_error } = await bench.record("/ws/chat", ++count);
            const error = from === "client" ? "ERR_REQUEST_TOO_LARGE" : "ERR_RESPONSE_TOO_LARGE";
            assert.deepEqual([close_code, stream_error], [1009, error]);
          });
        }
      }
      await t.test("announced with a length that nobody can count", async () => {
        const ends = await bench.open();
        ends.client.socket.write(Buffer.from("82ff" + "f".repeat(16) + "00000000", "hex"));
        assertClosed(await closeBoth(ends), "client", "8:1009:client: message too big");
      });
    }),
);

test(
  "frames that break the protocol close both sides with 1002",
  TEST_OPTIONS,
  (t) =>
    withBench({}, async (bench) => {
      const broken: Readonly<Record<string, (masked: boolean) => Buffer>> = {
        "unknown opcode": (mask) => makeFrame(3, Buffer.from("x"), { mask }),
        "reserved bit": (mask) => makeFrame(1, Buffer.from("x"), { mask, rsv: 4 }),
        masking: (mask) => makeFrame(1, Buffer.from("x"), { mask: !mask }),
        "control frame": (mask) => makeFrame(9, Buffer.alloc(126), { mask }),
        "order of fragments": (mask) => makeFrame(0, Buffer.from("x"), { mask }),
        "close code": (mask) => makeFrame(8, Buffer.from([3, 237]), { mask }),
      };
      for (const [reason, make] of Object.entries(broken)) {
        for (const from of ["client", "upstream"] as const) {
          // Deno's server takes frames that are not masked.
          if (RUNTIME === "deno" && from === "client" && reason === "masking") continue;
          await t.test(`${reason}, from the ${from}`, async () => {
            const ends = await bench.open();
            ends[from].socket.write(make(from === "client"));
            assertClosed(await closeBoth(ends), from, `8:1002:${from}: ${reason}`);
          });
        }
      }
      await t.test("garbage", async () => {
        const ends = await bench.open();
        ends.client.socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        const texts = await closeBoth(ends);
        const expected = RELAYS_FRAMES ? "8:1002:client: " : CLIENT_LEFT;
        assert.ok(texts[1].startsWith(expected), String(texts));
      });
      assert.equal((await bench.server.get("/health")).status, 200);
    }),
);

test(
  "silence beyond websocket_idle_timeout_seconds closes both sides",
  TEST_OPTIONS,
  () =>
    withBench({ manifest: "websocket_idle_timeout_seconds = 1" }, async (bench) => {
      const ends = await bench.open();
      for (let count = 0; count < 3; count++) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        ends.upstream.send(9, "");
        if (RELAYS_FRAMES) assert.equal(await ends.client.readText(), "9:");
        else assert.equal(await ends.upstream.readText(), "10:");
      }
      const started = performance.now();
      assert.deepEqual(await closeBoth(ends), ["8:1001:idle timeout", "8:1001:idle timeout"]);
      assert.ok(performance.now() - started > 500);
      const { close_code, stream_error } = await bench.record();
      assert.deepEqual([close_code, stream_error], [1001, "ERR_UPSTREAM_TIMEOUT"]);
    }),
);

test(
  "a side that breaks off is told to the other one",
  TEST_OPTIONS,
  (t) =>
    withBench({}, async (bench) => {
      let count = 0;
      const check = (
        what: string,
        breakOff: (ends: Ends) => void,
        expected: { heard: "client" | "upstream"; text: string; code: number; error: string },
      ): Promise<void> =>
        t.test(what, async () => {
          const ends = await bench.open();
          breakOff(ends);
          const listener = ends[expected.heard];
          const texts: string[] = [];
          do texts.push(await listener.readText()); while (texts.at(-1)?.startsWith("1:"));
          assert.equal(texts.at(-1), expected.text);
          listener.socket.end();
          await Promise.all([ends.client.closed, ends.upstream.closed]);
          const { close_code, stream_error } = await bench.record("/ws/chat", ++count);
          assert.deepEqual([close_code, stream_error], [expected.code, expected.error]);
        });
      const lost = {
        heard: "client",
        text: "8:1011:upstream went away",
        code: 1011,
        error: "ERR_UPSTREAM_FAILED",
      } as const;
      const left = {
        heard: "upstream",
        text: CLIENT_LEFT,
        code: 1001,
        error: "ERR_CLIENT_ABORTED",
      } as const;
      const half = Buffer.from("827e0100616263", "hex");
      const maskedHalf = Buffer.from("82fe010000000000616263", "hex");
      await check("upstream ends", ({ upstream }) => upstream.socket.end(), lost);
      await check("upstream resets", ({ upstream }) => upstream.socket.resetAndDestroy(), lost);
      await check("client ends", ({ client }) => client.socket.end(), left);
      await check("client resets", ({ client }) => client.socket.resetAndDestroy(), left);
      await check("upstream ends between fragments", ({ upstream }) => {
        upstream.send(1, "a", { fin: false });
        upstream.socket.end();
      }, lost);
      await check("upstream ends inside a head", ({ upstream }) => {
        upstream.socket.end(half.subarray(0, 3));
      }, lost);
      await check("upstream ends inside a frame", ({ upstream }) => upstream.socket.end(half), {
        ...lost,
        text: RELAYS_FRAMES ? "end" : lost.text,
      });
      await check("client ends inside a frame", ({ client }) => client.socket.end(maskedHalf), {
        ...left,
        text: RELAYS_FRAMES ? "end" : left.text,
      });
      assert.equal((await bench.server.get("/health")).status, 200);
    }),
);

test(
  "a WebSocket takes one of max_concurrent_requests until it is gone",
  TEST_OPTIONS,
  () =>
    withBench({ manifest: "max_concurrent_requests = 1" }, async ({ open, dial, record }) => {
      const ends = await open();
      const second = await dial(({ socket }) => socket.destroy(), {}, "/ws/second");
      assert.deepEqual([second.status, second.head.all("retry-after")], [503, ["1"]]);
      ends.client.sendClose(1000);
      await closeBoth(ends);
      await record();
      const third = await open();
      third.client.destroy();
    }),
);

test(
  "a close that nobody answers ends after a while",
  TEST_OPTIONS,
  () =>
    withBench({}, async (bench) => {
      const { client, upstream } = await bench.open();
      client.sendClose(1000, "bye");
      assert.equal(await upstream.readText(), "8:1000:bye");
      const started = performance.now();
      await Promise.all([client.closed, upstream.closed]);
      const waited = performance.now() - started;
      assert.ok(waited > 3000 && waited < 15_000, String(waited));
      assert.equal((await bench.record())["close_code"], 1000);
    }),
);

test(
  "50 WebSockets survive a reload; SIGTERM closes them with 1001",
  TEST_OPTIONS,
  () =>
    withBench({}, async (bench) => {
      const { server, open } = bench;
      const all: Ends[] = [];
      for (let count = 0; count < 50; count++) all.push(await open());
      process.kill(server.child.pid!, "SIGHUP");
      await server.waitFor("reloaded");
      for (const { client, upstream } of all) {
        client.send(1, "still");
        assert.equal(await upstream.readText(), "1:still");
        upstream.send(1, "here");
        assert.equal(await client.readText(), "1:here");
      }
      process.kill(server.child.pid!, "SIGTERM");
      await server.waitFor("draining: no new connections");
      // Deno's server gives WebSockets no grace.
      if (RUNTIME !== "deno") {
        all[0]?.client.send(1, "while draining");
        assert.equal(await all[0]?.upstream.readText(), "1:while draining");
        process.kill(server.child.pid!, "SIGTERM");
      }
      const texts = (await Promise.all(all.map(closeBoth))).flat();
      assert.deepEqual(new Set(texts), new Set(["8:1001:going away"]));
      assert.equal(await server.exited, 0, server.output());
      await checkRecords(bench);
    }),
);

async function checkRecords({ server }: Bench): Promise<void> {
  const codes = server.records().filter(({ path }) => path === "/ws/chat")
    .map(({ close_code }) => close_code);
  assert.deepEqual([codes.length, new Set(codes)], [50, new Set([1001])]);
  await Promise.resolve();
}
