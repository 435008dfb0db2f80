/** Signatures of version 2 over real sockets, against server.ts on this runtime. @module */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { after, before, test } from "node:test";
import { MAX_SIGNED_BODY_BYTES } from "../../lib/limits.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import type { SigningInput } from "../../lib/signature/sign.ts";
import { bodyOf, connectRaw, exchangeRaw, statusOf } from "../runtime/_raw.ts";
import {
  createAtiDirectory,
  removeDirectory,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";

const SECRET = "c3".repeat(32);
const CHUNKED = "transfer-encoding: chunked";

let directory = "";
let upstream: TestUpstream;
let server: TestServer;

before(async () => {
  upstream = await startUpstream((request, response) => {
    const hash = createHash("sha256");
    request.on("data", (piece: Uint8Array) => hash.update(piece));
    request.on("end", () => {
      const { "content-length": length, "transfer-encoding": coding } = request.headers;
      const { method, url } = request;
      const seen = { method, url, length, coding, sha256: hash.digest("hex") };
      response.end(JSON.stringify(seen));
    });
  });
  directory = createAtiDirectory({
    "manifests/echo.toml": upstreamManifest("echo", upstream.url),
    "manifests/small.toml": upstreamManifest("small", upstream.url, "max_request_bytes = 10"),
    "credentials": JSON.stringify({
      echo_key: "k",
      small_key: "k",
      sandbox_signing_shared_secret: SECRET,
    }),
  });
  server = await startServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
    ATI_SIG_DRIFT_SECONDS: "600",
  });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function sign(request: Partial<SigningInput>): Promise<string> {
  const secret = parseSigningSecret(SECRET);
  return signSandboxRequest({ method: "POST", path: "/echo/a", ...request }, {
    secret,
    version: 2,
  });
}

/** Sends a request with a body of declared length; its answer, parsed. */
async function send(
  path: string,
  header: string,
  init: { readonly method?: string; readonly body?: string | Uint8Array<ArrayBuffer> } = {},
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const { method = "POST", body } = init;
  const headers = { "x-sandbox-signature": header };
  const response = await fetch(server.url + path, { method, headers, body: body ?? null });
  return { status: response.status, answer: await response.json() as Record<string, unknown> };
}

function rawRequest(header: string, framing: string, body: string, method = "POST"): string {
  return `${method} /echo/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n` +
    `x-sandbox-signature: ${header}\r\n${framing}\r\n\r\n${body}`;
}

function chunked(...pieces: readonly string[]): string {
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${chunks.join("")}0\r\n\r\n`;
}

function seen(raw: string): Record<string, unknown> {
  return JSON.parse(/\{.*\}/.exec(bodyOf(raw))?.[0] ?? "{}") as Record<string, unknown>;
}

test("a header of version 2 is good once", async () => {
  const header = await sign({ body: "x" });
  const { status, answer } = await send("/echo/a", header, { body: "x" });
  assert.deepEqual([status, answer["sha256"]], [200, sha256("x")]);
  const replay = await send("/echo/a", header, { body: "x" });
  assert.deepEqual([replay.status, replay.answer["reason"]], [403, "replayed_nonce"]);
});

test("of several requests with one header at the same time, exactly one passes", async () => {
  const header = await sign({ body: "x" });
  const sent = Array.from({ length: 8 }, () => send("/echo/a", header, { body: "x" }));
  const statuses = (await Promise.all(sent)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, ...Array.from({ length: 7 }, () => 403)]);
});

test("method, path, query and body are covered", async () => {
  const cases: readonly (readonly [string, SigningInput, string])[] = [
    ["method", { method: "PUT", path: "/echo/a", body: "x" }, "hmac_mismatch"],
    ["path", { method: "POST", path: "/echo/b", body: "x" }, "hmac_mismatch"],
    ["query", { method: "POST", path: "/echo/a", query: "?a=1", body: "x" }, "hmac_mismatch"],
    ["body", { method: "POST", path: "/echo/a", body: "y" }, "body_mismatch"],
    ["no body", { method: "POST", path: "/echo/a" }, "body_mismatch"],
  ];
  for (const [what, request, reason] of cases) {
    const { status, answer } = await send("/echo/a", await sign(request), { body: "x" });
    assert.deepEqual([status, answer["reason"]], [403, reason], what);
  }
  const query = "?a=1&b=%20%2F&a=2";
  const { answer } = await send(`/echo/a${query}`, await sign({ query, body: "x" }), { body: "x" });
  assert.deepEqual([answer["url"], answer["sha256"]], [`/a${query}`, sha256("x")]);
});

test("a signature covers the query as it came, but Bun encodes four characters before we see it", async () => {
  const isBun = "Bun" in globalThis;
  for (const [query, status] of [["?q='\"<>", isBun ? 403 : 200], ["?q=%27%22%3c!$[]|", 200]]) {
    const request = rawRequest(await sign({ query: String(query) }), "content-length: 0", "");
    const raw = await exchangeRaw(server.port, request.replace("/echo/a", `/echo/a${query}`));
    assert.equal(statusOf(raw), status, String(query));
  }
});

test("any method may have a signed body, which keeps its length", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    for (const body of ["x", "y".repeat(200_000)]) {
      const header = await sign({ method, body });
      const framing = `content-length: ${body.length}`;
      const raw = await exchangeRaw(server.port, rawRequest(header, framing, body, method));
      assert.equal(statusOf(raw), 200, method);
      const { method: got, length, coding, sha256: hash } = seen(raw);
      assert.deepEqual([got, hash], [method, sha256(body)]);
      assert.deepEqual([length, coding], [String(body.length), undefined], method);
    }
  }
});

test("a request without a body is signed over nothing", async () => {
  for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE"]) {
    for (const framing of ["content-length: 0", "x-none: 1"]) {
      const header = await sign({ method });
      const raw = await exchangeRaw(server.port, rawRequest(header, framing, "", method));
      assert.equal(statusOf(raw), 200, `${method} ${framing}`);
    }
  }
});

test("a chunked body is read to its end, and checked", async () => {
  const framing = CHUNKED;
  const good = rawRequest(await sign({ body: "one two" }), framing, chunked("one", " ", "two"));
  const raw = await exchangeRaw(server.port, good);
  assert.deepEqual([statusOf(raw), seen(raw)["sha256"]], [200, sha256("one two")]);
  const header = await sign({ body: "one two" });
  const bad = await exchangeRaw(server.port, rawRequest(header, framing, chunked("one", "two")));
  assert.deepEqual([statusOf(bad), seen(bad)["reason"]], [403, "body_mismatch"]);
  const empty = await exchangeRaw(server.port, rawRequest(await sign({}), framing, chunked()));
  assert.equal(statusOf(empty), 200);
});

test("a body after GET is refused unread", async () => {
  const header = await sign({ method: "GET", body: "x" });
  const raw = await exchangeRaw(server.port, rawRequest(header, "content-length: 1", "x", "GET"));
  assert.deepEqual([statusOf(raw), seen(raw)["reason"]], [403, "body_mismatch"]);
});

test("a client that asks for 100 Continue gets it once its signature is found good", async () => {
  const framing = "content-length: 1\r\nexpect: 100-continue";
  const connection = await connectRaw(server.port);
  connection.socket.write(rawRequest(await sign({ body: "x" }), framing, ""));
  await connection.until((text) => text.startsWith("HTTP/1.1 100 "));
  connection.socket.write("x");
  const answer = await connection.until((text) => text.includes(sha256("x")));
  connection.socket.destroy();
  assert.match(answer, /^HTTP\/1\.1 100 .*\r\n\r\nHTTP\/1\.1 200 /s);
});

test("a signed body may have 8 MiB and not one byte more", async () => {
  const body = new Uint8Array(MAX_SIGNED_BODY_BYTES).fill(7);
  const { status, answer } = await send("/echo/a", await sign({ body }), { body });
  assert.deepEqual([status, answer["sha256"]], [200, sha256(body)]);
  assert.equal(answer["length"], String(body.length));

  const more = new Uint8Array(MAX_SIGNED_BODY_BYTES + 1).fill(7);
  const refused = await send("/echo/a", await sign({ body: more }), { body: more });
  assert.deepEqual([refused.status, refused.answer["reason"]], [403, "body_too_large"]);
});

test("a route's own limit is in force for a signed body", async () => {
  for (const [size, status] of [[10, 200], [11, 413]] as const) {
    const body = "x".repeat(size);
    for (const [framing, text] of [[CHUNKED, chunked(body)], [`content-length: ${size}`, body]]) {
      const header = await sign({ path: "/small", body });
      const request = rawRequest(header, framing ?? "", text ?? "").replace("/echo/a", "/small");
      assert.equal(statusOf(await exchangeRaw(server.port, request)), status, framing);
    }
  }
});

test("a chunked body beyond 8 MiB is refused as soon as it is", async () => {
  const header = await sign({ body: "x" });
  const connection = await connectRaw(server.port);
  connection.socket.write(rawRequest(header, CHUNKED, ""));
  const piece = "z".repeat(1024 * 1024);
  const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`;
  for (let sent = 0; sent < 9; sent++) connection.socket.write(chunk);
  const answer = await connection.until((text) => text.includes("body_too_large"));
  connection.socket.destroy();
  assert.equal(statusOf(answer), 403);
});

test("a client that goes away inside its signed body ends its request", async () => {
  const body = "x".repeat(200_000);
  const aborted = (): number => server.records().filter(({ status }) => status === 499).length;
  for (const framing of ["content-length: 2", "content-length: 200000", CHUNKED]) {
    const before = aborted();
    const header = await sign({ body: framing === "content-length: 2" ? "xx" : body });
    const connection = await connectRaw(server.port);
    connection.socket.write(rawRequest(header, framing, framing === CHUNKED ? "1\r\nx\r\n" : "x"));
    // What was written is on its way before the end of the connection is.
    connection.socket.end();
    const deadline = Date.now() + 10_000;
    while (aborted() === before) {
      assert.ok(Date.now() < deadline, framing);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    connection.socket.destroy();
  }
});

test("a reload keeps the nonces", async () => {
  const header = await sign({ body: "x" });
  assert.equal((await send("/echo/a", header, { body: "x" })).status, 200);
  process.kill(server.child.pid as number, "SIGHUP");
  await server.waitFor("reloaded");
  const replay = await send("/echo/a", header, { body: "x" });
  assert.deepEqual([replay.status, replay.answer["reason"]], [403, "replayed_nonce"]);
});
