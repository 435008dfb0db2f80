import assert from "node:assert/strict";
import { test } from "node:test";
import { webHashes } from "../../lib/encoding/hashes.ts";
import { MAX_HELD_BODY_BYTES, MAX_SIGNED_BODY_BYTES } from "../../lib/limits.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import type { SigningInput } from "../../lib/signature/sign.ts";
import {
  chatManifest,
  createTestProxy,
  NOW_MS,
  readProblem,
  signed,
  SIGNING_SECRET,
} from "./_proxy.ts";
import type { TestProxy, TestProxyOptions } from "./_proxy.ts";

const ENTRIES = { chat_key: "k", sandbox_signing_shared_secret: SIGNING_SECRET };

function withMode(
  mode: "log" | "warn" | "enforce",
  options: TestProxyOptions = {},
): TestProxyOptions {
  const signature = { mode, ...options.signature };
  return { manifests: [chatManifest()], entries: ENTRIES, ...options, signature };
}

/** A proxy whose upstream answers with the body it got. */
function createEcho(
  mode: "log" | "warn" | "enforce",
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> =>
    new Response(await new Response(init?.body ?? null).arrayBuffer());
  return createTestProxy(withMode(mode, { fetch, ...options }));
}

async function sign(
  request: Partial<SigningInput> = {},
  options: { readonly nonce?: string; readonly nowMs?: number } = {},
): Promise<Record<string, string>> {
  const header = await signSandboxRequest({ method: "POST", path: "/chat/a", ...request }, {
    secret: parseSigningSecret(SIGNING_SECRET),
    version: 2,
    nonce: options.nonce,
    now: () => options.nowMs ?? NOW_MS,
  });
  return { "x-sandbox-signature": header };
}

async function reasonOf(response: Response): Promise<unknown> {
  assert.equal(response.status, 403);
  return (await readProblem(response))["reason"];
}

