import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { request as requestHttp } from "node:http";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { echoRequest, startRawUpstream, startUpstream, withGateway } from "./_gateway.ts";
import { RUNTIME } from "./_program.ts";
import { bodyOf, connectRaw, exchangeRaw, isComplete, statusOf } from "./_raw.ts";

const HOST = "Host: a.example\r\n";
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("openUpstream()", () => {
  it("echoes 50 bodies of 1 MiB at once byte for byte, with a length and chunked", async () => {
    await withGateway(startUpstream(echoRequest), async (gateway) => {
      const bodies = Array.from({ length: 50 }, () => randomBytes(1024 * 1024));
      await Promise.all(bodies.map(async (body, index) => {
        const isChunked = index % 2 === 1;
        const response = await fetch(`http://127.0.0.1:${gateway.port}/${index}`, {
          method: "POST",
          body: isChunked ? streamOf(body) : body,
          ...(isChunked && { duplex: "half" }),
        } as RequestInit);
        const isLengthKept = response.headers.get("x-length") === String(body.length);
        assert.equal(isLengthKept, !isChunked || response.headers.get("x-length") !== "chunked");
        assert.equal(digest(new Uint8Array(await response.arrayBuffer())), digest(body));
      }));
      const ends = await gateway.untilEnds(50);
      for (const end of ends) {
        assert.deepEqual({ ...end, error: end.error ?? undefined }, {
          bytesSent: 1024 * 1024,
          bytesReceived: 1024 * 1024,
          error: undefined,
        });
      }
    });
  });

  it("relays encoded bodies as they are, whatever the client accepts", async () => {
    const encoded = gzipSync("hello ".repeat(1000));
    const upstream = startUpstream((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": encoded.length });
      response.end(encoded);
    });
    await withGateway(upstream, async (gateway) => {
      for (
        const accept of ["", "Accept-Encoding: gzip, deflate, br\r\n", "Accept-Encoding: *\r\n"]
      ) {
        const answer = await exchangeRaw(gateway.port, `GET / HTTP/1.1\r\n${HOST}${accept}\r\n`);
        assert.match(answer, /\r\ncontent-encoding: gzip\r\n/i);
        assert.match(answer, new RegExp(`\r\ncontent-length: ${encoded.length}\r\n`, "i"));
        assert.equal(bodyOf(answer), encoded.toString("latin1"));
      }
    });
  });

  it("sends method, path, query and fields as given, and adds little", async () => {
    const upstream = startUpstream((request, response) => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers }));
    });
    await withGateway(upstream, async (gateway, { port }) => {
      const answer = await exchangeRaw(
        gateway.port,
        `PATCH /a%2Fb/%7Ec?x=%20&y='1' HTTP/1.1\r\n${HOST}X-A: 1\r\nX-A: 2\r\nUser-Agent: me\r\n\r\n`,
      );
      const { method, url, headers } = JSON.parse(bodyOf(answer));
      assert.equal(method, "PATCH");
      // The Fetch standard escapes the apostrophe in a query.
      assert.equal(url.replaceAll("%27", "'"), "/a%2Fb/%7Ec?x=%20&y='1'");
      assert.equal(headers.host, `127.0.0.1:${port}`);
      assert.equal(headers["x-a"], "1, 2");
      assert.equal(headers["user-agent"], "me");
      const added = [
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
      ];
      const known = new Set(["host", "x-a", "user-agent", ...added]);
      assert.deepEqual(Object.keys(headers).filter((name) => !known.has(name)), []);
    });
  });

  it("sends another Host where it is told to", async () => {
    const upstream = startUpstream((request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => response.end(`${request.headers.host} ${Buffer.concat(chunks)}`));
    });
    await withGateway(upstream, async (gateway) => {
      for (const [method, body] of [["GET", ""], ["POST", "body"]] as const) {
        const answer = await exchangeRaw(
          gateway.port,
          `${method} / HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`,
        );
        assert.ok(answer.includes(`api.example ${body}`), answer);
      }
    }, { host: "api.example" });
  });

  it("sends a body with any method, or says that it cannot", async () => {
    const upstream = startUpstream((request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => response.end(`${request.method} ${Buffer.concat(chunks)}`));
    });
    await withGateway(upstream, async (gateway) => {
      for (const method of ["GET", "DELETE", "OPTIONS", "PUT", "PROPFIND"]) {
        const answer = await exchangeRaw(
          gateway.port,
          `${method} / HTTP/1.1\r\n${HOST}Content-Length: 4\r\n\r\nbody`,
        );
        // The servers of Deno and Bun hide a GET's body, so it cannot be forwarded.
        if (method === "GET" && RUNTIME !== "node") {
          assert.equal(bodyOf(answer), "ERR_BAD_REQUEST body_not_supported");
        } else assert.ok(answer.includes(`${method} body`), answer);
      }
    });
  });

  it("relays repeated Set-Cookie, redirects and answers without a body", async () => {
    const upstream = startUpstream((request, response) => {
      const status = Number(request.url?.slice(1));
      response.writeHead(status, {
        "set-cookie": ["a=1", "b=2"],
        location: "http://elsewhere.example/",
        ...(status !== 204 && status !== 302 && { "content-length": "4" }),
      });
      response.end(status === 200 ? "body" : undefined);
    });
    await withGateway(upstream, async (gateway) => {
      for (
        const [method, status] of [["GET", 302], ["GET", 204], ["GET", 304], ["HEAD", 200]] as const
      ) {
        const connection = await connectRaw(gateway.port);
        connection.socket.write(`${method} /${status} HTTP/1.1\r\n${HOST}\r\n`);
        await connection.until((text) => text.includes("\r\n\r\n"));
        connection.socket.write(`GET /200 HTTP/1.1\r\n${HOST}\r\n`);
        const answer = await connection.until((text) => text.endsWith("body"));
        assert.equal(statusOf(answer), status);
        assert.match(answer, /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/i);
        assert.match(answer, /\r\nlocation: http:\/\/elsewhere\.example\/\r\n/i);
        assert.equal(answer.split("HTTP/1.1 ").length, 3);
        connection.socket.destroy();
      }
      const ends = await gateway.untilEnds(8);
      assert.deepEqual(ends.map(({ error }) => error), ends.map(() => undefined));
    });
  });

  it("relays an event before the next one exists", async () => {
    let send = (_event: string): void => {};
    const upstream = startUpstream((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      send = (event) => response.write(event);
      send("data: 0\n\n");
    });
    await withGateway(upstream, async (gateway) => {
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
      for (let event = 0; event < 5; event++) {
        await connection.until((text) => text.includes(`data: ${event}\n\n`));
        send(`data: ${event + 1}\n\n`);
      }
      connection.socket.destroy();
    });
  });

  it("relays a request body piece by piece", async () => {
    const pieces: string[] = [];
    let heard = (): void => {};
    const upstream = startUpstream((request, response) => {
      request.on("data", (chunk: Uint8Array) => {
        pieces.push(new TextDecoder().decode(chunk));
        heard();
      });
      request.on("end", () => response.end("done"));
    });
    await withGateway(upstream, async (gateway) => {
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
      for (const piece of ["one", "two", "six"]) {
        const arrived = new Promise<void>((resolve) => heard = resolve);
        connection.socket.write(`3\r\n${piece}\r\n`);
        await arrived;
        assert.equal(pieces.at(-1), piece);
      }
      connection.socket.write("0\r\n\r\n");
      assert.ok((await connection.until(isComplete)).includes("done"));
      connection.socket.destroy();
    });
  });

  for (const stage of ["before the answer", "inside the answer", "inside the upload"] as const) {
    it(`ends the upstream call when the client goes away ${stage}`, async () => {
      let arrived = (): void => {};
      const inside = new Promise<void>((resolve) => arrived = resolve);
      let close = (): void => {};
      const closed = new Promise<void>((resolve) => close = resolve);
      const upstream = startUpstream((request, response) => {
        response.on("close", close);
        if (stage === "inside the answer") {
          response.write("x".repeat(100_000));
          request.resume();
        } else if (stage === "inside the upload") request.once("data", arrived);
        else arrived();
      });
      await withGateway(upstream, async (gateway) => {
        const connection = await connectRaw(gateway.port);
        const isUpload = stage === "inside the upload";
        const length = isUpload ? "Content-Length: 1000000\r\n" : "";
        connection.socket.write(`${isUpload ? "POST" : "GET"} / HTTP/1.1\r\n${HOST}${length}\r\n`);
        if (isUpload) connection.socket.write(new Uint8Array(100_000));
        if (stage === "inside the answer") await connection.until((text) => text.length > 10_000);
        else await inside;
        connection.socket.destroy();
        await closed;
        if (stage === "inside the answer") {
          assert.equal((await gateway.untilEnds(1))[0]?.error, "ERR_CLIENT_ABORTED");
        }
      });
    });
  }

  it("breaks the answer off when the upstream dies inside it", async () => {
    for (const framing of ["Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
      let die = (): void => {};
      const upstream = startRawUpstream((socket) => {
        socket.once("data", () => {
          socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n5\r\nhello\r\n`);
          die = () => socket.destroy();
        });
      });
      await withGateway(upstream, async (gateway) => {
        const connection = await connectRaw(gateway.port);
        connection.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
        await connection.until((text) => text.includes("hello"));
        die();
        await connection.closed;
        assert.equal(isComplete(connection.received()), false);
        assert.equal((await gateway.untilEnds(1))[0]?.error, "ERR_UPSTREAM_FAILED");
      });
    }
  });

  it("answers with a Response that anybody can read", async () => {
    const peer = await startUpstream((_request, response) => {
      response.writeHead(201, { "x-a": "b" });
      response.write("one ");
      setTimeout(() => response.end("x".repeat(200_000)), 10);
    });
    const { openUpstream } = await testRuntime();
    const { upstream, close } = await openUpstream(createFetchUpstream);
    const ends: (string | undefined)[] = [];
    const call = async (): Promise<Response> => {
      const answer = await upstream({
        method: "GET",
        url: `${peer.url}/`,
        headers: [],
        incoming: new Request("http://localhost/"),
        deadlines: { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0 },
        keepAliveMs: 0,
        maxRequestBytes: 0,
        maxResponseBytes: 0,
      });
      const { status, statusText, headers } = answer;
      return answer.respond({
        status,
        statusText,
        headers,
        onClose: (end) => ends.push(end.error),
      });
    };
    const response = await call();
    assert.ok(response instanceof Response);
    assert.equal(response.status, 201);
    assert.equal(response.ok, true);
    assert.equal(response.headers.get("x-a"), "b");
    assert.equal((await response.text()).length, 200_004);
    const inner = await call();
    const copy = new Response(inner.body, inner);
    assert.equal(copy.status, 201);
    assert.equal(copy.headers.get("x-a"), "b");
    assert.equal((await copy.arrayBuffer()).byteLength, 200_004);
    await (await call()).body?.cancel();
    assert.deepEqual(ends, [undefined, undefined, "ERR_CLIENT_ABORTED"]);
    await close();
    await peer.close();
  });

  it("carries 400 requests at once", async () => {
    const waiting: ServerResponse[] = [];
    const upstream = startUpstream((_request, response) => {
      waiting.push(response);
      // Nobody is answered before everybody is there.
      if (waiting.length === 400) { for (const one of waiting) one.end("together"); }
    });
    await withGateway(upstream, async (gateway) => {
      const answers = await Promise.all(Array.from({ length: 400 }, () => get(gateway.port)));
      assert.ok(answers.every((answer) => answer === "together"));
    });
  });
});

/** With a client of its own: the runtime's `fetch` may be limited itself. */
function get(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = requestHttp({ host: "127.0.0.1", port, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Uint8Array) => text += new TextDecoder().decode(chunk));
      response.on("end", () => resolve(text));
    });
    request.on("error", reject);
    request.end();
  });
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull(controller): void {
      if (offset >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(offset, offset += 10_000));
    },
  });
}
