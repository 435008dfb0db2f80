import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TunnelRequest } from "../../lib/ports.ts";
import { dialWebSocket } from "../../lib/runtime/websocket_dial.ts";
import type { DialResult } from "../../lib/runtime/websocket_dial.ts";
import { startPeerUpstream, WebSocketPeer } from "../helpers/websocket_peer.ts";
import type { PeerHandshake } from "../helpers/websocket_peer.ts";
import type { Socket } from "node:net";

const DEADLINES = { connectMs: 2000, headersMs: 2000, idleMs: 2000, totalMs: 0 };

function request(url: string, parts: Partial<TunnelRequest> = {}): TunnelRequest {
  return {
    url,
    headers: [],
    incoming: new Request("http://proxy.test/"),
    deadlines: DEADLINES,
    idleMs: 0,
    maxMessageBytes: 0,
    maxResponseBytes: 0,
    ...parts,
  };
}

async function dial(
  onHandshake: (handshake: PeerHandshake) => void,
  use: (result: DialResult) => Promise<void>,
  parts: Partial<TunnelRequest> = {},
): Promise<void> {
  const upstream = await startPeerUpstream(onHandshake);
  try {
    await use(await dialWebSocket(request(`${upstream.url}/chat?a=%2f`, parts)));
  } finally {
    await upstream.close();
  }
}

test("dialWebSocket() sends the handshake and gives the open connection", async () => {
  let got: PeerHandshake | undefined;
  await dial(
    (handshake) => {
      got = handshake;
      const peer = handshake.accept({ "Sec-WebSocket-Protocol": "b", "Set-Cookie": "a=1" });
      peer.send(1, "hello");
      void peer.read().then((frame) => peer.send(2, frame?.payload ?? ""));
    },
    async (result) => {
      assert.ok(result.kind === "open");
      const client = new WebSocketPeer(result.socket as Socket, true, result.head as never);
      assert.equal(await client.readText(), "1:hello");
      client.send(2, "back");
      assert.equal(await client.readText(), "2:back");
      client.destroy();
      assert.deepEqual(result.headers.find(([name]) => name === "set-cookie"), [
        "set-cookie",
        "a=1",
      ]);
      assert.deepEqual(got?.head.all("sec-websocket-key"), [result.key]);
    },
    {
      headers: [["x-a", "1"], ["x-a", "2"], ["sec-websocket-protocol", "a,b"]],
      host: "other.test",
    },
  );
  assert.equal(got?.head.line, "GET /chat?a=%2f HTTP/1.1");
  assert.deepEqual(got?.head.all("host"), ["other.test"]);
  assert.deepEqual(got?.head.all("upgrade"), ["websocket"]);
  assert.match(got?.head.all("connection").join() ?? "", /^upgrade$/i);
  assert.deepEqual(got?.head.all("sec-websocket-version"), ["13"]);
  assert.equal(got?.head.all("x-a").join(), "1,2");
  assert.deepEqual(got?.head.all("sec-websocket-protocol"), ["a,b"]);
});

test("dialWebSocket() gives any other answer as an ordinary one", async () => {
  await dial((handshake) => handshake.refuse(401, "no entry"), async (result) => {
    assert.ok(result.kind === "answer");
    const { response } = result;
    assert.equal(response.status, 401);
    assert.deepEqual(response.headers.find(([name]) => name === "x-why"), ["x-why", "test"]);
    let end: unknown;
    const answer = response.respond({
      status: response.status,
      statusText: "",
      headers: [],
      onClose: (closed) => end = closed,
    });
    assert.equal(await answer.text(), "no entry");
    assert.deepEqual(end, { bytesSent: 8, bytesReceived: 0, error: undefined });
  });
});

const BAD_ANSWERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "a subprotocol nobody offered": { "Sec-WebSocket-Protocol": "c" },
  "two subprotocols": { "Sec-WebSocket-Protocol": "a, b" },
  "an extension nobody offered": { "Sec-WebSocket-Extensions": "x-rot13" },
  "a second accept": { "sec-websocket-accept": "AAAA" },
};

for (const [what, fields] of Object.entries(BAD_ANSWERS)) {
  test(`dialWebSocket() fails on a 101 with ${what}`, async () => {
    const headers = [["sec-websocket-protocol", "a, b"], [
      "sec-websocket-extensions",
      "permessage-deflate; client_max_window_bits",
    ]] as const;
    await assert.rejects(
      dial((handshake) => handshake.accept(fields), () => Promise.resolve(), { headers }),
      { code: "ERR_UPSTREAM_FAILED", reason: "handshake" },
    );
  });
}

test("dialWebSocket() fails on a 101 with a wrong accept", async () => {
  const answer = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  await assert.rejects(
    dial(({ socket }) => socket.write(answer), () => Promise.resolve()),
    { code: "ERR_UPSTREAM_FAILED", reason: "handshake" },
  );
});

test("dialWebSocket() fails when the upstream hangs up", async () => {
  await assert.rejects(
    dial(({ socket }) => socket.destroy(), () => Promise.resolve()),
    { code: "ERR_UPSTREAM_FAILED" },
  );
});

test("dialWebSocket() fails when the upstream is deaf", async () => {
  await assert.rejects(
    dial(() => {}, () => Promise.resolve(), { deadlines: { ...DEADLINES, headersMs: 50 } }),
    { code: "ERR_UPSTREAM_TIMEOUT", reason: "headers" },
  );
});

test("dialWebSocket() fails when nobody listens", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(dialWebSocket(request(`http://127.0.0.1:${port}/`)), {
    code: "ERR_UPSTREAM_CONNECT",
    reason: "refused",
  });
});

test("dialWebSocket() gives up when the client goes away", async () => {
  const abort = new AbortController();
  const incoming = new Request("http://proxy.test/", { signal: abort.signal });
  let hungUp: Promise<void> | undefined;
  await assert.rejects(
    dial(
      ({ socket }) => {
        hungUp = new Promise((resolve) => socket.once("close", () => resolve()));
        socket.resume();
        abort.abort();
      },
      () => Promise.resolve(),
      { incoming },
    ),
    { code: "ERR_CLIENT_ABORTED" },
  );
  await hungUp;
});
