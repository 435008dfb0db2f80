import assert from "node:assert/strict";
import { test } from "node:test";
import { RUNTIME } from "../runtime/_program.ts";
import { connectRaw, isComplete, statusOf } from "../runtime/_raw.ts";
import type { PeerDial, PeerHandshake } from "../helpers/websocket_peer.ts";
import { RELAYS_FRAMES, TEST_OPTIONS, withBench, WS_SECRET } from "./_websocket.ts";
import type { Bench } from "./_websocket.ts";

function never({ socket }: PeerHandshake): void {
  socket.destroy();
}

async function assertRefused(dial: PeerDial, status: number, reason: string): Promise<void> {
  const body = await dial.body();
  assert.equal(dial.status, status, body);
  assert.equal(JSON.parse(body).reason, reason);
}

test(
  "an upstream's own answer reaches the client whole",
  TEST_OPTIONS,
  (t) =>
    withBench({}, async ({ dial, record }) => {
      for (const status of [200, 401, 404, 500]) {
        await t.test(String(status), async () => {
          const body = `${status} `.repeat(500_000);
          const dialled = await dial((handshake) => handshake.refuse(status, body));
          assert.equal(dialled.status, status);
          assert.deepEqual(dialled.head.all("x-why"), ["test"]);
          assert.equal(await dialled.body(), body);
        });
      }
      const { status, bytes_sent } = await record("/ws/chat", 2);
      assert.deepEqual([status, bytes_sent], [401, 2_000_000]);
    }),
);

test(
  "an upstream that fails is answered for before the 101",
  TEST_OPTIONS,
  (t) =>
    withBench({ manifest: "read_timeout_seconds = 1" }, async ({ dial, upstream }) => {
      const failures: readonly (readonly [string, (handshake: PeerHandshake) => void])[] = [
        ["hangs up", never],
        ["resets", ({ socket }) => socket.resetAndDestroy()],
        ["says nothing of HTTP", ({ socket }) => socket.end("SSH-2.0-x\r\n")],
        ["breaks off in its head", ({ socket }) => socket.end("HTTP/1.1 101 Switching\r\nupgr")],
        ["accepts another key", ({ socket }) => {
          socket.write(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          );
        }],
        ["picks a subprotocol", (handshake) => {
          handshake.accept({ "Sec-WebSocket-Protocol": "v9" });
        }],
        ["picks an extension", (handshake) => {
          handshake.accept({ "Sec-WebSocket-Extensions": "permessage-deflate" });
        }],
      ];
      for (const [what, fail] of failures) {
        await t.test(what, async () => {
          await assertRefused(await dial(fail), 502, "upstream_failed");
        });
      }
      await t.test("is deaf", async () => {
        await assertRefused(await dial(() => {}), 504, "upstream_timeout");
      });
      await t.test("sends its head drop by drop", async () => {
        const dialled = await dial(({ socket }) => {
          const timer = setInterval(() => socket.write("x"), 100);
          socket.write("HTTP/1.1 101 ");
          socket.once("close", () => clearInterval(timer));
        });
        await assertRefused(dialled, 504, "upstream_timeout");
      });
      await t.test("is gone", async () => {
        await upstream.close();
        await assertRefused(await dial(never), 502, "upstream_unreachable");
      });
    }),
);

test("nothing is dialled for a handshake that is refused", TEST_OPTIONS, (t) =>
  withBench({
    manifest: 'deny_paths = ["/secret/*"]\nallow_methods = ["GET"]',
  }, async ({ dial, upstream }) => {
    await t.test("a denied path", async () => {
      const dialled = await dial(never, {}, "/ws/secret/a");
      await assertRefused(dialled, 403, "path_denied");
      // Elsewhere the connection goes on serving requests.
      assert.deepEqual(dialled.head.all("connection"), RELAYS_FRAMES ? ["close"] : []);
    });
    await t.test("an ambiguous path", async () => {
      await assertRefused(await dial(never, {}, "/ws/a%2fb"), 400, "invalid_path");
    });
    await t.test("another version", async () => {
      const dialled = await dial(never, { "sec-websocket-version": "8" });
      await assertRefused(dialled, 426, "websocket_version");
      assert.deepEqual(dialled.head.all("sec-websocket-version"), ["13"]);
      assert.deepEqual(dialled.head.all("upgrade"), ["websocket"]);
    });
    await t.test("no key", async () => {
      const dialled = await dial(never, { "sec-websocket-key": undefined });
      await assertRefused(dialled, 400, "websocket_key");
    });
    // The servers of Deno and Bun decide that by themselves.
    await t.test("no host", { skip: !RELAYS_FRAMES }, async () => {
      const dialled = await dial(never, { host: undefined });
      await assertRefused(dialled, 400, "invalid_host");
    });
    await t.test("no route", async () => {
      assert.equal((await dial(never, {}, "/elsewhere")).status, 404);
    });
    assert.equal(upstream.count(), 0);
  }));

test(
  "a missing credential is 503, before the dial",
  TEST_OPTIONS,
  () =>
    withBench({ credentials: "{}" }, async ({ dial, upstream }) => {
      await assertRefused(await dial(never), 503, "credential_missing");
      assert.equal(upstream.count(), 0);
    }),
);

