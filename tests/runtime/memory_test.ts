import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { request as requestHttp } from "node:http";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { startUpstream } from "./_gateway.ts";
import { firstLine, startProgram, untilExit } from "./_program.ts";

const MIB = 1024 * 1024;
const STREAM_BYTES = 256 * MIB;
const WARM_UP_BYTES = 32 * MIB;
const MAX_GROWTH_BYTES = 64 * MIB;
const PIECE = new Uint8Array(64 * 1024);

describe("a proxy over openUpstream() and listen()", () => {
  for (const direction of ["down", "up with a length", "up in chunks"] as const) {
    it(`streams 256 MiB ${direction} in less than 64 MiB of memory`, async () => {
      const upstream = await startUpstream((request, response) => {
        const wanted = Number(request.headers["x-wanted"] ?? 0);
        if (wanted === 0) {
          let received = 0;
          request.on("data", (chunk: Uint8Array) => received += chunk.length);
          request.on("end", () => response.end(String(received)));
          return;
        }
        response.writeHead(200, { "content-length": wanted });
        let sent = 0;
        const send = (): void => {
          while (sent < wanted) {
            sent += PIECE.length;
            if (!response.write(PIECE)) {
              response.once("drain", send);
              return;
            }
          }
          response.end();
        };
        send();
      });
      const child = startProgram("_gateway_program.ts", [upstream.url]);
      try {
        const port = Number(await firstLine(child));
        const transfer = direction === "down" ? download : upload;
        const isChunked = direction === "up in chunks";
        assert.equal(await transfer(port, WARM_UP_BYTES, isChunked), WARM_UP_BYTES);
        const before = await askMemory(child);
        assert.equal(await transfer(port, STREAM_BYTES, isChunked), STREAM_BYTES);
        const growth = await askMemory(child) - before;
        assert.ok(growth < MAX_GROWTH_BYTES, `grew by ${Math.round(growth / MIB)} MiB`);
      } finally {
        child.kill("SIGKILL");
        await untilExit(child);
        await upstream.close();
      }
    });
  }
});

function download(port: number, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "x-wanted": bytes };
    const request = requestHttp({ host: "127.0.0.1", port, headers, agent: false }, (response) => {
      let total = 0;
      response.on("data", (chunk: Uint8Array) => total += chunk.length);
      response.on("end", () => resolve(total));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end();
  });
}

/** Returns how many bytes the upstream says it received. */
function upload(port: number, bytes: number, isChunked: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk: Uint8Array) => {
      answer += new TextDecoder().decode(chunk);
      const match = /\r\n\r\n(?:[0-9a-f]+\r\n)?(\d{6,})/.exec(answer);
      if (match === null) return;
      socket.destroy();
      resolve(Number(match[1]));
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`Closed: ${answer}`)));
    const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes}`;
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    let sent = 0;
    const send = (): void => {
      while (sent < bytes) {
        sent += PIECE.length;
        if (isChunked) socket.write(`${PIECE.length.toString(16)}\r\n`);
        let hasRoom = socket.write(PIECE);
        if (isChunked) hasRoom = socket.write("\r\n");
        if (!hasRoom) {
          socket.once("drain", send);
          return;
        }
      }
      if (isChunked) socket.write("0\r\n\r\n");
    };
    send();
  });
}

function askMemory(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.stdout?.once("data", (chunk: Uint8Array) => {
      resolve(Number(new TextDecoder().decode(chunk)));
    });
    child.stdin?.write("?");
  });
}
