import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import type { StreamEnd, UpstreamRequest } from "../../lib/ports.ts";
import {
  defer,
  listQuirks,
  makeStreamedRequest,
  makeUpstreamRequest,
  NO_DEADLINES,
  readAll,
  startOrigin,
} from "./_origin.ts";

const call = createFetchUpstream(globalThis.fetch, listQuirks());

/** Calls the upstream and relays its answer as it came. */
async function relay(
  request: UpstreamRequest,
): Promise<{ response: Response; end: Promise<StreamEnd>; ends: StreamEnd[] }> {
  const answer = await call(request);
  const ends: StreamEnd[] = [];
  const { promise, resolve } = defer<StreamEnd>();
  const response = answer.respond({
    status: answer.status,
    statusText: answer.statusText,
    headers: answer.headers,
    onClose: (end) => {
      ends.push(end);
      resolve(end);
    },
  });
  return { response, end: promise, ends };
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test("createFetchUpstream() sends method, path, query and headers as they are", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    request.resume();
    response.end("ok");
  });
  const { response } = await relay(makeUpstreamRequest(`${origin.url}/a%2Fb/~c?x=%2f&x='&y`, {
    method: "DELETE",
    headers: [["x-one", "1"], ["x-two", "2"], ["user-agent", "tester"]],
  }));
  assert.equal(await response.text(), "ok");
  const [request] = origin.requests;
  assert.equal(request?.method, "DELETE");
  assert.match(request?.url ?? "", /^\/a%2Fb\/~c\?x=%2f&x=(?:'|%27)&y$/);
  assert.equal(request?.headers["x-one"], "1");
  assert.equal(request?.headers["user-agent"], "tester");
});

test("createFetchUpstream() never lets fetch ask for codings on its own", async (t) => {
  const origin = await startOrigin(t, (_, response) => response.end());
  await (await relay(makeUpstreamRequest(origin.url))).response.text();
  const headers = [["accept-encoding", "gzip, br"]] as const;
  await (await relay(makeUpstreamRequest(origin.url, { headers }))).response.text();
  assert.equal(origin.requests[0]?.headers["accept-encoding"], "identity");
  assert.match(String(origin.requests[1]?.headers["accept-encoding"]), /gzip, br$/);
});

test("createFetchUpstream() asks a decoding fetch for no coding it may not know", async () => {
  const sent: (string | null)[] = [];
  const upstream = createFetchUpstream((_, init) => {
    sent.push(new Headers(init?.headers).get("accept-encoding"));
    return Promise.resolve(new Response());
  });
  for (const value of ["zstd, gzip;q=0.5, br", "zstd", "*", "identity"]) {
    const headers = [["accept-encoding", value]] as const;
    await upstream(makeUpstreamRequest("http://127.0.0.1/", { headers }));
  }
  assert.deepEqual(sent, ["gzip;q=0.5, br", "identity", "identity", "identity"]);
});

test("createFetchUpstream() relays gzip bytes, or says that they were decoded", async (t) => {
  const plain = "hello ".repeat(500);
  const packed = gzipSync(plain);
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
    response.end(packed);
  });
  const { response } = await relay(
    makeUpstreamRequest(origin.url, { headers: [["accept-encoding", "gzip"]] }),
  );
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (listQuirks().decompresses === false) {
    assert.deepEqual(bytes, new Uint8Array(packed));
    assert.equal(response.headers.get("content-encoding"), "gzip");
    assert.equal(response.headers.get("content-length"), String(packed.length));
  } else {
    // Node's fetch always decodes, so the two headers about the encoded bytes must be gone.
    assert.equal(new TextDecoder().decode(bytes), plain);
    assert.equal(response.headers.get("content-encoding"), null);
    assert.equal(response.headers.get("content-length"), null);
  }
});

