import assert from "node:assert/strict";
import { test } from "node:test";

import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { forward } from "../../lib/passthrough/forward.ts";
import type { HeaderList, ResponseParts, StreamEnd, Upstream } from "../../lib/ports.ts";
import { makeRoute, makeTarget, SECRET } from "./_provider.ts";

const STARS = "*".repeat(SECRET.length);
const FIELDS = { auth_type: "bearer", auth_key_name: "api_key", redact_response: true } as const;

async function send(upstream: Upstream, init: RequestInit = {}): Promise<Response> {
  const request = new Request("http://localhost/", init);
  const route = makeRoute({ ...FIELDS, max_response_bytes: 0 });
  return await forward({ route, request, target: makeTarget("/x/a") }, { upstream });
}

/** An upstream that answers with these fields, and what became of its answers. */
function answerWith(headers: HeaderList, status = 200) {
  const parts: ResponseParts[] = [];
  let cancelled = 0;
  const upstream: Upstream = () =>
    Promise.resolve({
      status,
      statusText: `Fine ${SECRET}`,
      headers,
      respond(given): Response {
        parts.push(given);
        return new Response(null, { status, statusText: given.statusText });
      },
      cancel: (): void => void cancelled++,
    });
  return { upstream, parts, cancelled: () => cancelled };
}

/** An upstream over a `fetch` that answers with these pieces, the last of which may be a failure. */
function answerPieces(pieces: readonly (string | Error)[], headers: HeadersInit = {}): Upstream {
  const encoder = new TextEncoder();
  return createFetchUpstream(() => {
    const rest = [...pieces];
    const body = new ReadableStream<Uint8Array>({
      pull(controller): void {
        const piece = rest.shift();
        if (piece instanceof Error) controller.error(piece);
        else if (piece === undefined) controller.close();
        else controller.enqueue(encoder.encode(piece));
      },
    });
    return Promise.resolve(new Response(body, { headers }));
  });
}

test("forward() refuses a coding on a route that redacts, and gives the answer up", async () => {
  const codings: HeaderList[] = [
    [["content-encoding", "gzip"]],
    [["content-encoding", "identity, BR"]],
    [["content-encoding", "identity"], ["content-encoding", "zstd"]],
    [["transfer-encoding", "gzip, chunked"]],
  ];
  for (const headers of codings) {
    const { upstream, cancelled } = answerWith(headers);
    await assert.rejects(send(upstream), {
      code: "ERR_UPSTREAM_FAILED",
      reason: "encoded_response",
    });
    assert.equal(cancelled(), 1);
  }
});

test("forward() takes a coding where there is no body to redact", async () => {
  const { upstream, parts } = answerWith([["content-encoding", "gzip"]]);
  assert.equal((await send(upstream, { method: "HEAD" })).status, 200);
  const unchanged = answerWith([["content-encoding", "gzip"]], 304);
  assert.equal((await send(unchanged.upstream)).status, 304);
  assert.equal(parts[0]?.transform, undefined);
});

test("forward() redacts the reason phrase and drops digests, and only there asks for plain bodies", async () => {
  const { upstream, parts } = answerWith([
    ["content-encoding", "identity"],
    ["content-digest", "a"],
    ["repr-digest", "b"],
    ["digest", "c"],
    ["content-md5", "d"],
    ["etag", '"e"'],
  ]);
  assert.equal((await send(upstream)).statusText, "Fine [redacted]");
  assert.deepEqual(parts[0]?.headers, [["content-encoding", "identity"], ["etag", '"e"']]);
  const route = makeRoute({ auth_type: "bearer", auth_key_name: "api_key" });
  const request = new Request("http://localhost/");
  await forward({ route, request, target: makeTarget("/x/a") }, { upstream });
  assert.equal(parts[1]?.transform, undefined);
});

test("forward() redacts a body that streams through fetch", async () => {
  const pieces = ["a ", SECRET.slice(0, 5), SECRET.slice(5), " b ", SECRET.slice(0, 7)];
  const response = await send(answerPieces(pieces));
  assert.equal(await response.text(), `a ${STARS} b ${SECRET.slice(0, 7)}`);
});

test("forward() redacts a body that comes whole through fetch", async () => {
  const text = `<${SECRET}>${SECRET.slice(0, 4)}`;
  const response = await send(answerPieces([text], { "content-length": String(text.length) }));
  assert.equal(await response.text(), `<${STARS}>${SECRET.slice(0, 4)}`);
});

test("forward() drops what it held back when the body breaks off", async () => {
  const upstream = answerPieces(["begun ", SECRET.slice(0, 9), new Error("reset")]);
  const ends: StreamEnd[] = [];
  const request = new Request("http://localhost/");
  const input = { route: makeRoute(FIELDS), request, target: makeTarget("/x/a") };
  const onClose = (end: StreamEnd): void => void ends.push(end);
  const response = await forward({ ...input, onClose }, { upstream });
  const reader = response.body!.getReader();
  const first = await reader.read();
  assert.equal(new TextDecoder().decode(first.value), "begun ");
  await assert.rejects(reader.read());
  assert.equal(ends[0]?.error, "ERR_UPSTREAM_FAILED");
});

test("forward() passes a cancelled reader on to the upstream", async () => {
  let cancelled = false;
  const upstream = createFetchUpstream(() => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(9)),
      cancel: () => void (cancelled = true),
    });
    return Promise.resolve(new Response(body));
  });
  const response = await send(upstream);
  await response.body!.cancel();
  assert.ok(cancelled);
});

test("createRouteTable() refuses a route that redacts and forwards WebSockets", () => {
  assert.throws(() => makeRoute({ ...FIELDS, forward_websockets: true }), { code: "ERR_CONFIG" });
});

test("a redacting route without a secret to look for relays as any other", async () => {
  const { upstream, parts } = answerWith([]);
  const request = new Request("http://localhost/");
  const route = makeRoute({ redact_response: true });
  await forward({ route, request, target: makeTarget("/x/a") }, { upstream });
  assert.equal(parts[0]?.transform, undefined);
});
