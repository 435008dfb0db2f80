/** Request bodies that are read before the upstream is called. @module */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { SMALL_BODY_BYTES } from "../../lib/limits.ts";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import type { StreamEnd, UpstreamRequest } from "../../lib/ports.ts";
import { connectRaw, isComplete, statusOf } from "../runtime/_raw.ts";
import { startUpstream, withGateway } from "../runtime/_gateway.ts";
import { makeStreamedRequest, makeUpstreamRequest, NO_DEADLINES } from "./_origin.ts";

const OPTIONS = { timeout: 30_000 } as const;
const PIECE_BYTES = 4096;

/** A body of so many bytes, no two pieces alike. */
function fill(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index + (index >> 8)) & 0xff);
}

function* cut(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.slice(at, at + PIECE_BYTES);
}

/** A body that begins and does not go on. */
async function* stall(
  atEnd: Promise<never> = new Promise(() => {}),
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield fill(10);
  yield await atEnd;
}

interface Sent {
  readonly body: BodyInit | null | undefined;
  readonly signal: AbortSignal | null | undefined;
}

/** An upstream over a `fetch` that answers at once and keeps what it was given. */
function createUpstream(): {
  call(length: number, parts: Partial<UpstreamRequest>): Promise<StreamEnd>;
  readonly sent: Sent[];
} {
  const sent: Sent[] = [];
  const upstream = createFetchUpstream((_input, { body, signal } = {}) => {
    sent.push({ body, signal });
    return Promise.resolve(new Response(null, { status: 204 }));
  }, { holdsSmallBodies: true });
  return {
    sent,
    async call(length, parts): Promise<StreamEnd> {
      const headers = [["content-length", String(length)]] as const;
      const answer = await upstream(
        makeUpstreamRequest("http://127.0.0.1/", { method: "POST", headers, ...parts }),
      );
      return await new Promise((onClose) => {
        answer.respond({ status: 204, statusText: "", headers: [], onClose });
      });
    },
  };
}

describe("createFetchUpstream() that holds small bodies", OPTIONS, () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    test(`hands a ${method} of up to 64 KiB over whole, a longer one as it comes`, async () => {
      const { call, sent } = createUpstream();
      for (const length of [1, PIECE_BYTES + 1, SMALL_BODY_BYTES]) {
        const bytes = fill(length);
        const end = await call(length, {
          method,
          incoming: makeStreamedRequest(cut(bytes), { method }),
        });
        assert.deepEqual(sent.at(-1)?.body, bytes);
        assert.deepEqual([end.bytesReceived, end.error], [length, undefined]);
      }
      const length = SMALL_BODY_BYTES + 1;
      const incoming = makeStreamedRequest(cut(fill(length)), { method });
      await call(length, { method, incoming });
      assert.ok(sent.at(-1)?.body instanceof ReadableStream);
    });
  }

  test("leaves a body beyond the limit, of length 0 or of no length to the stream", async () => {
    const { call, sent } = createUpstream();
    const incoming = (): Request => makeStreamedRequest(cut(fill(100)));
    await call(100, { incoming: incoming(), maxRequestBytes: 99 });
    await call(0, { incoming: incoming() });
    await call(Number.NaN, { incoming: incoming() });
    for (const { body } of sent) assert.ok(body instanceof ReadableStream);
    await call(100, { incoming: incoming(), maxRequestBytes: 100 });
    assert.deepEqual(sent.at(-1)?.body, fill(100));
  });

  test("reads nothing where somebody has read the body already", async () => {
    const { call, sent } = createUpstream();
    const incoming = makeStreamedRequest(stall());
    await call(3, { incoming, body: fill(3) });
    assert.deepEqual(sent[0]?.body, fill(3));
    assert.equal(incoming.bodyUsed, false);
  });

  test("ends a body that stalls with its deadline, and calls nobody", async () => {
    for (const stage of ["headers", "total"] as const) {
      const { call, sent } = createUpstream();
      const deadlines = { ...NO_DEADLINES, [`${stage}Ms`]: 30 };
      await assert.rejects(call(100, { incoming: makeStreamedRequest(stall()), deadlines }), {
        code: "ERR_UPSTREAM_TIMEOUT",
        reason: stage,
      });
      assert.equal(sent.length, 0);
    }
  });

  test("ends with the client, before and inside the body, and calls nobody", async () => {
    for (const isEarly of [true, false]) {
      const { call, sent } = createUpstream();
      const client = new AbortController();
      const incoming = makeStreamedRequest(stall(), { signal: client.signal });
      if (isEarly) client.abort();
      const failed = assert.rejects(call(100, { incoming }), { code: "ERR_CLIENT_ABORTED" });
      client.abort();
      await failed;
      assert.equal(sent.length, 0);
    }
  });

  test("takes a body that breaks off for a client that is gone, also after the deadline", async () => {
    let breakOff = (): void => {};
    const broken = new Promise<never>((_resolve, reject) => {
      breakOff = () => reject(new Error("secret words of the runtime"));
    });
    broken.catch(() => {/* whoever reads is told */});
    const { call, sent } = createUpstream();
    const late = call(100, {
      incoming: makeStreamedRequest(stall(broken)),
      deadlines: { ...NO_DEADLINES, totalMs: 30 },
    });
    await assert.rejects(late, { code: "ERR_UPSTREAM_TIMEOUT", reason: "total" });
    const incoming = makeStreamedRequest(stall(broken));
    const failed = assert.rejects(call(100, { incoming }), (error: Error) => {
      assert.doesNotMatch(`${error.message} ${error.cause}`, /secret/);
      return (error as Error & { code?: string }).code === "ERR_CLIENT_ABORTED";
    });
    breakOff();
    await failed;
    assert.equal(sent.length, 0);
  });
});

/** Tells how the length came, and what the bytes were. */
function digest(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash("sha256");
  request.on("data", (piece: Uint8Array) => hash.update(piece));
  request.on("end", () => {
    response.end(`${request.headers["content-length"]} ${hash.digest("hex")}.`);
  });
}

describe("a small body on this runtime", OPTIONS, () => {
  test("goes through byte for byte with its length, also one that is waited for", async () => {
    await withGateway(startUpstream(digest), async (gateway) => {
      for (const expect of ["", "Expect: 100-continue\r\n"]) {
        for (const length of [1, SMALL_BODY_BYTES, SMALL_BODY_BYTES + 1]) {
          const connection = await connectRaw(gateway.port);
          connection.socket.write(
            `PUT / HTTP/1.1\r\nHost: a\r\n${expect}Content-Length: ${length}\r\n\r\n`,
          );
          if (expect !== "") await connection.until((text) => text.includes("100 Continue"));
          const body = fill(length);
          connection.socket.write(body);
          const expected = `${length} ${createHash("sha256").update(body).digest("hex")}.`;
          const answer = await connection.until((text) => /\d [0-9a-f]{64}\./.test(text));
          connection.socket.destroy();
          assert.ok(answer.includes(expected), answer);
        }
      }
    });
  });

  test("is answered for at its deadline when it never ends", async () => {
    await withGateway(startUpstream(digest), async (gateway) => {
      const connection = await connectRaw(gateway.port);
      connection.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort");
      const answer = await connection.until(isComplete);
      connection.socket.destroy();
      assert.equal(statusOf(answer), 502);
      assert.match(answer, /ERR_UPSTREAM_TIMEOUT total/);
    }, { deadlines: { totalMs: 300 } });
  });
});