test("createFetchUpstream() keeps an unknown content coding and its length", async () => {
  const init = { headers: { "content-encoding": "zstd", "content-length": "3" } };
  const upstream = createFetchUpstream(() => Promise.resolve(new Response("abc", init)));
  const { headers } = await upstream(makeUpstreamRequest("http://127.0.0.1/"));
  assert.deepEqual(readAll(headers, "content-encoding"), ["zstd"]);
  assert.deepEqual(readAll(headers, "content-length"), ["3"]);
});

test("createFetchUpstream() relays server-sent events as they arrive", async (t) => {
  const more = defer<void>();
  const origin = await startOrigin(t, async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    await more.promise;
    response.end("data: 2\n\n");
  });
  const { response, end } = await relay(makeUpstreamRequest(origin.url));
  const reader = response.body!.getReader();
  const first = await reader.read();
  assert.equal(new TextDecoder().decode(first.value), "data: 1\n\n");
  more.resolve();
  const second = await reader.read();
  assert.equal(new TextDecoder().decode(second.value), "data: 2\n\n");
  assert.equal((await reader.read()).done, true);
  assert.deepEqual(await end, { bytesSent: 18, bytesReceived: 0, error: undefined });
});

test("createFetchUpstream() gives the header before the first byte of the body", async (t) => {
  const more = defer<void>();
  const origin = await startOrigin(t, async (_, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.flushHeaders();
    await more.promise;
    response.end("late");
  });
  const { response } = await relay(makeUpstreamRequest(origin.url));
  assert.equal(response.status, 200);
  more.resolve();
  assert.equal(await response.text(), "late");
});

for (const status of [204, 205, 304]) {
  test(`createFetchUpstream() relays ${status} without a body`, async (t) => {
    const origin = await startOrigin(t, (_, response) => {
      response.writeHead(status, { etag: '"x"' });
      response.end();
    });
    const { response, end } = await relay(makeUpstreamRequest(origin.url));
    assert.equal(response.status, status);
    assert.equal(response.body, null);
    assert.equal(response.headers.get("etag"), '"x"');
    assert.equal((await end).bytesSent, 0);
  });
}

test("createFetchUpstream() keeps the length that an answer to HEAD declares", async (t) => {
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "content-length": "12345" });
    response.end();
  });
  const { response, end } = await relay(makeUpstreamRequest(origin.url, { method: "HEAD" }));
  assert.equal(response.body, null);
  assert.equal(response.headers.get("content-length"), "12345");
  assert.equal((await end).error, undefined);
});

test("createFetchUpstream() keeps three Set-Cookie fields apart", async (t) => {
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(200, { "set-cookie": ["a=1", "b=2; Expires=Wed, 01 Jan 2031", "c=3"] });
    response.end();
  });
  const { response } = await relay(makeUpstreamRequest(origin.url));
  await response.text();
  assert.deepEqual(response.headers.getSetCookie(), [
    "a=1",
    "b=2; Expires=Wed, 01 Jan 2031",
    "c=3",
  ]);
});

test("createFetchUpstream() hands a redirect over instead of following it", async (t) => {
  const origin = await startOrigin(t, (_, response) => {
    response.writeHead(302, { location: "/elsewhere" });
    response.end();
  });
  const { response } = await relay(makeUpstreamRequest(`${origin.url}/here`));
  await response.text();
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "/elsewhere");
  assert.deepEqual(origin.requests.map((request) => request.url), ["/here"]);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
  test(`createFetchUpstream() forwards a ${method} body with its declared length`, async (t) => {
    const origin = await startOrigin(t, (request, response) => request.pipe(response));
    const { response, end } = await relay(makeUpstreamRequest(origin.url, {
      method,
      headers: [["content-length", "5"]],
      incoming: makeStreamedRequest([encode("he"), encode("llo")], { method }),
    }));
    assert.equal(await response.text(), "hello");
    // Deno keeps a length only for streams of its own server, which this one is not.
    const length = listQuirks().losesLength === true ? undefined : "5";
    assert.equal(origin.requests[0]?.headers["content-length"], length);
    assert.deepEqual(await end, { bytesSent: 5, bytesReceived: 5, error: undefined });
  });
}

