import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { Agent } from "undici";
import type { Dispatcher } from "undici";
import type { DispatchController, DispatchHandler } from "../../lib/runtime/_dispatch.ts";
import { UndiciHandler } from "../../lib/runtime/_undici_handler.ts";
import { startRawUpstream } from "./_gateway.ts";
import { RUNTIME } from "./_program.ts";

const OPTIONS = { timeout: 30_000 } as const;
const ON_NODE = {
  ...OPTIONS,
  skip: RUNTIME === "node" ? false : `${RUNTIME} does not call upstreams with undici`,
} as const;

type Hook = "start" | "headers" | "data" | "end" | "error";

/** What a handler was told, and what it is to do about it. */
function createRecorder(
  act: (hook: Hook, controller: DispatchController) => void = () => {},
): { readonly handler: DispatchHandler; readonly told: string[]; readonly over: Promise<void> } {
  const told: string[] = [];
  let markOver: () => void;
  const over = new Promise<void>((resolve) => markOver = resolve);
  let current: DispatchController;
  const handler: DispatchHandler = {
    onRequestStart(controller): void {
      current = controller;
      told.push("start");
      act("start", controller);
    },
    onResponseStart(controller, status): void {
      told.push(`${status}`);
      act("headers", controller);
    },
    onResponseData(controller, chunk): void {
      told.push(chunk.toString());
      act("data", controller);
    },
    onResponseEnd(): void {
      told.push("end");
      act("end", current);
      markOver();
    },
    onResponseError(_controller, error): void {
      told.push(error.message);
      markOver();
    },
  };
  return { handler, told, over };
}

const bytes = (text: string): Buffer => new TextEncoder().encode(text) as Buffer;

describe("UndiciHandler", OPTIONS, () => {
  it("holds the body back from a pause to the next resume, and resumes once", () => {
    let resumed = 0;
    const { handler } = createRecorder();
    const core = new UndiciHandler(handler);
    core.resume();
    core.onConnect(() => {});
    core.resume();
    assert.equal(core.onHeaders(200, [], () => resumed++), true);
    core.resume();
    assert.equal(resumed, 0);
    core.pause();
    core.pause();
    assert.equal(core.onData(bytes("a")), false);
    core.resume();
    core.resume();
    assert.equal(resumed, 1);
    assert.equal(core.onData(bytes("b")), true);
  });

  it("goes on where a pause is taken back inside the hook that made it", () => {
    const { handler } = createRecorder((hook, controller) => {
      if (hook !== "headers" && hook !== "data") return;
      controller.pause();
      controller.resume();
    });
    const core = new UndiciHandler(handler);
    core.onConnect(() => {});
    assert.equal(core.onHeaders(200, [], () => {}), true);
    assert.equal(core.onData(bytes("a")), true);
  });

  it("aborts once, and not before there is something to abort", () => {
    const reasons: string[] = [];
    const { handler } = createRecorder();
    const core = new UndiciHandler(handler);
    core.abort(new Error("early"));
    core.onConnect((reason) => reasons.push(reason.message));
    core.abort(new Error("first"));
    core.abort(new Error("second"));
    assert.deepEqual(reasons, ["first"]);
  });

  it("shows the fields of the last header section", () => {
    const seen: unknown[] = [];
    const { handler, told } = createRecorder((hook, { rawHeaders }) => {
      if (hook === "headers") seen.push(rawHeaders);
    });
    const core = new UndiciHandler(handler);
    const [early, last] = [[bytes("link"), bytes("a")], [bytes("x"), bytes("b")]];
    core.onConnect(() => {});
    core.onHeaders(103, early, () => {});
    core.onHeaders(200, last, () => {}, "OK");
    core.onComplete();
    assert.deepEqual(seen, [early, last]);
    assert.deepEqual(told, ["start", "103", "200", "end"]);
  });
});

const WHOLE = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" +
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\nX-T: 1\r\n\r\n";

/** Answers each request with bytes. */
function startAnswering(answer: (socket: Socket) => void): ReturnType<typeof startRawUpstream> {
  return startRawUpstream((socket) => void socket.on("data", () => answer(socket)));
}

