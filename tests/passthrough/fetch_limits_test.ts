import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";

import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { isAtiError } from "../../lib/errors.ts";
import type { StreamEnd, UpstreamRequest } from "../../lib/ports.ts";
import {
  defer,
  listQuirks,
  makeStreamedRequest,
  makeUpstreamRequest,
  NO_DEADLINES,
  startOrigin,
} from "./_origin.ts";

const call = createFetchUpstream(globalThis.fetch, listQuirks());

async function relay(
  request: UpstreamRequest,
): Promise<{ response: Response; ends: StreamEnd[]; end: Promise<StreamEnd> }> {
  const answer = await call(request);
  const ends: StreamEnd[] = [];
  const { promise, resolve } = defer<StreamEnd>();
  const { status, statusText, headers } = answer;
  const onClose = (end: StreamEnd): void => {
    ends.push(end);
    resolve(end);
  };
  return { response: answer.respond({ status, statusText, headers, onClose }), ends, end: promise };
}

function* repeat(bytes: number, times: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let index = 0; index < times; index++) yield new Uint8Array(bytes).fill(index);
}

describe("createFetchUpstream() limits", () => {
  test("a chunked request body of exactly the limit passes", async (t) => {
    const origin = await startOrigin(t, (request, response) => request.pipe(response));
    const { response, end } = await relay(makeUpstreamRequest(origin.url, {
      method: "POST",
      incoming: makeStreamedRequest(repeat(100, 10)),
      maxRequestBytes: 1000,
    }));
    assert.equal((await response.arrayBuffer()).byteLength, 1000);
    assert.equal((await end).bytesReceived, 1000);
  });

  test("a chunked request body past the limit is ERR_REQUEST_TOO_LARGE", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      request.on("error", () => {});
      request.resume();
      request.on("end", () => response.end("taken"));
    });
    await assert.rejects(
      call(makeUpstreamRequest(origin.url, {
        method: "POST",
        incoming: makeStreamedRequest(repeat(100, 11)),
        maxRequestBytes: 1000,
      })),
      { code: "ERR_REQUEST_TOO_LARGE" },
    );
  });

  test("a response body of exactly the limit passes, one byte more breaks off", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      response.write("x".repeat(999));
      response.end(request.url === "/more" ? "xx" : "x");
    });
    const whole = await relay(makeUpstreamRequest(`${origin.url}/`, { maxResponseBytes: 1000 }));
    assert.equal((await whole.response.text()).length, 1000);
    const more = await relay(makeUpstreamRequest(`${origin.url}/more`, { maxResponseBytes: 1000 }));
    await assert.rejects(more.response.text());
    const end = await more.end;
    assert.equal(end.error, "ERR_RESPONSE_TOO_LARGE");
    assert.ok(end.bytesSent <= 1000);
    assert.equal(more.ends.length, 1);
  });
});

