import assert from "node:assert/strict";
import { test } from "node:test";
import { chatManifest, createTestProxy } from "./_proxy.ts";
import type { LogRecord } from "./_proxy.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT_REGEXP = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

interface Traced {
  readonly record: LogRecord | undefined;
  readonly sent: Headers;
}

async function trace(headers: Record<string, string>, extra = ""): Promise<Traced> {
  let sent = new Headers();
  const { send, requests } = await createTestProxy({
    manifests: [chatManifest(extra)],
    entries: { chat_key: "k" },
    fetch: (_, init) => {
      sent = new Headers(init?.headers);
      return Promise.resolve(new Response("x"));
    },
  });
  await (await send("/chat/a", { headers })).text();
  return { record: requests()[0], sent };
}

test("a request without a trace begins one, and the log has its ids", async () => {
  const { record, sent } = await trace({});
  const [, traceId, spanId, flags] = PARENT_REGEXP.exec(sent.get("traceparent") ?? "") ?? [];
  assert.equal(record?.["trace_id"], traceId);
  assert.equal(record?.["span_id"], spanId);
  assert.equal(flags, "02", "random, and not recorded by anybody yet");
  assert.equal(sent.get("tracestate"), null);
});

test("a request inside a trace goes on in it, under a span of the proxy", async () => {
  for (const flags of ["00", "01", "03"]) {
    const { record, sent } = await trace({
      traceparent: `00-${TRACE}-${SPAN}-${flags}`,
      tracestate: "rojo=1, congo=2",
    });
    const [, traceId, spanId, sentFlags] = PARENT_REGEXP.exec(sent.get("traceparent") ?? "") ?? [];
    assert.deepEqual([traceId, sentFlags], [TRACE, flags]);
    assert.notEqual(spanId, SPAN);
    assert.deepEqual([record?.["trace_id"], record?.["span_id"]], [TRACE, spanId]);
    assert.equal(sent.get("tracestate"), "rojo=1,congo=2");
  }
});

test("a trace context that is none is neither handed on nor logged", async () => {
  for (
    const traceparent of ["canary", `00-${"0".repeat(32)}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`]
  ) {
    const { record, sent } = await trace({ traceparent, tracestate: "canary=1" });
    assert.match(sent.get("traceparent") ?? "", PARENT_REGEXP);
    assert.notEqual(record?.["trace_id"], TRACE);
    assert.equal(sent.get("tracestate"), null);
    assert.doesNotMatch(JSON.stringify([record, [...sent]]), /canary/);
  }
  const { sent } = await trace({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "Canary=1" });
  assert.equal(sent.get("tracestate"), null);
});

test("a trace field that the route sets itself is the route's", async () => {
  const extra = `extra_headers = { traceparent = "00-${TRACE}-${SPAN}-01" }`;
  const { sent } = await trace({ traceparent: `00-${TRACE}-${"1".repeat(16)}-00` }, extra);
  assert.equal(sent.get("traceparent"), `00-${TRACE}-${SPAN}-01`);
});

test("a request that is not forwarded has its trace in the log all the same", async () => {
  const { send, requests } = await createTestProxy();
  await send("/health", { headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
  await send("/%", { headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
  for (const record of requests()) {
    assert.equal(record["trace_id"], TRACE);
    assert.match(String(record["span_id"]), /^[0-9a-f]{16}$/);
  }
  assert.equal(requests().length, 2);
});
