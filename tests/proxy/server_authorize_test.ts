import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSigningKey } from "../../lib/jwt/keys.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import {
  createAtiDirectory,
  removeDirectory,
  runServer,
  sendRaw,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";

const SECRET = generateHs256Secret();
const CREDENTIAL = "canary-upstream-credential";
const [ours, stranger] = await Promise.all([generateEs256KeyPair(), generateEs256KeyPair()]);
const ROUTES: Readonly<Record<string, string>> = {
  plain: "",
  tokens: 'auth = "jwt"\nforward_authorization_paths = ["/own/*"]\nforward_websockets = true',
  both: 'auth = "signature+jwt"\nscope = "llm"',
  either: 'auth = "any"',
};

let directory = "";
let upstream: TestUpstream;
let server: TestServer;

before(async () => {
  upstream = await startUpstream();
  const names = Object.keys(ROUTES);
  directory = createAtiDirectory({
    ...Object.fromEntries(names.map((name) => [
      `manifests/${name}.toml`,
      upstreamManifest(name, upstream.url, ROUTES[name]),
    ])),
    credentials: JSON.stringify({
      ...Object.fromEntries(names.map((name) => [`${name}_key`, CREDENTIAL])),
      sandbox_signing_shared_secret: SECRET,
    }),
    "jwt.pem": ours.publicPem,
  });
  server = await startServer({
    ATI_DIR: directory,
    ATI_JWT_PUBLIC_KEY: join(directory, "jwt.pem"),
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
  });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

async function issue(scope: string, pem = ours.privatePem): Promise<string> {
  return await issueToken({ sub: "agent-7", scope }, await importSigningKey(pem));
}

async function sign(path: string): Promise<Record<string, string>> {
  const secret = parseSigningSecret(SECRET);
  return { "x-sandbox-signature": await signSandboxRequest({ method: "GET", path }, { secret }) };
}

/** What the upstream was sent, or the status and reason of a refusal. */
async function get(path: string, headers: Record<string, string>): Promise<unknown> {
  const response = await server.get(path, headers);
  const body = await response.json() as { headers: Record<string, string>; reason?: string };
  if (response.status !== 200) return [response.status, body.reason];
  assert.equal(body.headers["x-ati-token"], undefined);
  assert.equal(body.headers["x-sandbox-signature"], undefined);
  return body.headers["authorization"];
}

const INJECTED = `Bearer ${CREDENTIAL}`;

test("server.ts asks on each route for what its manifest says, in mode enforce", async () => {
  const all = `Bearer ${await issue("passthrough:* llm:GET:/v1/*")}`;
  const foreign = `Bearer ${await issue("*", stranger.privatePem)}`;
  for (
    const [path, headers, expected] of [
      ["/plain/v1/x", { authorization: all }, [403, "missing_signature"]],
      ["/plain/v1/x", await sign("/plain/v1/x"), INJECTED],
      ["/tokens/v1/x", {}, [401, "missing_credentials"]],
      ["/tokens/v1/x", await sign("/tokens/v1/x"), [401, "missing_credentials"]],
      ["/tokens/v1/x", { authorization: foreign }, [401, "invalid_token"]],
      ["/tokens/v1/x", { authorization: all }, INJECTED],
      ["/both/v1/x", { authorization: all }, [403, "missing_signature"]],
      ["/both/v1/x", { ...await sign("/both/v1/x"), "x-ati-token": all }, INJECTED],
      ["/both/v2", { ...await sign("/both/v2"), authorization: all }, [403, "insufficient_scope"]],
      ["/either/v1/x", {}, [401, "signature_or_token_required"]],
      ["/either/v1/x", await sign("/either/v1/x"), INJECTED],
      ["/either/v1/x", { ...await sign("/either/v1"), authorization: all }, INJECTED],
      ["/nowhere", { authorization: all }, [403, "missing_signature"]],
    ] as const
  ) {
    assert.deepEqual(await get(path, headers), expected, `${path} ${Object.keys(headers)}`);
  }
});

test("server.ts sends the client's own Authorization upstream, and the session token nowhere", async () => {
  const token = await issue("passthrough:tokens:GET:/own/*");
  const own = { authorization: "Bearer sk-own" };
  assert.deepEqual(await get("/tokens/own/x", own), [401, "missing_credentials"]);
  assert.equal(await get("/tokens/own/x", { ...own, "x-ati-token": token }), "Bearer sk-own");
  const misplaced = { authorization: `Bearer ${token}` };
  assert.deepEqual(await get("/tokens/own/x", misplaced), [401, "missing_credentials"]);
  assert.deepEqual(await get("/tokens/v1/x", { ...own, "x-ati-token": token }), [
    403,
    "insufficient_scope",
  ]);
});

/** Raw targets under a scope for `GET /v1/*`, and the status of the answer. */
const TARGETS: readonly (readonly [target: string, status: RegExp, method?: string])[] = [
  ["/tokens/v1/x", /^200$/],
  ["/tokens/%761/x", /^200$/],
  ["http://other.example/tokens/v1/x", /^200$/],
  ["/tokens/v1", /^403$/],
  ["/tokens/v1x", /^403$/],
  ["/tokens/V1/x", /^403$/],
  ["/tokens/v1/x", /^403$/, "DELETE"],
  ["/tokens/v1%2fx", /^400$/],
  ["/tokens/v1%2f..%2fadmin", /^400$/],
  ["/tokens/v1/..;/admin", /^400$/],
  ["/tokens//v1/x", /^400$/],
  // Bun resolves dot segments before anyone can see them: what is left is outside the scope.
  ["/tokens/v1/../admin", /^40[03]$/],
  ["/tokens/v1/%2e%2e/admin", /^40[03]$/],
  ["/tokens/v1\\..\\admin", /^40[03]$/],
];

test("server.ts compares scopes with the path that stood on the request line", async () => {
  const token = await issue("passthrough:tokens:GET:/v1/*");
  for (const [target, status, method = "GET"] of TARGETS) {
    const answer = await sendRaw(
      server.port,
      `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
        "Connection: close\r\n\r\n",
    );
    assert.match(answer.slice(9, 12), status, `${method} ${target}`);
  }
});

test("server.ts asks an upgrade for the same token and scope as a GET", async () => {
  for (
    const [scope, status] of [[undefined, 401], ["passthrough:tokens:POST", 403]] as const
  ) {
    const token = scope === undefined ? "" : `Authorization: Bearer ${await issue(scope)}\r\n`;
    const answer = await sendRaw(
      server.port,
      `GET /tokens/socket HTTP/1.1\r\nHost: 127.0.0.1\r\n${token}Connection: Upgrade, close\r\n` +
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert.equal(Number(answer.slice(9, 12)), status);
    assert.match(answer, /www-authenticate: Bearer/i);
  }
});

test("server.ts does not start with a route that asks for tokens and no keys for them", async () => {
  const { exited, output } = runServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
  });
  assert.notEqual(await exited, 0);
  assert.match(output(), /provider "(?:both|tokens)".*ATI_JWT_PUBLIC_KEY/);
});