describe("createFetchUpstream() deadlines", () => {
  test("no response header in time is ERR_UPSTREAM_TIMEOUT for headers", async (t) => {
    const origin = await startOrigin(t, () => {});
    await assert.rejects(
      call(makeUpstreamRequest(origin.url, { deadlines: { ...NO_DEADLINES, headersMs: 50 } })),
      { code: "ERR_UPSTREAM_TIMEOUT", reason: "headers" },
    );
  });

  test("a silent upstream breaks the body off as idle", async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      response.write("begin");
    });
    const { response, end, ends } = await relay(
      makeUpstreamRequest(origin.url, { deadlines: { ...NO_DEADLINES, idleMs: 50 } }),
    );
    await assert.rejects(response.text());
    assert.deepEqual(await end, {
      bytesSent: 5,
      bytesReceived: 0,
      error: "ERR_UPSTREAM_TIMEOUT",
    });
    assert.equal(ends.length, 1);
  });

  test("the total deadline ends a body that keeps coming", async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      const timer = setInterval(() => response.write("."), 5);
      response.on("close", () => clearInterval(timer));
    });
    const { response, end } = await relay(
      makeUpstreamRequest(origin.url, { deadlines: { ...NO_DEADLINES, totalMs: 80 } }),
    );
    await assert.rejects(response.text());
    assert.equal((await end).error, "ERR_UPSTREAM_TIMEOUT");
  });

  test("a client that falls silent while uploading runs into the idle deadline", async (t) => {
    const origin = await startOrigin(t, (request) => {
      request.on("error", () => {});
      request.resume();
    });
    async function* stall(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield new Uint8Array(10);
      await new Promise(() => {});
    }
    await assert.rejects(
      call(makeUpstreamRequest(origin.url, {
        method: "POST",
        incoming: makeStreamedRequest(stall()),
        deadlines: { ...NO_DEADLINES, idleMs: 50 },
      })),
      { code: "ERR_UPSTREAM_TIMEOUT", reason: "idle" },
    );
  });

  test("an upstream that takes no connections is told by canConnect", async () => {
    const asked: [string, number][] = [];
    const upstream = createFetchUpstream(
      (_, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        }),
      {
        canConnect(origin, timeoutMs): Promise<boolean> {
          asked.push([origin, timeoutMs]);
          return Promise.resolve(false);
        },
      },
    );
    const deadlines = { ...NO_DEADLINES, connectMs: 20, headersMs: 60_000 };
    await assert.rejects(upstream(makeUpstreamRequest("http://127.0.0.1:9/a?b", { deadlines })), {
      code: "ERR_UPSTREAM_TIMEOUT",
      reason: "connect",
    });
    assert.deepEqual(asked, [["http://127.0.0.1:9", 10]]);
  });
});

describe("createFetchUpstream() failures", () => {
  test("a closed port is ERR_UPSTREAM_CONNECT, without the URL's words", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `http://127.0.0.1:${port}/path?api_key=canary-secret`;
    await assert.rejects(call(makeUpstreamRequest(url)), (error: unknown) => {
      assert.ok(isAtiError(error));
      assert.equal(error.code, "ERR_UPSTREAM_CONNECT");
      assert.equal(error.reason, "refused");
      assert.equal(error.cause, undefined);
      assert.doesNotMatch(
        `${error.stack}${JSON.stringify(error)}`,
        /canary-secret|127\.0\.0\.1:\d/,
      );
      return true;
    });
  });

  test("a name that does not resolve is ERR_UPSTREAM_CONNECT", async () => {
    await assert.rejects(call(makeUpstreamRequest("http://no-such-name.invalid/")), {
      code: "ERR_UPSTREAM_CONNECT",
      reason: "dns",
    });
  });

  test("an upstream that speaks no TLS is ERR_UPSTREAM_CONNECT", async (t) => {
    const origin = await startOrigin(t, (_, response) => response.end());
    await assert.rejects(call(makeUpstreamRequest(origin.url.replace("http:", "https:"))), {
      code: "ERR_UPSTREAM_CONNECT",
      reason: "tls",
    });
  });

  test("an upstream that closes without an answer is ERR_UPSTREAM_FAILED", async (t) => {
    const origin = await startOrigin(t, (request) => request.socket.destroy());
    await assert.rejects(call(makeUpstreamRequest(origin.url)), { code: "ERR_UPSTREAM_FAILED" });
  });

  test("an upstream that dies inside a small body is ERR_UPSTREAM_FAILED", async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      response.writeHead(200, { "content-length": "65536" });
      response.write("part", () => response.destroy());
    });
    await assert.rejects(call(makeUpstreamRequest(origin.url)), { code: "ERR_UPSTREAM_FAILED" });
  });

  test("an upstream that falls silent inside a small body is ERR_UPSTREAM_TIMEOUT", async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("part");
    });
    const deadlines = { ...NO_DEADLINES, headersMs: 60_000, idleMs: 50 };
    await assert.rejects(call(makeUpstreamRequest(origin.url, { deadlines })), {
      code: "ERR_UPSTREAM_TIMEOUT",
      reason: "idle",
    });
  });

  test("an upstream that dies inside the body breaks the response off", async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      response.writeHead(200, { "content-length": "65537" });
      response.write("part", () => response.destroy());
    });
    const { response, end, ends } = await relay(makeUpstreamRequest(origin.url));
    await assert.rejects(response.text());
    assert.equal((await end).error, "ERR_UPSTREAM_FAILED");
    assert.equal(ends.length, 1);
  });
});