/** A body of unknown length, in pieces. */
function stream(...pieces: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const bytes = pieces.map((piece) => typeof piece === "string" ? encoder.encode(piece) : piece);
  return new ReadableStream({
    pull(controller): void {
      const next = bytes.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
}

function streamed(init: Record<string, unknown>): RequestInit {
  return { method: "POST", duplex: "half", ...init } as RequestInit;
}

test("mode enforce takes a signature of version 2 and hands the body on, however it comes", async () => {
  const { send } = await createEcho("enforce");
  const body = '{"a":"é"}';
  const forms: readonly (readonly [string, () => RequestInit])[] = [
    ["declared", () => ({ headers: { "content-length": "10" }, body })],
    ["undeclared", () => ({ body })],
    ["pieces", () => ({ body: stream('{"a":', '"', "", 'é"}') })],
    ["chunked", () => ({ headers: { "transfer-encoding": "chunked" }, body: stream(body) })],
  ];
  for (const [name, form] of forms) {
    const { headers, ...init } = form();
    const all = { ...headers as Record<string, string>, ...await sign({ body }) };
    const response = await send("/chat/a", streamed({ ...init, headers: all }));
    assert.equal(await response.text(), body, name);
    assert.equal(response.status, 200, name);
  }
});

test("mode enforce takes a signature of version 2 once", async () => {
  const { send, requests } = await createEcho("enforce");
  const headers = await sign({ body: "x" });
  const post = { method: "POST", headers, body: "x" };
  assert.equal(await (await send("/chat/a", post)).text(), "x");
  assert.equal(await reasonOf(await send("/chat/a", post)), "replayed_nonce");
  assert.deepEqual(requests().map(({ valid, reason }) => [valid, reason]), [
    [true, "valid"],
    [false, "replayed_nonce"],
  ]);
});

test("of two requests with one nonce at the same time, one passes", async () => {
  for (const hashes of [undefined, webHashes]) {
    const { send } = await createEcho("enforce", hashes && { hashes });
    const nonce = "0123456789abcdef";
    const bodies = ["a", "b", "c", "d"];
    const statuses = await Promise.all(bodies.map(async (body) => {
      const headers = await sign({ body }, { nonce });
      const response = await send("/chat/a", streamed({ headers, body: stream(body) }));
      await response.text();
      return response.status;
    }));
    assert.deepEqual(statuses.sort(), [200, 403, 403, 403]);
  }
});

test("a forged signature uses up no nonce", async () => {
  const { send } = await createEcho("enforce");
  const headers = await sign({ body: "x" });
  const forged = await send("/chat/b", { method: "POST", headers, body: "x" });
  assert.equal(await reasonOf(forged), "hmac_mismatch");
  assert.equal((await send("/chat/a", { method: "POST", headers, body: "x" })).status, 200);
});

test("a signature of version 2 covers query and body", async () => {
  const { send, sent } = await createEcho("enforce");
  const query = "?limit=1&x=%20";
  const post = async (path: string, body: string | null): Promise<Response> =>
    await send(path, { method: "POST", headers: await sign({ query, body: "x" }), body });
  assert.equal(await reasonOf(await post("/chat/a?limit=2", "x")), "hmac_mismatch");
  assert.equal(await reasonOf(await post("/chat/a", "x")), "hmac_mismatch");
  for (const body of ["y", "xx", "", null]) {
    assert.equal(await reasonOf(await post(`/chat/a${query}`, body)), "body_mismatch");
  }
  assert.deepEqual(sent, []);
  assert.equal((await post(`/chat/a${query}`, "x")).status, 200);
});

test("a method without a body is signed as one with an empty body", async () => {
  const { send } = await createEcho("enforce");
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS"]) {
    const headers = await sign({ method });
    assert.equal((await send("/chat/a", { method, headers })).status, 200, method);
    const other = await sign({ method, body: "x" });
    const refused = await send("/chat/a", { method, headers: other });
    assert.equal(refused.status, 403, method);
    if (method !== "HEAD") assert.equal(await reasonOf(refused), "body_mismatch", method);
  }
  const headers = await sign({ method: "DELETE", body: "x" });
  const deleted = await send("/chat/a", { method: "DELETE", headers, body: "x" });
  assert.equal(await deleted.text(), "x");
});

test("bytes after a GET are no signed body", async () => {
  const { send } = await createEcho("enforce");
  for (const framing of [{ "content-length": "3" }, { "transfer-encoding": "chunked" }]) {
    const headers = { ...await sign({ method: "GET" }), ...framing };
    assert.equal(await reasonOf(await send("/chat/a", { headers })), "body_mismatch");
  }
  const headers = { ...await sign({ method: "GET" }), "content-length": "0" };
  assert.equal((await send("/chat/a", { headers })).status, 200);
});

test("a signed body may have 8 MiB and not one byte more", async () => {
  const { send } = await createEcho("enforce");
  const body = new Uint8Array(MAX_SIGNED_BODY_BYTES).fill(1);
  const more = new Uint8Array(MAX_SIGNED_BODY_BYTES + 1).fill(1);
  for (const declares of [true, false]) {
    const post = async (bytes: Uint8Array<ArrayBuffer>): Promise<Response> => {
      const length = declares ? { "content-length": String(bytes.length) } : {};
      const headers = { ...length, ...await sign({ body: bytes }) };
      const half = bytes.length >> 1;
      const pieces = [bytes.subarray(0, half), bytes.subarray(half)];
      return await send("/chat/a", streamed({ headers, body: stream(...pieces) }));
    };
    const response = await post(body);
    assert.equal((await response.arrayBuffer()).byteLength, body.length);
    assert.equal(await reasonOf(await post(more)), "body_too_large");
  }
});

test("modes log and warn refuse nothing: what cannot be checked goes on whole", async () => {
  const more = new Uint8Array(MAX_SIGNED_BODY_BYTES + 1).fill(1);
  more[more.length - 1] = 2;
  for (const mode of ["log", "warn"] as const) {
    const { send, requests } = await createEcho(mode);
    const half = more.length >> 1;
    const large = streamed({
      headers: await sign({ body: more }),
      body: stream(more.subarray(0, half), more.subarray(half), "tail"),
    });
    const answer = new Uint8Array(await (await send("/chat/a", large)).arrayBuffer());
    assert.equal(answer.length, more.length + 4);
    assert.deepEqual([answer[0], answer[more.length - 1], answer.at(-1)], [1, 2, 108]);

    const headers = await sign({ body: "x" });
    for (const body of ["y", "x"]) {
      const response = await send("/chat/a", { method: "POST", headers, body });
      assert.equal(await response.text(), body);
    }
    assert.deepEqual(
      requests().map(({ reason }) => reason),
      ["body_too_large", "body_mismatch", "replayed_nonce"],
    );
  }
  const { send } = await createEcho("warn");
  const headers = await sign({ body: "x" });
  const response = await send("/chat/a", { method: "POST", headers, body: "y" });
  assert.equal(response.headers.get("x-signature-status"), "body_mismatch");
});

test("a nonce is used up although the body was another", async () => {
  const { send } = await createEcho("enforce");
  const headers = await sign({ body: "x" });
  const reasons = [];
  for (const body of ["y", "x"]) {
    reasons.push(await reasonOf(await send("/chat/a", { method: "POST", headers, body })));
  }
  assert.deepEqual(reasons, ["body_mismatch", "replayed_nonce"]);
});

test("a client that goes away while its signed body is read is logged as such", async () => {
  for (const mode of ["enforce", "log"] as const) {
    const { send, requests, sent } = await createEcho(mode);
    const body = new ReadableStream({
      start(controller): void {
        controller.enqueue(new TextEncoder().encode("x"));
        controller.error(new Error("gone"));
      },
    });
    const response = await send("/chat/a", streamed({ headers: await sign({ body: "xy" }), body }));
    assert.equal(response.status, 499);
    assert.equal(requests()[0]?.["status"], 499);
    assert.deepEqual(sent, []);
  }
});

test("version 1 is refused where version 2 is asked for, by name", async () => {
  const { send } = await createEcho("enforce", { signature: { minVersion: 2 } });
  assert.equal(
    await reasonOf(await send("/chat/a", { headers: await signed("/chat/a") })),
    "version_too_old",
  );
  const headers = await sign({ method: "GET" });
  assert.equal((await send("/chat/a", { headers })).status, 200);
  const { requests, ...log } = await createEcho("log", { signature: { minVersion: 2 } });
  const response = await log.send("/chat/a", { headers: await signed("/chat/a") });
  assert.equal(response.status, 200);
  await response.text();
  assert.equal(requests()[0]?.["reason"], "version_too_old");
});

test("a reload forgets no nonce", async () => {
  const { send, proxy } = await createEcho("enforce");
  const headers = await sign({ method: "GET" });
  assert.equal((await send("/chat/a", { headers })).status, 200);
  assert.ok((await proxy.reload()).ok);
  assert.equal(await reasonOf(await send("/chat/a", { headers })), "replayed_nonce");
});

test("a nonce is remembered as long as its signature lasts, of one from the future twice as long", async () => {
  let now = NOW_MS;
  const { send } = await createEcho("enforce", { now: () => now });
  const headers = await sign({ method: "GET" }, { nowMs: NOW_MS + 60_000 });
  assert.equal((await send("/chat/a", { headers })).status, 200);
  now += 120_999;
  assert.equal(await reasonOf(await send("/chat/a", { headers })), "replayed_nonce");
  now += 1;
  assert.equal(await reasonOf(await send("/chat/a", { headers })), "expired_timestamp_drift=61s");
});

test("what is held of bodies is bounded, and given back whatever becomes of the request", async () => {
  const body = new Uint8Array(MAX_SIGNED_BODY_BYTES);
  const rounds = MAX_HELD_BODY_BYTES / MAX_SIGNED_BODY_BYTES + 1;
  const fetch = (): Promise<Response> => Promise.resolve(new Response("ok"));
  const { send } = await createTestProxy(withMode("enforce", { fetch }));
  const target = { "/chat/a": 200, "/nowhere": 401 };
  for (const [path, status] of Object.entries(target)) {
    for (let round = 0; round < rounds; round++) {
      const headers = await sign({ path, body });
      const response = await send(path, { method: "POST", headers, body });
      assert.equal(response.status, status, `${path} ${round}`);
    }
  }
});

test("beyond the bound a body is refused, and in mode log forwarded unchecked", async () => {
  const body = new Uint8Array(MAX_SIGNED_BODY_BYTES);
  const held = MAX_HELD_BODY_BYTES / MAX_SIGNED_BODY_BYTES;
  for (const mode of ["enforce", "log"] as const) {
    let answer = (): void => {};
    const waiting = new Promise<void>((resolve) => answer = resolve);
    let arrived = 0;
    let allArrived = (): void => {};
    const arrival = new Promise<void>((resolve) => allArrived = resolve);
    const fetch = async (): Promise<Response> => {
      if (++arrived === held) allArrived();
      if (arrived <= held) await waiting;
      return new Response("ok");
    };
    const { send, requests } = await createTestProxy(withMode(mode, { fetch }));
    const header = async (): Promise<RequestInit> => ({
      method: "POST",
      headers: await sign({ body }),
      body,
    });
    const first = await Promise.all(Array.from({ length: held }, header));
    const under = first.map((init) => send("/chat/a", init));
    await arrival;
    const late = await send("/chat/a", await header());
    if (mode === "enforce") assert.equal(await reasonOf(late), "body_room_full");
    else assert.equal(await late.text(), "ok");
    assert.equal(requests().at(-1)?.["reason"], "body_room_full", mode);
    answer();
    for (const response of await Promise.all(under)) assert.equal(response.status, 200);
    assert.equal((await send("/chat/a", await header())).status, 200);
  }
});
