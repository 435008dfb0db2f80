import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { acceptFor, HANDSHAKE } from "../helpers/websocket_peer.ts";
import type { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { readMessage, RELAYS_FRAMES, TEST_OPTIONS, withBench, WS_SECRET } from "./_websocket.ts";
import type { Bench } from "./_websocket.ts";

async function subtest(
  t: { test(name: string, run: () => Promise<void>): Promise<void> },
  name: string,
  run: () => Promise<void>,
): Promise<void> {
  await t.test(name, run);
}

test(
  "a WebSocket goes through the proxy",
  TEST_OPTIONS,
  (t) =>
    withBench({}, async (bench) => {
      await subtest(t, "with the handshake of each side its own", () => checkHandshake(bench));
      await subtest(t, "with messages of any kind and size", () => checkMessages(bench));
      await subtest(t, "with close codes and reasons, both ways", () => checkCloses(bench));
      await subtest(t, "with permessage-deflate end to end", () => checkDeflate(bench));
      await subtest(t, "with frames that come right behind a handshake", () => checkEarly(bench));
      await subtest(t, "with one line in the log", () => checkRecord(bench));
    }),
);

async function checkHandshake({ open }: Bench): Promise<void> {
  const { dial, handshake, client } = await open({
    authorization: "Bearer of-the-client",
    cookie: "c=1",
    origin: "https://a.test",
    "sec-websocket-protocol": "v1,v2",
    "x-sandbox-signature": "s",
    "x-sandbox-job-id": "j",
    "x-ati-token": "t",
    traceparent: "00-1-2-3",
    "x-hop": "1",
    connection: "Upgrade, x-hop",
  }, {
    "Sec-WebSocket-Protocol": "v2",
    "Set-Cookie": "s=1",
    "X-Echo": `key ${WS_SECRET}`,
    "X-Upstream": "yes",
  });
  const { head } = handshake;
  assert.equal(head.line, "GET /chat HTTP/1.1");
  const sent = new Map(head.fields);
  assert.equal(sent.get("authorization"), `Bearer ${WS_SECRET}`);
  assert.equal(sent.get("cookie"), "c=1");
  assert.equal(sent.get("origin"), "https://a.test");
  assert.deepEqual(head.all("sec-websocket-protocol"), ["v1,v2"]);
  assert.notEqual(sent.get("sec-websocket-key"), HANDSHAKE["sec-websocket-key"]);
  for (const name of ["x-sandbox-signature", "x-sandbox-job-id", "x-ati-token", "x-hop"]) {
    assert.ok(!sent.has(name), name);
  }
  assert.notEqual(sent.get("traceparent"), "00-1-2-3");
  const key = HANDSHAKE["sec-websocket-key"] ?? "";
  assert.deepEqual(dial.head.all("sec-websocket-accept"), [acceptFor(key)]);
  assert.deepEqual(dial.head.all("sec-websocket-protocol"), ["v2"]);
  assert.deepEqual(dial.head.all("set-cookie"), ["s=1"]);
  assert.deepEqual(dial.head.all("x-echo"), ["key [redacted]"]);
  assert.deepEqual(dial.head.all("x-upstream"), ["yes"]);
  assert.equal(dial.head.all("x-ati-request-id").length, 1);
  client.destroy();
}

async function checkMessages({ open }: Bench): Promise<void> {
  const { client, upstream } = await open();
  const big = randomBytes(1024 * 1024);
  for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
    from.send(1, "grüße");
    assert.equal(await to.readText(), "1:grüße");
    from.send(2, new Uint8Array(0));
    assert.equal(await to.readText(), "2:");
    from.send(2, big);
    const whole = await readMessage(to);
    assert.equal(whole.opcode, 2);
    assert.ok(whole.payload.equals(big));
    from.send(1, "a", { fin: false });
    from.send(0, "b", { fin: false });
    from.send(9, "ping between");
    from.send(0, "c");
    if (RELAYS_FRAMES) {
      assert.deepEqual(await readFragmented(to), ["abc", "ping between"]);
      assert.equal(await ask(from, to), "10:pong to it");
    } else {
      assert.equal(await from.readText(), "10:ping between");
      assert.equal(await to.readText(), "1:abc");
    }
  }
  client.destroy();
}

/** A message whose frames have a ping between them; the ping is there once, wherever it went. */
async function readFragmented(peer: WebSocketPeer): Promise<[string, string]> {
  let text = "";
  let ping = "";
  for (;;) {
    const frame = await peer.read();
    assert.ok(frame);
    if (frame.opcode === 9) ping += frame.payload.toString();
    else text += frame.payload.toString();
    if (frame.opcode !== 9 && frame.fin) return [text, ping];
  }
}

