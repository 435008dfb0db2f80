/** Answers whose body is there when the head is sent. @module */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { Socket } from "node:net";
import { startRawUpstream, withGateway } from "./_gateway.ts";
import { RUNTIME } from "./_program.ts";
import { connectRaw } from "./_raw.ts";

const OPTIONS = { timeout: 30_000 } as const;
const ON_NODE = {
  ...OPTIONS,
  skip: RUNTIME === "bun" ? "Bun answers no requests that were sent ahead" : false,
} as const;

const EVERY_BYTE = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value));
const BODIES: Readonly<Record<string, Buffer>> = {
  "nothing": Buffer.alloc(0),
  "one byte": Buffer.from([0xff]),
  "every byte": EVERY_BYTE,
  "bytes that are no UTF-8": Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf0, 0x90, 0x0d, 0x0a]),
  "gzip": gzipSync(EVERY_BYTE),
  "64 KiB": Buffer.alloc(65_536, EVERY_BYTE),
  "64 KiB and a byte": Buffer.alloc(65_537, EVERY_BYTE),
};

/** The body in one piece with a length, in one chunk, or in many. */
function frame(body: Buffer, framing: string): string {
  const text = body.toString("latin1");
  if (framing === "length") return `Content-Length: ${body.length}\r\n\r\n${text}`;
  const size = framing === "chunk" ? Math.max(body.length, 1) : Math.ceil(body.length / 3) || 1;
  let chunks = "";
  for (let at = 0; at < text.length; at += size) {
    const piece = text.slice(at, at + size);
    chunks += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
}

/** Answers `/framing/body name`. */
function answer(socket: Socket): void {
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
    for (let end; (end = text.indexOf("\r\n\r\n")) !== -1; text = text.slice(end + 4)) {
      const [method, target = ""] = text.split(" ", 2);
      const [, framing = "", name = ""] = decodeURIComponent(target).split("/");
      const section = `HTTP/1.1 200 OK\r\nX-Opaque: \xe9\xff\r\n${frame(BODIES[name]!, framing)}`;
      const head = section.slice(0, section.indexOf("\r\n\r\n") + 4);
      socket.write(method === "HEAD" ? head : section, "latin1");
    }
  });
}

interface Answer {
  readonly head: string;
  readonly body: string;
  readonly rest: string;
}

/** The first answer of a text. */
function readAnswer(text: string, hasBody: boolean): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [head, rest] = [text.slice(0, end), text.slice(end + 4)];
  if (!hasBody) return { head, body: "", rest };
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    return { head, body: rest.slice(0, Number(length)), rest: rest.slice(Number(length)) };
  }
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return { head, body: rest, rest: "" };
  let body = "";
  for (let at = 0;;) {
    const line = rest.indexOf("\r\n", at);
    const size = Number.parseInt(rest.slice(at, line), 16);
    assert.ok(size >= 0, "a chunk");
    body += rest.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { head, body, rest: rest.slice(at) };
  }
}

async function send(port: number, text: string): Promise<string> {
  const connection = await connectRaw(port);
  connection.socket.write(text);
  await connection.closed;
  return connection.received();
}

const FRAMINGS = ["length", "chunk", "chunks"];

describe("an answer with a whole body", OPTIONS, () => {
  for (const version of ["1.1", "1.0"]) {
    for (const method of ["GET", "HEAD"]) {
      it(`comes byte for byte to a ${method} of HTTP/${version}`, async () => {
        await withGateway(startRawUpstream(answer), async ({ port }) => {
          for (const framing of FRAMINGS) {
            for (const [name, bytes] of Object.entries(BODIES)) {
              const target = `/${framing}/${encodeURIComponent(name)}`;
              const text = await send(
                port,
                `${method} ${target} HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`,
              );
              const { head, body, rest } = readAnswer(text, method === "GET");
              const expected = method === "GET" ? bytes.toString("latin1") : "";
              assert.equal(body === expected, true, `${framing}: ${name}`);
              assert.equal(rest, "");
              assert.match(head, /^HTTP\/1\.[01] 200 /);
              assert.match(head, /\r\nx-opaque: (?:\xe9\xff|\xc3\xa9\xc3\xbf)/i);
              if (version === "1.0") assert.doesNotMatch(head, /\r\ntransfer-encoding/i);
            }
          }
        });
      });
    }
  }
});

describe("answers to requests that were sent ahead", ON_NODE, () => {
  it("come in order, byte for byte", async () => {
    await withGateway(startRawUpstream(answer), async ({ port }) => {
      const asked = FRAMINGS.flatMap((framing) =>
        Object.keys(BODIES).flatMap((name) =>
          ["GET", "HEAD"].map((method) => ({ framing, name, method }))
        )
      );
      const requests = asked.map(({ framing, name, method }, index) =>
        `${method} /${framing}/${encodeURIComponent(name)} HTTP/1.1\r\nHost: a\r\n` +
        `${index === asked.length - 1 ? "Connection: close\r\n" : ""}\r\n`
      );
      let text = await send(port, requests.join(""));
      for (const { framing, name, method } of asked) {
        const { head, body, rest } = readAnswer(text, method === "GET");
        assert.match(head, /^HTTP\/1\.1 200 /);
        const expected = method === "GET" ? BODIES[name]!.toString("latin1") : "";
        assert.equal(body === expected, true, `${method} ${framing}: ${name}`);
        text = rest;
      }
      assert.equal(text, "");
    });
  });
});