test("createFetchUpstream() sends a POST without body", async (t) => {
  const origin = await startOrigin(t, (request, response) => request.pipe(response));
  for (const headers of [[], [["content-length", "0"]]] as const) {
    const { response } = await relay(makeUpstreamRequest(origin.url, { method: "POST", headers }));
    assert.equal(await response.text(), "");
  }
  assert.equal(origin.requests[1]?.headers["content-length"], "0");
});

test("createFetchUpstream() sends a GET that declares an empty body", async (t) => {
  const origin = await startOrigin(t, (_, response) => response.end("ok"));
  const { response } = await relay(
    makeUpstreamRequest(origin.url, { headers: [["content-length", "0"]] }),
  );
  assert.equal(await response.text(), "ok");
});

test("createFetchUpstream() hands what fetch cannot send to the fallback, or refuses it", async () => {
  const fallen: string[] = [];
  const fallback = (request: UpstreamRequest): never => {
    fallen.push(`${request.method} ${request.host ?? ""}`);
    throw new TypeError("seen");
  };
  const fetch = (): never => assert.fail("fetch was called");
  const cases: [Partial<UpstreamRequest>, string][] = [
    [{ headers: [["content-length", "1"]] }, "body_not_supported"],
    [{ method: "HEAD", headers: [["content-length", "1"]] }, "body_not_supported"],
    [{ host: "other.example" }, "host_not_supported"],
    [{
      incoming: new Request("http://localhost/", { headers: { "transfer-encoding": "chunked" } }),
    }, "body_not_supported"],
  ];
  for (const [parts, reason] of cases) {
    const request = makeUpstreamRequest("http://127.0.0.1/", parts);
    await assert.rejects(createFetchUpstream(fetch)(request), { code: "ERR_BAD_REQUEST", reason });
    await assert.rejects(createFetchUpstream(fetch, { fallback })(request), { message: "seen" });
  }
  assert.deepEqual(fallen, ["GET ", "HEAD ", "GET other.example", "GET "]);
});

test("createFetchUpstream() sends another Host where fetch honours one", async () => {
  let host: string | null = null;
  const upstream = createFetchUpstream((_, init) => {
    // A Headers object of some runtimes would drop the name, so the pairs are looked at.
    host = (init?.headers as [string, string][]).find(([name]) => name === "host")?.[1] ?? null;
    return Promise.resolve(new Response());
  }, { ignoresHost: false });
  await upstream(makeUpstreamRequest("http://127.0.0.1/", { host: "other.example" }));
  assert.equal(host, "other.example");
});

test("createFetchUpstream() passes the quirks' members on to fetch", async () => {
  let init: RequestInit | undefined;
  const upstream = createFetchUpstream((_, given) => {
    init = given;
    return Promise.resolve(new Response());
  }, { requestInit: { decompress: false, redirect: "follow" } });
  await upstream(makeUpstreamRequest("http://127.0.0.1/"));
  assert.equal((init as { decompress?: boolean }).decompress, false);
  // What the proxy rests on cannot be overridden.
  assert.equal(init?.redirect, "manual");
});

test("createFetchUpstream() refuses a status that no response can carry", async () => {
  const odd = Object.defineProperty(new Response(), "status", { value: 0 });
  const upstream = createFetchUpstream(() => Promise.resolve(odd));
  await assert.rejects(upstream(makeUpstreamRequest("http://127.0.0.1/")), {
    code: "ERR_UPSTREAM_FAILED",
    reason: "status",
  });
});

test("createFetchUpstream() frees the connection of an answer that is given up", async (t) => {
  const closed = defer<void>();
  const origin = await startOrigin(t, (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200);
    response.write("begin");
  });
  const answer = await call(makeUpstreamRequest(origin.url, {
    deadlines: { ...NO_DEADLINES, idleMs: 60_000, totalMs: 60_000 },
  }));
  answer.cancel();
  await closed.promise;
});
