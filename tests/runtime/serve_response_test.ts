import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FetchHandler } from "../../lib/ports.ts";
import { RUNTIME } from "./_program.ts";
import { bodyOf, connectRaw, exchangeRaw, isComplete, statusOf } from "./_raw.ts";
import { HOST, turn, withServer } from "./_server.ts";

describe("listen()", () => {
  it("sends status, reason, repeated Set-Cookie and a length for a body that is there", async () => {
    const handler: FetchHandler = () => {
      const headers = new Headers({ "x-a": "b" });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2, c");
      return new Response("hello", { status: 418, headers });
    };
    await withServer(handler, async (port) => {
      const answer = await exchangeRaw(port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
      assert.match(answer, /^HTTP\/1\.1 418 I'm a [Tt]eapot\r\n/);
      assert.match(answer, /\r\nset-cookie: a=1\r\n/i);
      assert.match(answer, /\r\nset-cookie: b=2, c\r\n/i);
      assert.match(answer, /\r\ncontent-length: 5\r\n/i);
      assert.equal(bodyOf(answer), "hello");
    });
  });

  it("sends no body for HEAD, 204 and 304, and the connection stays usable", async () => {
    const handler: FetchHandler = (request) => {
      const status = Number(new URL(request.url).pathname.slice(1));
      return new Response(status === 200 ? "body" : null, { status });
    };
    await withServer(handler, async (port) => {
      for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304]] as const) {
        const connection = await connectRaw(port);
        connection.socket.write(`${method} /${status} HTTP/1.1\r\n${HOST}\r\n`);
        await connection.until((text) => text.includes("\r\n\r\n"));
        connection.socket.write(`GET /200 HTTP/1.1\r\n${HOST}\r\n`);
        const answer = await connection.until((text) => text.endsWith("body"));
        assert.equal(statusOf(answer), status);
        assert.equal(answer.split("body").length, 2);
        connection.socket.destroy();
      }
    });
  });

  it("sends a stream's head before its first piece, and each piece as it comes", async () => {
    const steps: (() => void)[] = [];
    const step = (): Promise<void> => new Promise((resolve) => steps.push(resolve));
    const handler: FetchHandler = () =>
      new Response(
        new ReadableStream({
          async pull(controller): Promise<void> {
            await step();
            controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
          },
        }, { highWaterMark: 0 }),
        { headers: { "content-type": "text/event-stream" } },
      );
    await withServer(handler, async (port) => {
      const connection = await connectRaw(port);
      connection.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
      // Bun sends the head with the first piece; there the first piece is let go at once.
      if (RUNTIME === "bun") { while (steps.length === 0) await turn(); }
      else await connection.until((text) => text.includes("\r\n\r\n"));
      for (const count of [1, 2, 3]) {
        while (steps.length === 0) await turn();
        steps.shift()?.();
        const text = await connection.until((all) => all.split("data: 1").length > count);
        assert.equal(text.split("data: 1").length, count + 1);
      }
      connection.socket.destroy();
    });
  });

  it("breaks the connection when a stream fails, so that nobody takes half for whole", async () => {
    const handler: FetchHandler = () => {
      let pieces = 0;
      return new Response(
        new ReadableStream({
          async pull(controller): Promise<void> {
            await turn();
            if (pieces++ < 3) controller.enqueue(new Uint8Array(10).fill(97));
            else controller.error(new Error("broken"));
          },
        }),
      );
    };
    await withServer(handler, async (port) => {
      const connection = await connectRaw(port);
      connection.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
      await connection.closed;
      assert.equal(isComplete(connection.received()), false);
    });
  });

  it("tells the handler and the stream when the client goes away", async () => {
    const events: string[] = [];
    let entered = (): void => {};
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const handler: FetchHandler = (request) => {
      if (request.url.endsWith("/wait")) {
        return new Promise((resolve) => {
          request.signal.addEventListener("abort", () => {
            events.push("signal");
            resolve(new Response("late"));
          });
          entered();
        });
      }
      return new Response(
        new ReadableStream({
          pull(controller): void {
            controller.enqueue(new Uint8Array(1000));
          },
          cancel(): void {
            events.push("cancel");
            finish();
          },
        }),
      );
    };
    await withServer(handler, async (port) => {
      const waiting = await connectRaw(port);
      const inside = new Promise<void>((resolve) => {
        entered = resolve;
      });
      waiting.socket.write(`GET /wait HTTP/1.1\r\n${HOST}\r\n`);
      await inside;
      waiting.socket.destroy();
      while (!events.includes("signal")) await turn();
      const streaming = await connectRaw(port);
      streaming.socket.write(`GET /stream HTTP/1.1\r\n${HOST}\r\n`);
      await streaming.until((text) => text.length > 1000);
      streaming.socket.destroy();
      await finished;
      assert.deepEqual(events, ["signal", "cancel"]);
    });
  });

  it("sends 100 Continue before it reads a body that waits for it", async () => {
    await withServer(async (request) => new Response(await request.text()), async (port) => {
      const connection = await connectRaw(port);
      connection.socket.write(
        `POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
      );
      assert.equal(statusOf(await connection.until((text) => text.includes("\r\n\r\n"))), 100);
      connection.socket.write("ok");
      const answer = await connection.until((text) => text.endsWith("ok"));
      assert.match(answer, /HTTP\/1\.1 200 OK/);
      connection.socket.destroy();
    });
  });
});
