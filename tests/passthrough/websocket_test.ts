import assert from "node:assert/strict";
import { test } from "node:test";
import { forward } from "../../lib/passthrough/forward.ts";
import type { PassthroughProvider } from "../../lib/passthrough/route_table.ts";
import { isWebSocketUpgrade } from "../../lib/passthrough/websocket.ts";
import type { HeaderList, ResponseParts, TunnelRequest, UpstreamRequest } from "../../lib/ports.ts";
import { makeRoute, makeTarget, SECRET } from "./_provider.ts";

const HANDSHAKE: HeaderList = [
  ["connection", "keep-alive, Upgrade"],
  ["upgrade", "WebSocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
];

// The runtimes' own `Request` drops some of these names.
function fakeRequest(headers: HeaderList, method = "GET"): Request {
  return { method, headers: new Headers(headers as [string, string][]) } as unknown as Request;
}

function replace(name: string, value?: string): HeaderList {
  const rest = HANDSHAKE.filter((field) => field[0] !== name);
  return value === undefined ? rest : [...rest, [name, value]];
}

test("isWebSocketUpgrade() takes a GET that asks for it and nothing else", () => {
  const cases: readonly (readonly [boolean, string, Request])[] = [
    [true, "as it should be", fakeRequest(HANDSHAKE)],
    [true, "an empty body", fakeRequest([...HANDSHAKE, ["content-length", "0"]])],
    [true, "one of several", fakeRequest(replace("upgrade", "h2c, websocket"))],
    [false, "POST", fakeRequest(HANDSHAKE, "POST")],
    [false, "no upgrade", fakeRequest(replace("upgrade"))],
    [false, "another upgrade", fakeRequest(replace("upgrade", "h2c"))],
    [false, "a longer name", fakeRequest(replace("upgrade", "websocket2"))],
    [false, "no connection", fakeRequest(replace("connection"))],
    [false, "another connection", fakeRequest(replace("connection", "keep-alive"))],
    [false, "a body", fakeRequest([...HANDSHAKE, ["content-length", "1"]])],
    [false, "a chunked body", fakeRequest([...HANDSHAKE, ["transfer-encoding", "chunked"]])],
  ];
  for (const [expected, what, request] of cases) {
    assert.equal(isWebSocketUpgrade(request), expected, what);
  }
});

interface Sent {
  readonly tunnelled: readonly TunnelRequest[];
  readonly plain: readonly UpstreamRequest[];
  readonly answered: HeaderList;
}

async function send(
  parts: Partial<PassthroughProvider>,
  headers: HeaderList,
  answer: { status: number; headers: HeaderList } = { status: 101, headers: [] },
): Promise<Sent> {
  const tunnelled: TunnelRequest[] = [];
  const plain: UpstreamRequest[] = [];
  let answered: HeaderList = [];
  const response = {
    ...answer,
    statusText: "",
    respond: (parts: ResponseParts): Response => {
      answered = parts.headers;
      return new Response(null);
    },
    cancel: (): void => {},
  };
  const route = makeRoute({
    auth_type: "bearer",
    auth_key_name: "api_key",
    forward_websockets: true,
    ...parts,
  });
  const target = makeTarget("/chat/a?key=mine&b=1");
  await forward({ route, request: fakeRequest(headers), target }, {
    tunnel: (request) => {
      tunnelled.push(request);
      return Promise.resolve(response);
    },
    upstream: (request) => {
      plain.push(request);
      return Promise.resolve({ ...response, status: 200 });
    },
  });
  return { tunnelled, plain, answered };
}

test("forward() dials a WebSocket with the route's credential and limits", async () => {
  const { tunnelled, plain } = await send(
    { path_prefix: "/chat", websocket_idle_timeout_seconds: 7, max_message_bytes: 9 },
    [
      ...HANDSHAKE,
      ["authorization", "Bearer mine"],
      ["x-sandbox-signature", "s"],
      ["x-ati-token", "t"],
      ["sec-websocket-protocol", "a, b"],
      ["sec-websocket-extensions", "permessage-deflate"],
      ["sec-websocket-accept", "x"],
      ["content-length", "0"],
      ["origin", "https://a.test"],
    ],
  );
  assert.equal(plain.length, 0);
  const [request] = tunnelled;
  assert.deepEqual([request?.idleMs, request?.maxMessageBytes], [7000, 9]);
  assert.deepEqual(
    new Map(request?.headers),
    new Map([
      ["sec-websocket-protocol", "a, b"],
      ["sec-websocket-extensions", "permessage-deflate"],
      ["origin", "https://a.test"],
      ["authorization", `Bearer ${SECRET}`],
    ]),
  );
});

test("forward() puts a query credential into a WebSocket's URL, in place of the client's", async () => {
  const { tunnelled } = await send(
    { path_prefix: "/chat", auth_type: "query", auth_query_name: "key" },
    HANDSHAKE,
  );
  const url = new URL(tunnelled[0]?.url ?? "");
  assert.deepEqual(url.searchParams.getAll("key"), [SECRET]);
  assert.equal(url.searchParams.get("b"), "1");
});

test("forward() serves an upgrade as an ordinary request where the route has no WebSockets", async () => {
  const { tunnelled, plain } = await send(
    { path_prefix: "/chat", forward_websockets: false },
    HANDSHAKE,
  );
  assert.equal(tunnelled.length, 0);
  const names = plain[0]?.headers.map(([name]) => name) ?? [];
  assert.ok(!names.includes("upgrade") && !names.includes("connection"), String(names));
});

test("forward() refuses a bad handshake before it dials", async () => {
  const version = { code: "ERR_WEBSOCKET_VERSION", reason: "websocket_version" };
  const key = { code: "ERR_BAD_REQUEST", reason: "websocket_key" };
  const parts = { path_prefix: "/chat" };
  await assert.rejects(send(parts, replace("sec-websocket-version")), version);
  await assert.rejects(send(parts, replace("sec-websocket-version", "8")), version);
  await assert.rejects(send(parts, replace("sec-websocket-key")), key);
  await assert.rejects(send(parts, replace("sec-websocket-key", "c2hvcnQ=")), key);
  await assert.rejects(
    send(parts, [...HANDSHAKE, ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="]]),
    key,
  );
});

test("forward() filters the header of a 101 and takes secrets out of it", async () => {
  const { answered } = await send({ path_prefix: "/chat" }, HANDSHAKE, {
    status: 101,
    headers: [
      ["connection", "Upgrade, x-hop"],
      ["upgrade", "websocket"],
      ["x-hop", "1"],
      ["sec-websocket-accept", "x"],
      ["content-length", "5"],
      ["sec-websocket-protocol", "b"],
      ["sec-websocket-extensions", "permessage-deflate"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-echo", `Bearer ${SECRET}`],
    ],
  });
  assert.deepEqual(answered, [
    ["sec-websocket-protocol", "b"],
    ["sec-websocket-extensions", "permessage-deflate"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["x-echo", "Bearer [redacted]"],
  ]);
});