/** Sends a request and waits for its end. */
async function dispatch(
  agent: Agent,
  origin: string,
  recorder: ReturnType<typeof createRecorder>,
  method = "GET",
): Promise<readonly string[]> {
  const options = { origin, path: "/", method, headers: [], body: null };
  agent.dispatch(
    options as unknown as Dispatcher.DispatchOptions,
    new UndiciHandler(recorder.handler) as unknown as Dispatcher.DispatchHandler,
  );
  await recorder.over;
  return recorder.told;
}

async function withAgent(
  answer: (socket: Socket) => void,
  use: (agent: Agent, origin: string) => Promise<void>,
  pipelining = 1,
): Promise<void> {
  const peer = await startAnswering(answer);
  const agent = new Agent({ pipelining });
  try {
    await use(agent, peer.url);
  } finally {
    await agent.destroy();
    await peer.close();
  }
}

describe("UndiciHandler under undici", ON_NODE, () => {
  it("is told of interim answers, of a body with trailers, and of its end", async () => {
    for (const pipelining of [0, 1]) {
      await withAgent((socket) => void socket.write(WHOLE), async (agent, origin) => {
        for (let turn = 0; turn < 3; turn++) {
          const told = await dispatch(agent, origin, createRecorder());
          assert.deepEqual(told, ["start", "103", "200", "ab", "cd", "end"]);
        }
      }, pipelining);
    }
  });

  it("takes pieces that were held back in order, however long", async () => {
    await withAgent((socket) => void socket.write(WHOLE), async (agent, origin) => {
      const recorder = createRecorder((hook, controller) => {
        if (hook !== "headers" && hook !== "data") return;
        controller.pause();
        setTimeout(() => controller.resume(), 5);
      });
      const told = await dispatch(agent, origin, recorder);
      assert.deepEqual(told, ["start", "103", "200", "ab", "cd", "end"]);
    });
  });

  for (const stage of ["start", "headers", "data"] as const) {
    for (const order of ["abort", "pause abort", "abort resume", "pause abort resume abort"]) {
      it(`ends once after ${order} inside ${stage}, and the agent goes on`, async () => {
        await withAgent((socket) => void socket.write(WHOLE), async (agent, origin) => {
          const recorder = createRecorder((hook, controller) => {
            if (hook !== stage) return;
            for (const step of order.split(" ")) {
              if (step === "abort") controller.abort(new Error("given up"));
              else controller[step as "pause" | "resume"]();
            }
          });
          const told = await dispatch(agent, origin, recorder);
          const before = { start: 1, headers: 2, data: 4 }[stage];
          assert.deepEqual(told, [...["start", "103", "200", "ab"].slice(0, before), "given up"]);
          const next = await dispatch(agent, origin, createRecorder());
          assert.deepEqual(next, ["start", "103", "200", "ab", "cd", "end"]);
          assert.equal(told.length, before + 1, "nothing after the end");
        });
      });
    }
  }

  it("is told once that the upstream died, wherever it did, also while held back", async () => {
    for (const length of [0, 10, 42, 60, 90, 93, 97, WHOLE.length - 2]) {
      for (const isHeld of [false, true]) {
        for (const method of ["resetAndDestroy", "end"] as const) {
          await withAgent(
            (socket) => void socket.write(WHOLE.slice(0, length), () => socket[method]()),
            async (agent, origin) => {
              const recorder = createRecorder((hook, controller) => {
                if (!isHeld || hook !== "data") return;
                controller.pause();
                setTimeout(() => controller.resume(), 20);
              });
              const told = await dispatch(agent, origin, recorder);
              assert.equal(told[0], "start");
              assert.ok(!told.includes("end"), `${length}: ${told}`);
            },
          );
        }
      }
    }
  });

  it("has no body to wait for after HEAD, 204 and 304", async () => {
    const cases = [
      ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "200"],
      ["GET", "HTTP/1.1 204 No Content\r\n\r\n", "204"],
      ["GET", "HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n", "304"],
    ] as const;
    for (const [method, answer, status] of cases) {
      await withAgent((socket) => void socket.write(answer), async (agent, origin) => {
        const told = await dispatch(agent, origin, createRecorder(), method);
        assert.deepEqual(told, ["start", status, "end"]);
      });
    }
  });
});
