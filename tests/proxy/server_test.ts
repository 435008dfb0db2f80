import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { parsePem } from "../../lib/encoding/pem.ts";
import { encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import type { IssueInput } from "../../lib/jwt/issue.ts";
import { importSigningKey } from "../../lib/jwt/keys.ts";
import { nativeHashes } from "../../lib/runtime/hashes.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import {
  createAtiDirectory,
  removeDirectory,
  sendRaw,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";

const SECRET = generateHs256Secret();
const CREDENTIAL = "canary-upstream-credential";
const pairs = await Promise.all([
  generateEs256KeyPair(),
  generateEs256KeyPair(),
  generateEs256KeyPair(),
]);
const [first, second, stranger] = pairs;

let directory = "";
let upstream: TestUpstream;
let server: TestServer;

before(async () => {
  upstream = await startUpstream();
  directory = createAtiDirectory({
    "manifests/echo.toml": upstreamManifest("echo", upstream.url, 'deny_paths = ["/private/*"]'),
    "credentials": JSON.stringify({
      echo_key: CREDENTIAL,
      sandbox_signing_shared_secret: SECRET,
    }),
    "first.pem": first.publicPem,
    "second.pem": second.publicPem,
  });
  server = await startServer({
    ATI_DIR: directory,
    ATI_JWT_PUBLIC_KEY: `${join(directory, "first.pem")},${join(directory, "second.pem")}`,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "warn",
  });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

async function issue(input: Partial<IssueInput> = {}, pem = first.privatePem, nowMs = Date.now()) {
  const key = await importSigningKey(pem);
  return await issueToken({ sub: "agent-7", scope: "help", ...input }, key, { now: () => nowMs });
}

async function sign(path: string, method = "GET"): Promise<Record<string, string>> {
  const secret = parseSigningSecret(SECRET);
  return { "x-sandbox-signature": await signSandboxRequest({ method, path }, { secret }) };
}

test("server.ts serves health and the published keys of a rotation", async () => {
  const health = await (await server.get("/health")).json() as Record<string, unknown>;
  assert.deepEqual([health["status"], health["auth"], health["providers"]], ["ok", "jwt", 1]);
  const jwks = await (await server.get("/.well-known/jwks.json")).json() as {
    keys: { kid: string }[];
  };
  assert.deepEqual(jwks.keys.map(({ kid }) => kid), [first.kid, second.kid]);
});

test("server.ts accepts tokens of both keys in rotation", async () => {
  for (const { privatePem } of [first, second]) {
    const response = await server.get("/whoami", {
      authorization: `Bearer ${await issue({}, privatePem)}`,
    });
    assert.equal(response.status, 200);
    const body = await response.json() as Record<string, unknown>;
    assert.deepEqual([body["sub"], body["authenticated_by"]], ["agent-7", "jwt"]);
  }
});

/** HS256 with the public PEM as the secret: what a careless verifier accepts. */
async function confuse(keyBytes: Uint8Array): Promise<string> {
  const [, payload] = (await issue()).split(".");
  const header = encodeBase64Url(
    encodeUtf8(JSON.stringify({ alg: "HS256", typ: "JWT", kid: first.kid })),
  );
  const mac = await nativeHashes.hmacSha256(keyBytes, encodeUtf8(`${header}.${payload}`));
  return `${header}.${payload}.${encodeBase64Url(mac)}`;
}

async function replaceHeader(header: Record<string, unknown>, keepSignature: boolean) {
  const [, payload, signature] = (await issue()).split(".");
  const encoded = encodeBase64Url(encodeUtf8(JSON.stringify(header)));
  return `${encoded}.${payload}.${keepSignature ? signature : ""}`;
}

async function tamper(): Promise<string> {
  const [header, payload = "", signature] = (await issue()).split(".");
  const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  const changed = encodeBase64Url(encodeUtf8(JSON.stringify({ ...claims, sub: "admin" })));
  return `${header}.${changed}.${signature}`;
}

const REFUSED_TOKENS: readonly (readonly [what: string, token: () => Promise<string>])[] = [
  ["expired", () => issue({ ttlSeconds: 10 }, first.privatePem, Date.now() - 3_600_000)],
  ["not yet valid", () => issue({ nbf: Math.floor(Date.now() / 1000) + 3600, ttlSeconds: 7200 })],
  ["wrong audience", () => issue({ aud: "ati-prox" })],
  ["unknown key", () => issue({}, stranger.privatePem)],
  ["tampered claims", tamper],
  ["HS256 signed with the public PEM", () => confuse(encodeUtf8(first.publicPem))],
  ["HS256 signed with the public DER", () => confuse(parsePem(first.publicPem)[0]!.bytes)],
  ["alg none", () => replaceHeader({ alg: "none" }, false)],
  ["alg None, signature kept", () => replaceHeader({ alg: "None" }, true)],
  ["a foreign typ", () => replaceHeader({ alg: "ES256", typ: "dpop+jwt" }, true)],
  ["oversize", () => Promise.resolve(`a.${"b".repeat(12_000)}.c`)],
  ["no token", () => Promise.resolve("x")],
];

test("server.ts refuses every bad token with 401 invalid_token", async () => {
  for (const [what, token] of REFUSED_TOKENS) {
    const response = await server.get("/whoami", { authorization: `Bearer ${await token()}` });
    assert.equal(response.status, 401, what);
    assert.match(response.headers.get("www-authenticate") ?? "", /error="invalid_token"/, what);
    const body = await response.json() as Record<string, unknown>;
    assert.equal(body["reason"], "invalid_token");
  }
  const bare = await server.get("/whoami");
  assert.deepEqual([bare.status, bare.headers.get("www-authenticate")], [
    401,
    'Bearer realm="ati"',
  ]);
  await bare.body?.cancel();
});

test("server.ts refuses two Authorization headers, whichever comes first", async () => {
  const good = `Authorization: Bearer ${await issue()}`;
  for (
    const pair of [[good, good], [good, "Authorization: Bearer x"], [
      "authorization: Bearer x",
      good,
    ]]
  ) {
    const head = `GET /whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${
      pair.join("\r\n")
    }\r\n\r\n`;
    assert.match(await sendRaw(server.port, head), /^HTTP\/1\.1 401 /);
  }
  const head = `GET /whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${good}\r\n\r\n`;
  assert.match(await sendRaw(server.port, head), /^HTTP\/1\.1 200 /);
});

test("server.ts forwards with the credential and tells the verdict of the signature", async () => {
  const unsigned = await server.get("/echo/a?b=c", { authorization: "Bearer mine", "x-mine": "1" });
  assert.equal(unsigned.headers.get("x-signature-status"), "missing_signature");
  const body = await unsigned.json() as { url: string; headers: Record<string, string> };
  assert.equal(body.url, "/a?b=c");
  assert.equal(body.headers["authorization"], `Bearer ${CREDENTIAL}`);
  assert.equal(body.headers["x-mine"], "1");
  const signed = await server.get("/echo/a", await sign("/echo/a"));
  assert.equal(signed.headers.get("x-signature-status"), "valid");
  await signed.body?.cancel();
  assert.equal((await server.get("/echo/private/a")).status, 403);
});

/** Targets that no client library would send. What a runtime turns a target into may differ: */
const HOSTILE_TARGETS: readonly string[] = [
  "/echo/../whoami",
  "/echo/%2e%2e/whoami",
  "/echo/a/..%2fprivate/x",
  "/echo/private%2fa",
  "/echo/private%5ca",
  "/echo/%00",
  "/echo//private/a",
  "/echo/./private/a",
  "/echo/pri%76ate/a",
  "/echo/private;x=1/a",
  "/echo/PRIVATE/a",
  "/echo/%2570rivate/a",
  "http://127.0.0.1/echo/private/a",
];

test("no spelling of a denied path reaches the upstream over a real socket", async () => {
  for (const target of HOSTILE_TARGETS) {
    const head = `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    const answer = await sendRaw(server.port, head);
    assert.match(answer, /^HTTP\/1\.1 40[0134] /, `${target}: ${answer.split("\r\n")[0]}`);
    assert.doesNotMatch(answer, /canary/, target);
  }
});

test("server.ts logs one line a request, with the fields operators search for", async () => {
  const response = await server.get("/echo/logged", await sign("/echo/logged"));
  await response.text();
  const deadline = Date.now() + 10_000;
  const find = () => server.records().filter(({ path }) => path === "/echo/logged");
  while (find().length === 0 && Date.now() < deadline) {
    await new Promise((go) => setTimeout(go, 10));
  }
  assert.equal(find().length, 1);
  const { message, level, status, route, mode, valid, reason, job_id } = find()[0] ?? {};
  assert.deepEqual(
    { message, level, status, route, mode, valid, reason, job_id },
    {
      message: "sig_verify",
      level: "INFO",
      status: 200,
      route: "echo",
      mode: "Warn",
      valid: true,
      reason: "valid",
      job_id: "none",
    },
  );
  assert.match(server.output(), /"valid":true,"reason":"valid"/);
});

test("server.ts logs an answer without a body once", async () => {
  await fetch(`${server.url}/echo/bodiless`, { method: "HEAD" });
  await server.get("/health");
  const find = (path: string) => server.records().filter((record) => record["path"] === path);
  const deadline = Date.now() + 10_000;
  while (find("/echo/bodiless").length === 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(find("/echo/bodiless").map(({ status }) => status), [200]);
});

test("neither credential, secret nor token shows in the log", () => {
  assert.doesNotMatch(server.output(), /canary|eyJ/);
  assert.ok(!server.output().includes(SECRET));
});

test("SIGHUP takes new credentials in, keeps the old ones when the file is broken", async () => {
  const file = join(directory, "credentials");
  const good = JSON.stringify({
    echo_key: "canary-rotated",
    sandbox_signing_shared_secret: SECRET,
  });
  const authorization = async () => {
    const response = await server.get("/echo/a");
    return (await response.json() as { headers: Record<string, string> }).headers["authorization"];
  };
  writeFileSync(file, good);
  process.kill(server.child.pid!, "SIGHUP");
  await server.waitFor("reloaded");
  assert.equal(await authorization(), "Bearer canary-rotated");

  writeFileSync(file, "{ broken");
  process.kill(server.child.pid!, "SIGHUP");
  await server.waitFor("reload failed: the last good configuration stays in force");
  assert.equal(await authorization(), "Bearer canary-rotated");
  const signed = await server.get("/echo/a", await sign("/echo/a"));
  assert.equal(signed.headers.get("x-signature-status"), "valid");
  await signed.body?.cancel();
  assert.doesNotMatch(server.output(), /canary|broken"/);
});