test("enforce mode refuses an unsigned handshake", TEST_OPTIONS, () => {
  const secret = "0011223344556677";
  const credentials = JSON.stringify({ ws_key: WS_SECRET, sandbox_signing_shared_secret: secret });
  return withBench({ env: { ATI_SIG_VERIFY_MODE: "enforce" }, credentials }, async (bench) => {
    await assertRefused(await bench.dial(never), 403, "missing_signature");
    assert.equal(bench.upstream.count(), 0);
  });
});

test("a query credential replaces the client's own", TEST_OPTIONS, () => {
  return withBench({ auth: 'auth_type = "query"\nauth_query_name = "key"' }, async ({ dial }) => {
    let line = "";
    const dialled = await dial(
      (handshake) => {
        line = handshake.head.line;
        handshake.accept();
      },
      { authorization: "Bearer mine" },
      "/ws/chat?key=mine&a=%2F1",
    );
    assert.equal(dialled.status, 101);
    assert.equal(line, `GET /chat?a=%2F1&key=${WS_SECRET} HTTP/1.1`);
    dialled.peer.destroy();
  });
});

test(
  "a route without WebSockets serves the handshake as an ordinary request",
  TEST_OPTIONS,
  () =>
    withBench({ forwards: false }, async ({ dial }) => {
      let names: string[] = [];
      const dialled = await dial((handshake) => {
        names = handshake.head.fields.map(([name]) => name);
        handshake.refuse(200, "plain");
      });
      assert.deepEqual([dialled.status, await dialled.body()], [200, "plain"]);
      assert.ok(!names.includes("upgrade"), String(names));
    }),
);

test(
  "any other Upgrade is an ordinary request, with its body",
  TEST_OPTIONS,
  (t) =>
    withBench({}, async (bench) => {
      const requests: readonly (readonly [string, string, AnswersElsewhere?])[] = [
        ["h2c", "GET /ws/a HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"],
        [
          "h2c with a body",
          "POST /ws/a HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" +
          "Content-Length: 5\r\n",
          // Deno's server itself.
          { deno: 400 },
        ],
        [
          "a handshake with a body",
          "GET /ws/a HTTP/1.1\r\nUpgrade: websocket\r\n" +
          "Connection: Upgrade\r\nContent-Length: 5\r\n",
          // Bodies of a GET are hidden from the proxy.
          { deno: 400, bun: 400 },
        ],
        [
          "HTTP/1.0",
          "GET /ws/a HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
          // The version is hidden too; this is a handshake without its fields.
          { deno: 426, bun: 426 },
        ],
      ];
      for (const [what, head, elsewhere = {}] of requests) {
        const status = RUNTIME === "node" ? 200 : elsewhere[RUNTIME] ?? 200;
        await t.test(what, () => checkOrdinary(bench, head, status));
      }
    }),
);

/** Statuses where the answer is not the upstream's. */
type AnswersElsewhere = Readonly<Partial<Record<"deno" | "bun", number>>>;

async function checkOrdinary(
  { dial, server }: Bench,
  head: string,
  status: number,
): Promise<void> {
  let got = "";
  const hasBody = head.includes("Content-Length");
  // Sets what the upstream does; this dial itself is one such request.
  const first = await dial((handshake) => {
    got = handshake.rest.toString();
    const finish = (): void => handshake.refuse(200, `got ${got}`);
    if (!hasBody || got !== "" || !handshake.head.line.endsWith("/a HTTP/1.1")) return finish();
    handshake.socket.on("data", (chunk: Uint8Array) => {
      got += String(chunk);
      finish();
    }).resume();
  });
  assert.equal(first.status, 200);
  const connection = await connectRaw(server.port);
  connection.socket.write(`${head}Host: a.test\r\n\r\n${hasBody ? "hello" : ""}`);
  const answer = await connection.until(isComplete);
  assert.equal(statusOf(answer), status, answer);
  if (status === 200) assert.ok(answer.includes(hasBody ? "got hello" : "got "), answer);
  connection.socket.destroy();
}

test(
  "a handshake behind an unanswered request does not end the server",
  TEST_OPTIONS,
  () =>
    withBench({}, async ({ dial, server }) => {
      await dial((handshake) => handshake.refuse(200, ""));
      const connection = await connectRaw(server.port);
      const handshake = "Host: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
      connection.socket.write(
        `GET /ws/a HTTP/1.1\r\nHost: a.test\r\n\r\nGET /ws/b HTTP/1.1\r\n${handshake}`,
      );
      // Deno waits with it, and then serves it.
      if (RUNTIME !== "deno") await connection.closed;
      assert.equal((await server.get("/health")).status, 200);
      connection.socket.destroy();
    }),
);

test(
  "a client that goes away ends the dial",
  TEST_OPTIONS,
  () =>
    withBench({}, async ({ dial, server, record }) => {
      let hungUp: Promise<void> | undefined;
      const seen = new Promise<void>((resolve) => {
        void dial(
          ({ socket }) => {
            hungUp = new Promise((gone) => socket.once("close", () => gone()));
            socket.resume();
            resolve();
          },
          {},
          "/ws/first",
        ).catch(() => {/* it is this dial that ends with the server */});
      });
      await seen;
      const connection = await connectRaw(server.port);
      connection.socket.write(
        "GET /ws/gone HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      const before = hungUp;
      while (hungUp === before) await new Promise((resolve) => setTimeout(resolve, 5));
      connection.socket.destroy();
      await hungUp;
      const { status, error_code } = await record("/ws/gone");
      assert.deepEqual([status, error_code], [499, "ERR_CLIENT_ABORTED"]);
    }),
);
