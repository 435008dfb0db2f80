import assert from "node:assert/strict";
import { test } from "node:test";
import { generateEs256KeyPair } from "../../lib/jwt/generate.ts";
import { importVerificationKeys } from "../../lib/jwt/keys.ts";
import {
  bearer,
  chatManifest,
  createTestProxy,
  NOW_MS,
  readProblem,
  readSources,
} from "./_proxy.ts";

const TOOLS = `[provider]
name = "weather"
description = "Weather"
base_url = "https://weather.test"
[[tools]]
name = "weather_now"
description = "Now"
endpoint = "/now"
[[tools]]
name = "weather_later"
description = "Later"
endpoint = "/later"`;
const INTERNAL = `[provider]
name = "inner"
description = "Inner"
base_url = "https://inner.test"
internal = true
[[tools]]
name = "inner_one"
description = "One"
endpoint = "/one"`;

test("GET /health has the fields of the reference and counts what listings show", async () => {
  const { send } = await createTestProxy({ manifests: [TOOLS, INTERNAL, chatManifest()] });
  const response = await send("/health");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), {
    status: "ok",
    version: "9.9.9",
    tools: 2,
    providers: 3,
    skills: 0,
    auth: "jwt",
    db: "disabled",
  });
});

test("GET /health says when authentication is disabled", async () => {
  const { send } = await createTestProxy({ jwt: false });
  const body = await (await send("/health")).json() as Record<string, unknown>;
  assert.equal(body["auth"], "disabled");
});

test("GET /.well-known/jwks.json publishes the public keys, cacheable", async () => {
  const pairs = await Promise.all([generateEs256KeyPair(), generateEs256KeyPair()]);
  const keys = await Promise.all(pairs.map(({ publicPem }) => importVerificationKeys(publicPem)));
  const sources = await readSources({});
  const load = () =>
    Promise.resolve({
      ...sources,
      jwt: {
        algorithm: "ES256" as const,
        verificationKeys: keys.flat(),
        audiences: ["ati-proxy"],
      },
    });
  const { send } = await createTestProxy({ config: { load } });
  const response = await send("/.well-known/jwks.json");
  assert.equal(response.headers.get("cache-control"), "public, max-age=300");
  const { keys: published } = await response.json() as { keys: Record<string, string>[] };
  assert.deepEqual(published.map(({ kid }) => kid), pairs.map(({ kid }) => kid));
  for (const key of published) {
    assert.deepEqual(Object.keys(key).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  }
});

test("GET /.well-known/jwks.json is 404 with the reference's body without a public key", async () => {
  for (const jwt of [true, false]) {
    const { send } = await createTestProxy({ jwt });
    const response = await send("/.well-known/jwks.json");
    assert.equal(response.status, 404);
    assert.equal(await response.text(), '{"error":"JWKS not configured"}');
  }
});

test("GET /whoami tells who the caller is", async () => {
  const { send } = await createTestProxy();
  const headers = await bearer({
    scope: "tool:a:* help",
    ttlSeconds: 90,
    iss: "issuer",
    jti: "id-1",
    jobId: "job-9",
    sandboxId: "box-9",
  });
  const response = await send("/whoami", { headers });
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(await response.json(), {
    authenticated_by: "jwt",
    sub: "agent-7",
    scopes: ["tool:a:*", "help"],
    expires_at: new Date(NOW_MS + 90_000).toISOString(),
    expires_in_seconds: 90,
    aud: "ati-proxy",
    iss: "issuer",
    job_id: "job-9",
    sandbox_id: "box-9",
    jti: "id-1",
  });
});

test("GET /whoami counts no negative seconds inside the leeway", async () => {
  let now = NOW_MS;
  const { send } = await createTestProxy({ now: () => now });
  const headers = await bearer({ ttlSeconds: 10 });
  now += 30_000;
  const body = await (await send("/whoami", { headers })).json() as Record<string, unknown>;
  assert.equal(body["expires_in_seconds"], 0);
});

test("GET /whoami without authentication is the reference's dev caller", async () => {
  const { send } = await createTestProxy({ jwt: false });
  const body = await (await send("/whoami")).json() as Record<string, unknown>;
  assert.deepEqual([body["authenticated_by"], body["sub"], body["scopes"]], ["none", "dev", ["*"]]);
  assert.deepEqual([body["expires_at"], body["jti"]], [null, null]);
});

test("HEAD is GET without the body", async () => {
  const { send } = await createTestProxy();
  const headers = await bearer();
  for (const path of ["/health", "/whoami", "/nowhere", "/call"]) {
    const [get, head] = await Promise.all([
      send(path, { headers }),
      send(path, { method: "HEAD", headers }),
    ]);
    assert.equal(head.status, get.status, path);
    assert.equal(head.headers.get("content-type"), get.headers.get("content-type"), path);
    assert.equal(await head.text(), "", path);
  }
});

test("another method on a page is 405 and names the methods it takes", async () => {
  const { send } = await createTestProxy();
  for (const path of ["/health", "/.well-known/jwks.json", "/whoami"]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await send(path, { method, headers: await bearer() });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.equal((await readProblem(response))["reason"], "method_not_allowed");
    }
  }
});

test("who may not see a page is not told which methods it takes", async () => {
  const { send } = await createTestProxy();
  const response = await send("/whoami", { method: "POST" });
  assert.deepEqual([response.status, response.headers.get("allow")], [401, null]);
});

test("pages that are not built yet are 404, after authentication", async () => {
  const { send, sent } = await createTestProxy({
    manifests: [chatManifest().replace("/chat", "/")],
  });
  const paths = [
    "/call",
    "/mcp",
    "/help",
    "/tools",
    "/tools/a",
    "/skills",
    "/skills/resolve",
    "/skillati/catalog",
    "/admin/keys",
    "/admin/keys/issue",
  ];
  for (const path of paths) {
    assert.equal((await send(path, { method: "POST" })).status, 401, path);
    const response = await send(path, { method: "POST", headers: await bearer() });
    assert.equal(response.status, 404, path);
    assert.equal((await readProblem(response))["reason"], "not_found");
  }
  assert.deepEqual(sent, []);
});
