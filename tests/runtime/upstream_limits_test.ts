import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import {
  echoRequest,
  startGateway,
  startRawUpstream,
  startUpstream,
  withGateway,
} from "./_gateway.ts";
import { firstLine, RUNTIME, startProgram, untilExit } from "./_program.ts";
import { bodyOf, connectRaw, exchangeRaw, isComplete, statusOf } from "./_raw.ts";
import { turn } from "./_server.ts";

const HOST = "Host: a.example\r\n";

describe("openUpstream()", () => {
  it("tells a refused connection and an unknown name from a broken exchange", async () => {
    const gone = await startUpstream(() => {});
    await gone.close();
    for (
      const [url, expected] of [
        [gone.url, "ERR_UPSTREAM_CONNECT refused"],
        ["http://nobody.invalid", "ERR_UPSTREAM_CONNECT dns"],
      ] as const
    ) {
      const gateway = await startGateway(url);
      const response = await fetch(`http://127.0.0.1:${gateway.port}/`);
      // Bun does not tell an unknown name from an unreachable one.
      const expectedHere = RUNTIME === "bun" && url.endsWith("invalid")
        ? /^ERR_UPSTREAM_CONNECT (dns|unreachable|refused)$/
        : new RegExp(`^${expected}$`);
      assert.match(await response.text(), expectedHere);
      await gateway.close();
    }
    const upstream = startRawUpstream((socket) => {
      socket.once("data", () => socket.destroy());
    });
    await withGateway(upstream, async (gateway) => {
      const response = await fetch(`http://127.0.0.1:${gateway.port}/`, {
        method: "POST",
        body: "x",
      });
      assert.match(await response.text(), /^ERR_UPSTREAM_FAILED (reset|failed)$/);
    });
  });

  it("gives up at each deadline", async () => {
    const silent = (): Promise<unknown> => Promise.resolve();
    const upstream = startUpstream((request, response) => {
      request.resume();
      if (request.url === "/idle" || request.url === "/drip") {
        response.write("piece");
        if (request.url === "/idle") return;
        const timer = setInterval(() => response.write("."), 10);
        response.on("close", () => clearInterval(timer));
      }
    });
    const peer = await upstream;
    await silent();
    const cases = [
      ["/headers", { headersMs: 60 }, "ERR_UPSTREAM_TIMEOUT headers"],
      ["/headers", { totalMs: 60 }, "ERR_UPSTREAM_TIMEOUT total"],
      ["/idle", { idleMs: 60 }, undefined],
      ["/drip", { totalMs: 100, idleMs: 5000 }, undefined],
    ] as const;
    for (const [path, deadlines, body] of cases) {
      const gateway = await startGateway(peer.url, { deadlines });
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
      if (body === undefined) {
        await connection.closed;
        assert.equal(isComplete(connection.received()), false, path);
        assert.equal((await gateway.untilEnds(1))[0]?.error, "ERR_UPSTREAM_TIMEOUT");
      } else assert.equal(bodyOf(await connection.until(isComplete)), body);
      connection.socket.destroy();
      await gateway.close();
    }
    await peer.close();
  });

  it("gives up connecting to an upstream that does not answer", async () => {
    const child = startProgram("_deaf_program.ts");
    const fillers: Socket[] = [];
    try {
      const port = Number(await firstLine(child));
      // Its queue takes two, on Bun 513; then nobody says anything any more.
      for (let filler = 0; filler < 600; filler++) {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => {/* expected */});
        fillers.push(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      const gateway = await startGateway(`http://127.0.0.1:${port}`, {
        deadlines: { connectMs: 300 },
      });
      const answer = await exchangeRaw(gateway.port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
      assert.equal(bodyOf(answer), "ERR_UPSTREAM_TIMEOUT connect");
      await gateway.close();
    } finally {
      for (const socket of fillers) socket.destroy();
      child.kill("SIGKILL");
      await untilExit(child);
    }
  });

  it("takes the largest request body and refuses one byte more, with a length and chunked", async () => {
    const upstream = startUpstream(echoRequest);
    await withGateway(upstream, async (gateway) => {
      for (const isChunked of [false, true]) {
        for (const [size, isTaken] of [[100_000, true], [100_001, false]] as const) {
          const body = new Uint8Array(size);
          const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${size}`;
          const connection = await connectRaw(gateway.port);
          connection.socket.write(`POST / HTTP/1.1\r\n${HOST}${framing}\r\n\r\n`);
          if (isChunked) connection.socket.write(`${size.toString(16)}\r\n`);
          connection.socket.write(body);
          if (isChunked) connection.socket.write("\r\n0\r\n\r\n");
          const answer = await connection.until(isComplete);
          if (isTaken) assert.equal(statusOf(answer), 200);
          else assert.match(bodyOf(answer), /^ERR_REQUEST_TOO_LARGE /);
          connection.socket.destroy();
        }
      }
    }, { maxRequestBytes: 100_000 });
  });

  it("relays the largest response body and breaks off a longer one", async () => {
    const upstream = startUpstream((request, response) => {
      response.end(new Uint8Array(Number(request.url?.slice(1))));
    });
    await withGateway(upstream, async (gateway) => {
      const whole = await fetch(`http://127.0.0.1:${gateway.port}/100000`);
      assert.equal((await whole.arrayBuffer()).byteLength, 100_000);
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`GET /100001 HTTP/1.1\r\n${HOST}\r\n`);
      await connection.closed;
      assert.equal(isComplete(connection.received()), false);
      assert.equal((await gateway.untilEnds(2))[1]?.error, "ERR_RESPONSE_TOO_LARGE");
    }, { maxResponseBytes: 100_000 });
  });

  it("tells of an answer that is too long in its first packet", async () => {
    const upstream = startRawUpstream((socket) => {
      const chunk = `64\r\n${"x".repeat(100)}\r\n`;
      const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      socket.once("data", () => socket.write(`${head}${chunk.repeat(11)}0\r\n\r\n`));
    });
    await withGateway(upstream, async (gateway) => {
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      await connection.closed;
      // Either there is an answer in its place, or the answer that was begun is broken off.
      if (RUNTIME === "node") {
        assert.match(bodyOf(connection.received()), /^ERR_RESPONSE_TOO_LARGE /);
      } else assert.equal((await gateway.untilEnds(1))[0]?.error, "ERR_RESPONSE_TOO_LARGE");
    }, { maxResponseBytes: 1000 });
  });

  for (const [method, isRepeated] of [["GET", true], ["POST", false]] as const) {
    it(`${isRepeated ? "repeats" : "never repeats"} a ${method} that meets a dead kept connection`, async () => {
      let requests = 0;
      let hasReset = false;
      const upstream = startRawUpstream((socket) => {
        let served = 0;
        let received = "";
        socket.on("data", (chunk: Uint8Array) => {
          received += new TextDecoder().decode(chunk);
          if (!received.endsWith(method === "GET" ? "\r\n\r\n" : "body")) return;
          received = "";
          requests++;
          if (served++ > 0 && !hasReset) {
            hasReset = true;
            socket.resetAndDestroy();
          } else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
      });
      await withGateway(upstream, async (gateway) => {
        const body = method === "GET" ? "\r\n" : "Content-Length: 4\r\n\r\nbody";
        const request = `${method} / HTTP/1.1\r\n${HOST}${body}`;
        // A connection is kept a moment after its answer has arrived: the next request may miss it.
        let answer = "";
        for (let attempt = 0; attempt < 50 && !hasReset; attempt++) {
          requests = 0;
          answer = bodyOf(await exchangeRaw(gateway.port, request));
        }
        assert.equal(hasReset, true);
        if (isRepeated) assert.equal(answer, "ok");
        else assert.match(answer, /^ERR_UPSTREAM_FAILED /);
        assert.equal(requests, isRepeated ? 2 : 1);
      });
    });
  }

  it("survives a client that leaves inside an upload over a kept connection", async () => {
    const ports: (number | undefined)[] = [];
    const upstream = await startUpstream((request, response) => {
      ports.push(request.socket.remotePort);
      request.resume();
      request.once("end", () => response.end("ok"));
    });
    // In a process of its own: what ends a process does not end a test on every runtime.
    const child = startProgram("_gateway_program.ts", [upstream.url]);
    try {
      const port = Number(await firstLine(child));
      const head = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
      const piece = `64\r\n${"x".repeat(100)}\r\n`;
      const whole = `${head}${piece}0\r\n\r\n`;
      assert.equal(bodyOf(await exchangeRaw(port, whole)), "ok");
      // It takes a moment after the answer until the connection is kept.
      for (let turns = 0; turns < 20; turns++) await turn();
      const connection = await connectRaw(port);
      connection.socket.write(`${head}${piece}`);
      while (ports.length < 2) await turn();
      assert.equal(ports[1], ports[0]);
      connection.socket.destroy();
      for (let turns = 0; turns < 20; turns++) await turn();
      assert.equal(bodyOf(await exchangeRaw(port, whole)), "ok");
      assert.equal(ports.length, 3);
    } finally {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await untilExit(child);
      await upstream.close();
    }
  });

  it("shows the answer of an upstream that refuses an upload half-way", async () => {
    const upstream = startUpstream((request, response) => {
      request.once("data", () => {
        response.writeHead(413, { connection: "close", "content-length": "5" });
        response.end("large");
      });
    });
    await withGateway(upstream, async (gateway) => {
      const connection = await connectRaw(gateway.port);
      connection.socket.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10000000\r\n\r\n`);
      connection.socket.write(new Uint8Array(200_000));
      const answer = await connection.until(isComplete);
      assert.equal(statusOf(answer), 413);
      assert.equal(bodyOf(answer), "large");
      connection.socket.destroy();
    });
  });
});
