import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { encodeBase64 } from "../../lib/encoding/base64.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { startRawUpstream } from "../runtime/_gateway.ts";
import type { Peer } from "../runtime/_gateway.ts";
import { connectRaw } from "../runtime/_raw.ts";
import { createAtiDirectory, removeDirectory, startServer, startUpstream } from "./_server.ts";
import { upstreamManifest } from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";

const SECRET = "canary/secret+0123456789";
const STARS = "*".repeat(SECRET.length);
const FORMS = [
  SECRET,
  `Bearer ${SECRET}`,
  encodeURIComponent(SECRET),
  encodeBase64(encodeUtf8(SECRET)),
  encodeBase64(encodeUtf8(`Bearer ${SECRET}`)),
  encodeHex(encodeUtf8(SECRET)).toUpperCase(),
  JSON.stringify(SECRET).replaceAll("/", "\\/"),
];
const LARGE = `${"x".repeat(70_000)}${SECRET}`.repeat(4);

let directory = "";
let upstream: TestUpstream;
let broken: Peer;
let server: TestServer;
let release = (): void => {};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (request.url) {
    case "/small":
      response.setHeader("content-length", SECRET.length + 2);
      return void response.end(`<${SECRET}>`);
    case "/large":
      response.writeHead(200, { "content-length": LARGE.length, "content-md5": "x", digest: "y" });
      return void response.end(LARGE);
    case "/pieces":
      for (const character of FORMS.join("\n")) {
        response.write(character);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return void response.end();
    case "/events":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n");
      await new Promise<void>((resolve) => release = resolve);
      response.write(`data: ${SECRET.slice(0, 9)}`);
      await new Promise<void>((resolve) => release = resolve);
      return void response.end(`${SECRET.slice(9)}\n\n`);
    case "/gzip":
      response.setHeader("content-encoding", "gzip");
      return void response.end(gzipSync(SECRET));
    case "/identity":
      response.setHeader("content-encoding", "identity");
      return void response.end(SECRET);
    case "/none":
      return void response.writeHead(204, { "x-echo": `a ${SECRET}` }).end();
    default:
      response.setHeader("x-echo", FORMS.map((form) => form.replaceAll('"', "")));
      return void response.end(JSON.stringify(request.headers));
  }
}

before(async () => {
  upstream = await startUpstream((request, response) => void answer(request, response));
  broken = await startRawUpstream((socket) => {
    socket.once("data", () => {
      socket.write(`HTTP/1.1 200 Echo ${SECRET}\r\ncontent-length: 99\r\n\r\n`);
      socket.write(`begun ${SECRET.slice(0, 9)}`, () => setTimeout(() => socket.destroy(), 50));
    });
  });
  directory = createAtiDirectory({
    "manifests/clean.toml": upstreamManifest("clean", upstream.url, "redact_response = true"),
    "manifests/plain.toml": upstreamManifest("plain", upstream.url),
    "manifests/broken.toml": upstreamManifest("broken", broken.url, "redact_response = true"),
    "credentials": JSON.stringify({ clean_key: SECRET, plain_key: SECRET, broken_key: SECRET }),
  });
  server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" });
});

after(async () => {
  await server.kill();
  await upstream.close();
  await broken.close();
  removeDirectory(directory);
});

test("redact_response takes the credential out of a small body and keeps its length", async () => {
  const response = await server.get("/clean/small");
  assert.equal(await response.text(), `<${STARS}>`);
  assert.equal(response.headers.get("content-length"), String(SECRET.length + 2));
  assert.equal(await (await server.get("/plain/small")).text(), `<${SECRET}>`);
});

test("redact_response takes it out of a large body, and drops digests of the other one", async () => {
  const response = await server.get("/clean/large");
  assert.equal(await response.text(), LARGE.replaceAll(SECRET, STARS));
  assert.equal(response.headers.get("content-md5"), null);
  assert.equal(response.headers.get("digest"), null);
});

test("redact_response finds every form in a body that comes byte by byte", async () => {
  const text = await (await server.get("/clean/pieces")).text();
  const forms = FORMS.join("\n");
  assert.equal(text.length, forms.length);
  // All that is left: the word before, quotes, and what base64 shares with the word before.
  assert.match(text.replaceAll("\n", "").replaceAll("*", ""), /^Bearer QmVhcmVyIG""$/);
});

test("redact_response asks for whole bodies without a coding", async () => {
  const sent = { "accept-encoding": "gzip, br", range: "bytes=0-4", "if-range": '"a"' };
  const echo = await server.get("/clean/headers", sent);
  const headers = JSON.parse(await echo.text()) as Record<string, string>;
  assert.match(headers["accept-encoding"] ?? "", /^identity(, identity)?$/);
  assert.deepEqual([headers["range"], headers["if-range"]], [undefined, undefined]);
  assert.equal(headers["authorization"], `Bearer ${STARS}`);
  const plain = await server.get("/plain/headers", sent);
  assert.match(await plain.text(), /gzip, br.*bytes=0-4/);
});

test("redact_response refuses a body in a coding all the same", async () => {
  const response = await server.get("/clean/gzip");
  assert.equal(response.status, 502);
  assert.ok(!(await response.text()).includes(SECRET));
  const record = await server.findRecord(({ path }) => path === "/clean/gzip");
  assert.equal(record["error_reason"], "encoded_response");
  assert.equal(await (await server.get("/clean/identity")).text(), STARS);
});

test("secrets in header fields do not reach the client on any route, in no form", async () => {
  for (const path of ["/clean/headers", "/plain/headers", "/clean/none"]) {
    const response = await server.get(path);
    await response.arrayBuffer();
    const echo = response.headers.get("x-echo") ?? "";
    assert.match(echo, /\[redacted\]/, path);
    for (const form of FORMS) assert.ok(!echo.includes(form), path);
  }
});

test("redact_response lets events through as they come", { timeout: 20_000 }, async () => {
  const client = await connectRaw(server.port);
  client.socket.write("GET /clean/events HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await client.until((text) => text.includes("data: first\n\n"));
  release();
  const begun = await client.until((text) =>
    text.includes("data: first\n\n") && /data: \r?\n?/.test(text.split("first")[1] ?? "")
  );
  assert.ok(!begun.includes(SECRET.slice(0, 9)));
  release();
  const whole = await client.until((text) => text.includes("*\n\n"));
  assert.ok(!whole.includes(SECRET.slice(9)) && whole.includes(`${"*".repeat(9)}`));
  client.socket.destroy();
});

test("redact_response gives nothing away when the upstream breaks off", async () => {
  const client = await connectRaw(server.port);
  client.socket.write("GET /broken/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await client.closed;
  const received = client.received();
  assert.ok(!received.includes(SECRET.slice(0, 9)), "what was held back is dropped");
  assert.ok(!received.includes(SECRET), "nor is it in the reason phrase");
});

test("the log holds no form of the secret", () => {
  for (const form of FORMS) assert.ok(!server.output().includes(form));
});
