import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SIGNED_BODY_BYTES, SMALL_BODY_BYTES } from "../../lib/limits.ts";
import { createBodyRoom } from "../../lib/proxy/body_room.ts";
import { readSignedBody } from "../../lib/proxy/signed_body.ts";

const ABORTED = { code: "ERR_CLIENT_ABORTED" };

interface Source {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
}

function requestOf({ method = "POST", headers = {}, body }: Source): Request {
  const init = { method, headers, body: body ?? null, duplex: "half" };
  return new Request("http://proxy.test/a", init as RequestInit);
}

/** Gives these pieces, then nothing more, for ever. */
function stalled(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller): Promise<void> | void {
      const next = left.shift();
      if (next === undefined) return new Promise(() => {});
      controller.enqueue(next);
    },
  });
}

test("readSignedBody() reads nothing where there is no body", () => {
  for (const method of ["GET", "HEAD", "DELETE", "POST"]) {
    assert.deepEqual(readSignedBody(requestOf({ method })), { kind: "none" }, method);
  }
  const headers = { "content-length": "0" };
  assert.deepEqual(readSignedBody(requestOf({ headers })), { kind: "none" });
});

test("readSignedBody() reads declared lengths below, at and above what is read in one go", async () => {
  for (const size of [1, SMALL_BODY_BYTES, SMALL_BODY_BYTES + 1]) {
    const body = new Uint8Array(size).fill(size % 251);
    const headers = { "content-length": String(size) };
    const read = await readSignedBody(requestOf({ headers, body }));
    assert.deepEqual(read, { kind: "whole", body });
  }
});

test("readSignedBody() holds a body in many small pieces in one buffer", async () => {
  const size = 3 * SMALL_BODY_BYTES + 1;
  let left = size;
  const body = new ReadableStream<Uint8Array>({
    pull(controller): void {
      if (left === 0) return controller.close();
      const length = Math.min(left, 1000);
      controller.enqueue(new Uint8Array(length).fill(left % 251));
      left -= length;
    },
  });
  const read = await readSignedBody(requestOf({ body }));
  assert.equal(read.kind, "whole");
  assert.equal(read.body.length, size);
  assert.equal(read.body[0], size % 251);
});

test("readSignedBody() does not begin to read what is declared too large", () => {
  const headers = { "content-length": String(MAX_SIGNED_BODY_BYTES + 1) };
  const request = requestOf({ headers, body: stalled() });
  assert.deepEqual(readSignedBody(request), { kind: "too_large" });
  assert.equal(request.bodyUsed, false);
});

test("readSignedBody() hands on unread, or as a stream, what there is no room for", async () => {
  const small = requestOf({ headers: { "content-length": "4" }, body: "abcd" });
  const { lease } = createBodyRoom(3);
  assert.deepEqual(await readSignedBody(small, { lease: lease() }), { kind: "no_room" });
  assert.equal(await small.text(), "abcd");

  const pieces = [new Uint8Array([97, 98]), new Uint8Array([99, 100]), new Uint8Array([101])];
  const body = new ReadableStream<Uint8Array>({
    pull(controller): void {
      const next = pieces.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
  const read = await readSignedBody(requestOf({ body }), { lease: lease() });
  assert.equal(read.kind, "no_room");
  assert.equal(await new Response(read.body as BodyInit).text(), "abcde");
});

test("readSignedBody() takes no room for what is only announced", async () => {
  const room = createBodyRoom(8);
  const headers = { "content-length": String(MAX_SIGNED_BODY_BYTES) };
  const piece = new Uint8Array(8);
  const source = { headers, body: stalled(piece) };
  const reading = readSignedBody(requestOf(source), { idleMs: 200, lease: room.lease() });
  await assert.rejects(async () => await reading, ABORTED);
});

test("readSignedBody() gives up on a client that falls silent", async () => {
  const piece = new Uint8Array([1]);
  const cases: readonly Source[] = [
    { headers: { "content-length": "2" }, body: stalled(piece) },
    { headers: { "content-length": String(SMALL_BODY_BYTES + 1) }, body: stalled(piece) },
    { headers: { "transfer-encoding": "chunked" }, body: stalled() },
    { body: stalled(piece, piece) },
  ];
  for (const source of cases) {
    await assert.rejects(
      async () => await readSignedBody(requestOf(source), { idleMs: 20 }),
      ABORTED,
    );
  }
});

test("readSignedBody() waits for a slow client as long as something comes", async () => {
  let left = 5;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 80));
      if (left-- === 0) controller.close();
      else controller.enqueue(new Uint8Array([left]));
    },
  });
  const read = await readSignedBody(requestOf({ body }), { idleMs: 400 });
  assert.deepEqual(read, { kind: "whole", body: new Uint8Array([4, 3, 2, 1, 0]) });
});
