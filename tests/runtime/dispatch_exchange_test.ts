import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import type { StreamEnd, UpstreamRequest, UpstreamResponse } from "../../lib/ports.ts";
import type { DispatchController, DispatchHandler } from "../../lib/runtime/_dispatch.ts";
import { DispatchExchange } from "../../lib/runtime/_dispatch_exchange.ts";
import { openHttpUpstream } from "../../lib/runtime/upstream_http.ts";
import { makeUpstreamRequest } from "../passthrough/_origin.ts";

const OPTIONS = { timeout: 30_000 } as const;
const HEADERS = ["content-type", "text/plain"];

function request(change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return makeUpstreamRequest("http://127.0.0.1:1/", {
    deadlines: { connectMs: 5000, headersMs: 0, idleMs: 0, totalMs: 0 },
    keepAliveMs: 60_000,
    ...change,
  });
}

/** An upload whose first piece is there and whose rest never comes. */
function openUpload(): { incoming: Request; cancelled: Promise<void> } {
  let markCancelled: () => void;
  const cancelled = new Promise<void>((resolve) => markCancelled = resolve);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from("hello")),
    cancel: () => markCancelled(),
  });
  const init = { method: "POST", body, duplex: "half" } as RequestInit;
  return { incoming: new Request("http://localhost/", init), cancelled };
}

/** An exchange over a dispatch that the test plays. */
async function play(
  act: (handler: DispatchHandler, controller: DispatchController) => void,
  resume: (handler: DispatchHandler, controller: DispatchController) => void = () => {},
): Promise<UpstreamResponse> {
  return await new DispatchExchange(
    (_options, handler) => {
      const controller: DispatchController = {
        rawHeaders: HEADERS,
        pause(): void {},
        resume: () => resume(handler, controller),
        abort(): void {},
      };
      handler.onRequestStart(controller);
      act(handler, controller);
    },
    request(),
    { relays: false },
  ).start();
}

test(
  "DispatchExchange takes a body that goes on, or ends, inside the taking",
  OPTIONS,
  async () => {
    const pieces = ["b", "c"];
    let give = (): void => {};
    const ends: StreamEnd[] = [];
    const answer = await play(
      (handler, controller) => {
        handler.onResponseStart(controller, 200, HEADERS);
        give = () => handler.onResponseData(controller, Buffer.from("a"));
      },
      // Deno's `resume` emits what is there before it returns.
      (handler, controller) => {
        const piece = pieces.shift();
        if (piece !== undefined) handler.onResponseData(controller, Buffer.from(piece));
        else handler.onResponseEnd();
      },
    );
    const response = answer.respond({
      status: 200,
      statusText: "",
      headers: [],
      onClose: (end) => ends.push(end),
    });
    const text = response.text();
    give();
    assert.equal(await text, "abc");
    assert.deepEqual(ends.map(({ bytesSent, error }) => [bytesSent, error]), [[3, undefined]]);
  },
);

test("DispatchExchange looks at nothing that comes after its end", OPTIONS, async () => {
  let late = (): void => {};
  const answer = await play((handler, controller) => {
    handler.onResponseStart(controller, 200, HEADERS);
    late = () => {
      handler.onResponseData(controller, Buffer.from("late"));
      handler.onResponseEnd();
    };
  });
  const response = answer.respond({ status: 200, statusText: "", headers: [] });
  answer.cancel();
  late();
  await assert.rejects(response.text());
});

test("DispatchExchange refuses what is no answer", OPTIONS, async (t) => {
  await t.test("an end without one, as after a status of 099", async () => {
    await assert.rejects(
      play((handler, controller) => {
        handler.onResponseStart(controller, 99, HEADERS);
        handler.onResponseEnd();
      }),
      { code: "ERR_UPSTREAM_FAILED", reason: "failed" },
    );
  });
  await t.test("a status that no standard response can have", async () => {
    await assert.rejects(
      play((handler, controller) => handler.onResponseStart(controller, 600, HEADERS)),
      { code: "ERR_UPSTREAM_FAILED", reason: "status" },
    );
  });
});

test("an upstream that answers before the upload is through ends both", OPTIONS, async () => {
  let gone: Promise<void> | undefined;
  let sent = "";
  const server = createServer((socket: Socket) => {
    gone = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {/* a reset is a close */});
    socket.on("data", (chunk) => {
      sent += chunk;
      if (sent.includes("hello")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { upstream, close } = openHttpUpstream();
  try {
    const { incoming, cancelled } = openUpload();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const answer = await upstream(request({ method: "POST", url, incoming }));
    const response = answer.respond({ status: 200, statusText: "", headers: [] });
    assert.equal(await response.text(), "hi");
    await cancelled;
    await gone;
    assert.ok(!sent.endsWith("0\r\n\r\n"), "what there was does not pass for the whole");
  } finally {
    await close();
    server.close();
  }
});
