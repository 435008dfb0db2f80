import assert from "node:assert/strict";
import { test } from "node:test";

import { PassthroughError } from "../../lib/errors.ts";
import { forward } from "../../lib/passthrough/forward.ts";
import { createSlots } from "../../lib/passthrough/slots.ts";
import type { HeaderList, ResponseParts, StreamEnd, UpstreamResponse } from "../../lib/ports.ts";
import { makeRoute, makeTarget } from "./_provider.ts";

const END: StreamEnd = { bytesSent: 0, bytesReceived: 0 };

/** An upstream whose answers end when told. */
function createHeldUpstream(headers: HeaderList = []) {
  const held: ResponseParts[] = [];
  let failure: Error | undefined;
  return {
    held,
    fail: (error: Error): void => void (failure = error),
    upstream: (): Promise<UpstreamResponse> => {
      if (failure !== undefined) return Promise.reject(failure);
      return Promise.resolve({
        status: 200,
        statusText: "",
        headers,
        respond(parts): Response {
          held.push(parts);
          return new Response(null, { status: parts.status });
        },
        cancel(): void {},
      });
    },
  };
}

test("createSlots() gives as many places as the limit, for each name apart", () => {
  const slots = createSlots();
  const first = slots.take("a", 2);
  assert.ok(first && slots.take("a", 2));
  assert.equal(slots.take("a", 2), undefined);
  assert.ok(slots.take("b", 1));
  first();
  first();
  assert.ok(slots.take("a", 2));
  assert.equal(slots.take("a", 2), undefined, "a place that is given back twice is one place");
});

test("createSlots() counts what is under way against a limit that changed", () => {
  const slots = createSlots();
  const releases = [slots.take("a", 3), slots.take("a", 3)];
  assert.equal(slots.take("a", 2), undefined);
  assert.equal(slots.take("a", 1), undefined);
  for (const release of releases) release?.();
  assert.ok(slots.take("a", 1));
});

async function send(
  ports: Parameters<typeof forward>[1],
  onClose?: (end: StreamEnd) => void,
): Promise<Response> {
  const route = makeRoute({ max_concurrent_requests: 1 });
  const request = new Request("http://localhost/");
  return await forward({ route, request, target: makeTarget("/x/a"), onClose }, ports);
}

const BUSY = { code: "ERR_ROUTE_BUSY" };

test("forward() refuses what exceeds the cap until an exchange ends", async () => {
  const slots = createSlots();
  const { upstream, held } = createHeldUpstream();
  const ends: StreamEnd[] = [];
  await send({ upstream, slots }, (end) => ends.push(end));
  await assert.rejects(send({ upstream, slots }), BUSY);
  held[0]?.onClose?.(END);
  assert.deepEqual(ends, [END]);
  await send({ upstream, slots });
  await assert.rejects(send({ upstream, slots }), BUSY);
});

test("forward() frees the place of an exchange that fails", async () => {
  const slots = createSlots();
  const failing = createHeldUpstream();
  failing.fail(new PassthroughError("ERR_UPSTREAM_CONNECT", "Cannot connect"));
  for (let round = 0; round < 3; round++) {
    await assert.rejects(send({ upstream: failing.upstream, slots }), {
      code: "ERR_UPSTREAM_CONNECT",
    });
  }
  const large = createHeldUpstream([["content-length", "99999"]]);
  for (let round = 0; round < 3; round++) {
    await assert.rejects(send({ upstream: large.upstream, slots }), {
      code: "ERR_RESPONSE_TOO_LARGE",
    });
  }
  await send({ upstream: createHeldUpstream().upstream, slots });
});

test("forward() takes no place for what it refuses by itself", async () => {
  const slots = createSlots();
  const { upstream } = createHeldUpstream();
  const route = makeRoute({ max_concurrent_requests: 1, deny_paths: ["/no"] });
  for (let round = 0; round < 3; round++) {
    const request = new Request("http://localhost/");
    await assert.rejects(
      forward({ route, request, target: makeTarget("/x/no") }, { upstream, slots }),
      { code: "ERR_PATH_DENIED" },
    );
  }
  await send({ upstream, slots });
});

test("forward() does not forward over a capped route without slots", async () => {
  const { upstream, held } = createHeldUpstream();
  await assert.rejects(send({ upstream }), TypeError);
  assert.equal(held.length, 0);
});