async function ask(from: WebSocketPeer, to: WebSocketPeer): Promise<string> {
  from.send(9, "ping");
  assert.equal(await to.readText(), "9:ping");
  to.send(10, "pong to it");
  return await from.readText();
}

async function checkCloses({ open }: Bench): Promise<void> {
  for (const [code, reason] of [[1000, ""], [1001, "away"], [4001, "grüße"]] as const) {
    for (const starts of ["client", "upstream"] as const) {
      const { client, upstream } = await open();
      const [from, to] = starts === "client" ? [client, upstream] : [upstream, client];
      from.sendClose(code, reason);
      assert.equal(await to.readText(), `8:${code}:${reason}`);
      to.sendClose(code, reason);
      assert.equal(await from.readText(), `8:${code}:${reason}`);
      assert.deepEqual([await from.readText(), await to.readText()], ["end", "end"]);
      client.socket.end();
      upstream.socket.end();
      await Promise.all([client.closed, upstream.closed]);
    }
  }
  const { client, upstream } = await open();
  client.send(8, "");
  assert.equal(await upstream.readText(), "8");
  upstream.destroy();
  client.destroy();
}

async function checkDeflate({ open }: Bench): Promise<void> {
  if (!RELAYS_FRAMES) return await checkNoDeflate({ open });
  const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  const { client, upstream, handshake, dial } = await open(
    { "sec-websocket-extensions": "x-other, permessage-deflate; client_max_window_bits" },
    { "Sec-WebSocket-Extensions": agreed },
  );
  assert.deepEqual(handshake.head.all("sec-websocket-extensions"), [
    "permessage-deflate; client_max_window_bits",
  ]);
  assert.deepEqual(dial.head.all("sec-websocket-extensions"), [agreed]);
  const text = "again and ".repeat(1000);
  const deflated = deflateRawSync(Buffer.from(text), { finishFlush: 2 }).subarray(0, -4);
  for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
    from.send(1, deflated, { rsv: 4 });
    const frame = await to.read();
    assert.deepEqual([frame?.opcode, frame?.rsv, frame?.payload.length], [1, 4, deflated.length]);
    const tail = Buffer.from([0, 0, 255, 255]);
    const inflated = inflateRawSync(Buffer.concat([frame?.payload ?? tail, tail]), {
      finishFlush: 2,
    });
    assert.equal(inflated.toString(), text);
  }
  client.destroy();
}

/** Extensions are neither offered nor agreed on. */
async function checkNoDeflate({ open }: Pick<Bench, "open">): Promise<void> {
  const { client, handshake, dial } = await open({
    "sec-websocket-extensions": "permessage-deflate",
  });
  assert.deepEqual(handshake.head.all("sec-websocket-extensions"), []);
  assert.deepEqual(dial.head.all("sec-websocket-extensions"), []);
  client.destroy();
}

async function checkEarly({ open, dial }: Bench): Promise<void> {
  const { peer } = await dial((handshake) => {
    const upstream = handshake.accept();
    upstream.send(1, "first");
    upstream.sendClose(1000, "done");
  });
  assert.equal(await peer.readText(), "1:first");
  assert.equal(await peer.readText(), "8:1000:done");
  peer.sendClose(1000);
  const { client, upstream } = await open();
  client.send(1, "hello");
  assert.equal(await upstream.readText(), "1:hello");
  client.destroy();
}

async function checkRecord({ server, open }: Bench): Promise<void> {
  const before = server.records().filter(({ path }) => path === "/ws/chat").length;
  const { client, upstream } = await open();
  client.send(2, "12345");
  await upstream.read();
  upstream.sendClose(4000, "x");
  await client.read();
  client.sendClose(4000);
  await Promise.all([client.closed, upstream.closed]);
  const deadline = Date.now() + 10_000;
  for (;;) {
    const record = server.records().filter(({ path }) => path === "/ws/chat")
      .find(({ close_code }) => close_code === 4000);
    if (record !== undefined) {
      const { status, route, aborted, stream_error } = record;
      assert.deepEqual({ status, route, aborted, stream_error }, {
        status: 101,
        route: "ws",
        aborted: undefined,
        stream_error: undefined,
      });
      assert.ok(Number(record["bytes_received"]) >= 5 && Number(record["bytes_sent"]) >= 3);
      break;
    }
    assert.ok(Date.now() < deadline, `no record after ${before}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(!server.output().includes(WS_SECRET));
}