describe("createFetchUpstream() and a client that goes away", () => {
  test("an abort before the call ends the call", async (t) => {
    const origin = await startOrigin(t, () => {});
    const incoming = new Request("http://localhost/", { signal: AbortSignal.abort() });
    await assert.rejects(call(makeUpstreamRequest(origin.url, { incoming })), {
      code: "ERR_CLIENT_ABORTED",
    });
  });

  test("an abort before the response header aborts the upstream", async (t) => {
    const arrived = defer<void>();
    const closed = defer<void>();
    const origin = await startOrigin(t, (request) => {
      arrived.resolve();
      request.socket.on("close", () => closed.resolve());
    });
    const abort = new AbortController();
    const incoming = new Request("http://localhost/", { signal: abort.signal });
    const answer = call(makeUpstreamRequest(origin.url, { incoming }));
    await arrived.promise;
    abort.abort();
    await assert.rejects(answer, { code: "ERR_CLIENT_ABORTED" });
    await closed.promise;
  });

  test("an abort inside the response aborts the upstream and reports once", async (t) => {
    const closed = defer<void>();
    const origin = await startOrigin(t, (_, response) => {
      response.on("close", () => closed.resolve());
      response.write("begin");
    });
    const abort = new AbortController();
    const incoming = new Request("http://localhost/", { signal: abort.signal });
    const { response, end, ends } = await relay(makeUpstreamRequest(origin.url, { incoming }));
    const reader = response.body!.getReader();
    await reader.read();
    const rest = reader.read();
    abort.abort();
    await assert.rejects(rest);
    await closed.promise;
    assert.equal((await end).error, "ERR_CLIENT_ABORTED");
    assert.equal(ends.length, 1);
  });

  test("a reader that cancels the response aborts the upstream", async (t) => {
    const closed = defer<void>();
    const origin = await startOrigin(t, (_, response) => {
      response.on("close", () => closed.resolve());
      response.write("begin");
    });
    const { response, end } = await relay(makeUpstreamRequest(origin.url));
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await closed.promise;
    assert.deepEqual(await end, { bytesSent: 5, bytesReceived: 0, error: "ERR_CLIENT_ABORTED" });
  });

  test("a request body that breaks off is ERR_CLIENT_ABORTED", async (t) => {
    const origin = await startOrigin(t, (request) => {
      request.on("error", () => {});
      request.resume();
    });
    async function* breakOff(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield new Uint8Array(10);
      throw new TypeError("gone");
    }
    await assert.rejects(
      call(makeUpstreamRequest(origin.url, {
        method: "POST",
        incoming: makeStreamedRequest(breakOff()),
      })),
      { code: "ERR_CLIENT_ABORTED" },
    );
  });
});

test("createFetchUpstream() echoes 20 MB byte for byte without piling it up", async (t) => {
  const PIECE_BYTES = 64 * 1024;
  const PIECES = 320;
  const origin = await startOrigin(t, (request, response) => request.pipe(response));
  let sent = 0;
  let received = 0;
  let furthestAhead = 0;
  function* produce(): Generator<Uint8Array<ArrayBuffer>> {
    for (const piece of repeat(PIECE_BYTES, PIECES)) {
      sent += piece.length;
      furthestAhead = Math.max(furthestAhead, sent - received);
      yield piece;
    }
  }
  const { response, end } = await relay(makeUpstreamRequest(origin.url, {
    method: "POST",
    incoming: makeStreamedRequest(produce()),
  }));
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    for (let index = 0; index < piece.length; index++) {
      const expected = Math.floor((received + index) / PIECE_BYTES) & 0xff;
      if (piece[index] !== expected) assert.fail(`byte ${received + index} differs`);
    }
    received += piece.length;
  }
  assert.equal(received, PIECE_BYTES * PIECES);
  const total = PIECE_BYTES * PIECES;
  assert.deepEqual(await end, { bytesSent: total, bytesReceived: total, error: undefined });
  // Socket buffers on both hops hold a few MB; a body kept in memory would be all of it.
  assert.ok(furthestAhead < total, `${furthestAhead} bytes were read ahead`);
});
