import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import type { FetchHandler } from "../../lib/ports.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { RUNTIME } from "./_program.ts";
import { bodyOf, connectRaw, exchangeRaw, isComplete, statusOf } from "./_raw.ts";
import { createGate, HOST, withServer } from "./_server.ts";

/** What each runtime makes of a target: status and what the handler is told; `null`: no answer. */
type Sight = readonly [status: number, rawTarget?: string | undefined];
const TARGETS: readonly (readonly [target: string, node: Sight, deno: Sight, bun: Sight])[] = [
  ["/", [200, "/"], [200, "/"], [200]],
  ["/x/../p", [200, "/x/../p"], [200, "/x/../p"], [200]],
  ["/%2e%2e/a%2Fb//c?q='|", [200, "/%2e%2e/a%2Fb//c?q='|"], [200, "/%2e%2e/a%2Fb//c?q='|"], [200]],
  ["/a\\..\\b", [200, "/a\\..\\b"], [200, "/a\\..\\b"], [200]],
  ["/a%00b%zz%09", [200, "/a%00b%zz%09"], [200, "/a%00b%zz%09"], [200]],
  ["/a#b?c", [200, "/a#b?c"], [200, "/a#b?c"], [200]],
  ["//other.example/p", [200, "//other.example/p"], [200, "//other.example/p"], [200]],
  ["http://other.example/p", [200, "http://other.example/p"], [200, "http://other.example/p"], [
    200,
  ]],
  // Deno cannot tell it from an origin-form target, and it means the same.
  ["http://a.example:1/p", [200, "http://a.example:1/p"], [200, "/p"], [200]],
  ["/\xc3\xa9", [400], [200, "/\u00e9"], [200]],
  ["/a b", [400], [400], [505]],
  ["/a\tb", [400], [400], [505]],
  ["/a\0b", [400], [400], [505]],
  ["noslash", [400], [400], [400]],
];

describe("listen()", () => {
  it("hands on the raw target, or what the runtime shows of it", async () => {
    await withServer((_request, info) => Response.json(info?.rawTarget ?? null), async (port) => {
      for (const [target, ...sights] of TARGETS) {
        const [status, rawTarget] = sights[{ node: 0, deno: 1, bun: 2 }[RUNTIME]] as Sight;
        const answer = await exchangeRaw(port, `GET ${target} HTTP/1.1\r\n${HOST}\r\n`);
        assert.equal(statusOf(answer), status, target);
        if (status !== 200) continue;
        const seen = JSON.parse(Buffer.from(bodyOf(answer), "latin1").toString());
        assert.equal(seen, rawTarget ?? null, target);
      }
    });
  });

  it("never takes the authority from an absolute-form target on Node and Bun", async () => {
    await withServer((request) => new Response(request.url), async (port) => {
      const answer = await exchangeRaw(port, `GET http://evil.example/p HTTP/1.1\r\n${HOST}\r\n`);
      // On Deno the URL names it; the raw target shows that it is absolute.
      const expected = RUNTIME === "deno" ? "http://evil.example/p" : "http://a.example:1/p";
      assert.equal(bodyOf(answer), expected);
    });
  });

  it("answers 400 to a Host that is none, or that comes twice", async () => {
    let calls = 0;
    const handler: FetchHandler = () => {
      calls++;
      return new Response("never");
    };
    await withServer(handler, async (port) => {
      for (
        const hosts of [
          "Host: evil.example/pwn?\r\n",
          "Host: user@evil.example\r\n",
          "Host: a b\r\n",
          "Host: a.example\r\nHost: b.example\r\n",
          `${HOST}${HOST}`,
          "Host: a.example, b.example\r\n",
        ]
      ) {
        const answer = await exchangeRaw(port, `GET /p HTTP/1.1\r\n${hosts}\r\n`);
        assert.equal(statusOf(answer), 400, hosts);
      }
      assert.equal(calls, 0);
    });
  });

  it("shows two Authorization fields as one with a comma", async () => {
    await withServer(
      (request) => new Response(request.headers.get("authorization")),
      async (port) => {
        const fields = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n";
        const answer = await exchangeRaw(port, `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`);
        assert.equal(bodyOf(answer), "Bearer a, Bearer b");
      },
    );
  });

  it("answers 500 without a word of the error", async () => {
    const handlers: FetchHandler[] = [
      () => {
        throw new Error("canary");
      },
      () => Promise.reject(new Error("canary")),
    ];
    for (const handler of handlers) {
      await withServer(handler, async (port) => {
        const answer = await exchangeRaw(port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
        assert.equal(statusOf(answer), 500);
        assert.ok(!answer.includes("canary"));
      });
    }
  });

  it("tells the peer's address", async () => {
    await withServer((_request, info) => new Response(info?.remoteAddress), async (port) => {
      const answer = await exchangeRaw(port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
      assert.equal(bodyOf(answer), "127.0.0.1");
    });
  });

  it("hands the handler a Request that works like any other", async () => {
    const handler: FetchHandler = async (request) => {
      const copy = request.clone();
      const url = new URL(request.url);
      return Response.json({
        isRequest: request instanceof Request,
        method: request.method,
        path: url.pathname,
        type: request.headers.get("content-type"),
        usedBefore: request.bodyUsed,
        json: await request.json(),
        usedAfter: request.bodyUsed,
        bytes: (await copy.arrayBuffer()).byteLength,
        aborted: request.signal.aborted,
      });
    };
    await withServer(handler, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/a?b`, {
        method: "POST",
        body: '{"a":"ü"}',
        headers: { "content-type": "application/json" },
      });
      assert.deepEqual(await response.json(), {
        isRequest: true,
        method: "POST",
        path: "/a",
        type: "application/json",
        usedBefore: false,
        json: { a: "ü" },
        usedAfter: true,
        bytes: 10,
        aborted: false,
      });
    });
  });

  it("reads bodies by text(), arrayBuffer() and body, small and large", async () => {
    const readers: Record<string, (request: Request) => Promise<number>> = {
      text: async (request) => (await request.text()).length,
      arrayBuffer: async (request) => (await request.arrayBuffer()).byteLength,
      stream: async (request) => {
        let size = 0;
        for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
          size += chunk.length;
        }
        return size;
      },
      copy: async (request) => (await new Request(request.url, request).arrayBuffer()).byteLength,
    };
    const handler: FetchHandler = async (request) => {
      const name = new URL(request.url).pathname.slice(1);
      return new Response(String(await readers[name]?.(request)));
    };
    await withServer(handler, async (port) => {
      for (const name of Object.keys(readers)) {
        for (const size of [1, 100_000, 3_000_000]) {
          const response = await fetch(`http://127.0.0.1:${port}/${name}`, {
            method: "POST",
            body: "x".repeat(size),
          });
          assert.equal(await response.text(), String(size), name);
        }
      }
    });
  });

  it("refuses to read a body twice", async () => {
    const handler: FetchHandler = async (request) => {
      await request.text();
      await assert.rejects(request.text(), TypeError);
      assert.throws(() => request.clone(), TypeError);
      return new Response("refused");
    };
    await withServer(handler, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "x" });
      assert.equal(await response.text(), "refused");
    });
  });

  it("copies a Request by clone(); the constructor takes it as init on each runtime", async () => {
    const handler: FetchHandler = (request) => {
      const isStandard = ((): boolean => {
        try {
          return new Request(request).url === request.url;
        } catch (error) {
          // Node's constructor looks into private slots that only its own objects have.
          assert.ok(error instanceof TypeError);
          return false;
        }
      })();
      assert.equal(isStandard, RUNTIME !== "node");
      assert.equal(new Request(request.url, request).headers.get("x-a"), "b");
      assert.equal(new Request(request.clone()).headers.get("x-a"), "b");
      return new Response("copied");
    };
    await withServer(handler, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { "x-a": "b" } });
      assert.equal(await response.text(), "copied");
    });
  });

  it("lets a refused client finish its upload and read the answer", async () => {
    await withServer(() => new Response("no", { status: 413 }), async (port) => {
      const connection = await connectRaw(port);
      connection.socket.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 3000000\r\n\r\n`);
      connection.socket.write(new Uint8Array(3_000_000));
      assert.equal(statusOf(await connection.until(isComplete)), 413);
      connection.socket.destroy();
    });
  });

  it("answers 431, or 400 on Deno, to a header section that is too large", async () => {
    await withServer(() => new Response("never"), async (port) => {
      const fields = `X-Large: ${"a".repeat(80_000)}\r\n`;
      const connection = await connectRaw(port);
      connection.socket.write(`GET / HTTP/1.1\r\n${HOST}${fields}\r\n`);
      await connection.until((text) => text.includes("\r\n\r\n"));
      assert.equal(statusOf(connection.received()), RUNTIME === "deno" ? 400 : 431);
      connection.socket.destroy();
    });
  });

  it("refuses requests whose framing is ambiguous", async () => {
    await withServer(async (request) => new Response(await request.text()), async (port) => {
      for (
        const fields of [
          "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length: 3\r\nContent-Length: 4\r\n",
          "Transfer-Encoding: xchunked\r\n",
          "Content-Length : 3\r\n",
          "X: a\r\n folded\r\n",
        ]
      ) {
        const answer = await exchangeRaw(port, `POST / HTTP/1.1\r\n${HOST}${fields}\r\nabc`);
        assert.equal(statusOf(answer), 400, fields);
      }
    });
  });

  it("close() ends what is idle, finishes what is under way, cuts off what takes too long", async () => {
    for (const [graceMs, isAnswered] of [[5000, true], [20, false], [0, false]] as const) {
      const gate = createGate();
      const handler: FetchHandler = async (request) => {
        if (request.url.endsWith("/slow")) await gate.pass();
        return new Response("done");
      };
      const { listen } = await testRuntime();
      const listener = await listen(handler, { hostname: "127.0.0.1", port: 0 });
      const idle = await connectRaw(listener.port);
      idle.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
      await idle.until(isComplete);
      const busy = await connectRaw(listener.port);
      busy.socket.write(`GET /slow HTTP/1.1\r\n${HOST}\r\n`);
      await gate.entered;
      const closing = listener.close(graceMs);
      if (isAnswered) setTimeout(gate.open, 10);
      await Promise.all([closing, idle.closed]);
      // Deno cannot cut off after it began to drain: there the process's end does it.
      if (RUNTIME === "deno" && graceMs === 20) gate.open();
      else {
        await busy.closed;
        assert.equal(busy.received().endsWith("done"), isAnswered);
      }
      gate.open();
      await busy.closed;
      await assert.rejects(fetch(`http://127.0.0.1:${listener.port}/`));
    }
  });

  it("close() cuts off at once when it is called again", async () => {
    const gate = createGate();
    const handler: FetchHandler = async () => {
      await gate.pass();
      return new Response("done");
    };
    const { listen } = await testRuntime();
    const listener = await listen(handler, { hostname: "127.0.0.1", port: 0 });
    const busy = await connectRaw(listener.port);
    busy.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await gate.entered;
    const draining = listener.close(60_000);
    await listener.close(0);
    await draining;
    gate.open();
    await busy.closed;
  });

  it("rejects an address that is taken", async () => {
    const { listen } = await testRuntime();
    await withServer(() => new Response(), async (port) => {
      await assert.rejects(listen(() => new Response(), { hostname: "127.0.0.1", port }), {
        code: "ERR_CONFIG",
        reason: "EADDRINUSE",
        message: `Cannot listen on 127.0.0.1 port ${port}: EADDRINUSE`,
      });
    });
  });

  if (RUNTIME === "node") {
    it("refuses tunnels, and survives a client that resets one", async () => {
      await withServer(() => new Response("alive"), async (port) => {
        const connection = await connectRaw(port);
        connection.socket.write(`CONNECT a.example:443 HTTP/1.1\r\n${HOST}\r\n`);
        assert.equal(statusOf(await connection.until(isComplete)), 405);
        connection.socket.resetAndDestroy();
        const answer = await exchangeRaw(port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
        assert.equal(bodyOf(answer), "alive");
      });
    });

    it("cuts off a client that takes too long for its header section", async () => {
      await withServer(() => new Response("never"), async (port) => {
        const connection = await connectRaw(port);
        connection.socket.write("GET / HTTP/1.1\r\nHost: a");
        await connection.closed;
        assert.equal(statusOf(connection.received()), 408);
      }, { headerReadMs: 100 });
    });
  }
});
