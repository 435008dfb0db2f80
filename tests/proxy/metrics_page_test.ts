import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestInfo } from "../../lib/ports.ts";
import { readExposition, valueOf } from "../telemetry/_exposition.ts";
import {
  chatManifest,
  createTestProxy,
  issueTestToken,
  NOW_MS,
  readProblem,
  SIGNING_SECRET,
} from "./_proxy.ts";
import type { TestProxy } from "./_proxy.ts";

const TOKEN = "canary-metrics-token-0123456789";
const HERE: RequestInfo = { remoteAddress: "127.0.0.1" };
const AWAY: RequestInfo = { remoteAddress: "192.0.2.7" };

function open(
  token?: string,
  more: Parameters<typeof createTestProxy>[0] = {},
): Promise<TestProxy> {
  return createTestProxy({ ...more, config: { metricsToken: token } });
}

interface Case {
  readonly name: string;
  readonly token?: string;
  readonly info?: RequestInfo;
  readonly headers?: Record<string, string>;
  /** `ok`, or the reason of the refusal. */
  readonly verdict: "ok" | "missing_credentials" | "invalid_token";
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

const CASES: readonly Case[] = [
  { name: "this machine", info: HERE, verdict: "ok" },
  { name: "this machine, IPv6", info: { remoteAddress: "::1" }, verdict: "ok" },
  { name: "this machine, mapped", info: { remoteAddress: "::ffff:127.0.0.1" }, verdict: "ok" },
  {
    name: "this machine, by address",
    info: HERE,
    headers: { host: "127.0.0.1:8090" },
    verdict: "ok",
  },
  { name: "this machine, by IPv6", info: HERE, headers: { host: "[::1]:8090" }, verdict: "ok" },
  { name: "this machine, token or not", token: TOKEN, info: HERE, verdict: "ok" },
  { name: "another machine", info: AWAY, verdict: "missing_credentials" },
  { name: "nobody knows where", info: {}, verdict: "missing_credentials" },
  {
    name: "another machine, lying",
    info: AWAY,
    headers: { host: "localhost" },
    verdict: "missing_credentials",
  },
  ...["forwarded", "x-forwarded-for", "x-real-ip", "via"].map((name): Case => ({
    name: `behind a proxy here that says so by ${name}`,
    info: HERE,
    headers: { [name]: "127.0.0.1" },
    verdict: "missing_credentials",
  })),
  {
    name: "behind a proxy that hands on the host",
    info: HERE,
    headers: { host: "api.example.com" },
    verdict: "missing_credentials",
  },
  {
    name: "a name that was made to point here",
    info: HERE,
    headers: { host: "localhost.evil.test:8090" },
    verdict: "missing_credentials",
  },
  {
    name: "another machine with the token",
    token: TOKEN,
    info: AWAY,
    headers: bearer(TOKEN),
    verdict: "ok",
  },
  {
    name: "nobody knows where, with the token",
    token: TOKEN,
    headers: bearer(TOKEN),
    verdict: "ok",
  },
  {
    name: "the token in any case of the scheme",
    token: TOKEN,
    headers: { authorization: `bEARER  ${TOKEN}` },
    verdict: "ok",
  },
  {
    name: "behind a proxy with the token",
    token: TOKEN,
    info: HERE,
    headers: { ...bearer(TOKEN), via: "1.1 a" },
    verdict: "ok",
  },
  {
    name: "a wrong token",
    token: TOKEN,
    info: AWAY,
    headers: bearer(`${TOKEN}x`),
    verdict: "invalid_token",
  },
  {
    name: "the beginning of the token",
    token: TOKEN,
    headers: bearer(TOKEN.slice(0, -1)),
    verdict: "invalid_token",
  },
  {
    name: "the token in another scheme",
    token: TOKEN,
    headers: { authorization: `Basic ${TOKEN}` },
    verdict: "invalid_token",
  },
  {
    name: "a wrong token from this machine",
    token: TOKEN,
    info: HERE,
    headers: bearer("wrong"),
    verdict: "invalid_token",
  },
  {
    name: "a token where none is configured",
    info: HERE,
    headers: bearer(TOKEN),
    verdict: "invalid_token",
  },
  {
    name: "an empty token where none is configured",
    info: AWAY,
    headers: { authorization: "Bearer " },
    verdict: "invalid_token",
  },
  {
    name: "the word undefined where none is configured",
    info: AWAY,
    headers: bearer("undefined"),
    verdict: "invalid_token",
  },
];

for (const { name, token, info = {}, headers = {}, verdict } of CASES) {
  test(`GET /metrics for ${name}: ${verdict}`, async () => {
    const { send, requests, lines } = await open(token);
    const response = await send(
      "/metrics",
      { headers: { host: "localhost:8090", ...headers } },
      info,
    );
    if (verdict === "ok") {
      assert.equal(response.status, 200);
      assert.equal(
        response.headers.get("content-type"),
        "text/plain; version=0.0.4; charset=utf-8",
      );
      assert.equal(response.headers.get("cache-control"), "no-store");
      readExposition(await response.text());
      assert.equal(requests()[0]?.["level"], "DEBUG");
    } else {
      assert.equal(response.status, 401);
      assert.equal((await readProblem(response))["reason"], verdict);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer realm="ati"/);
      const [record] = requests();
      assert.deepEqual([record?.["level"], record?.["error_reason"]], ["INFO", verdict]);
    }
    assert.doesNotMatch(lines.join(), /canary/);
  });
}

test("/metrics answers HEAD without a body, and no other method", async () => {
  const { send } = await open();
  const headers = { host: "localhost" };
  const head = await send("/metrics", { method: "HEAD", headers }, HERE);
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  const post = await send("/metrics", { method: "POST", headers }, HERE);
  assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
});

test("/metrics needs no signature, also in mode enforce", async () => {
  const { send } = await open(undefined, {
    signature: { mode: "enforce" },
    entries: { sandbox_signing_shared_secret: "b2".repeat(32) },
  });
  const response = await send("/metrics", { headers: { host: "localhost" } }, HERE);
  assert.equal(response.status, 200);
});

test("/metrics is the proxy's own on every host, whatever routes there are", async () => {
  const manifest = chatManifest('host_match = "localhost"').replace('path_prefix = "/chat"\n', "");
  const { send, sent } = await open(undefined, {
    manifests: [manifest],
    entries: { chat_key: "k" },
  });
  const response = await send("/metrics", { headers: { host: "localhost" } }, HERE);
  assert.match(await response.text(), /ati_build_info/);
  assert.deepEqual(sent, []);
});

test("/metrics tells the reasons of denials that say more than bad_request", async () => {
  const { send } = await createTestProxy({
    manifests: [chatManifest('auth = "any"\nforward_authorization_paths = ["/own"]')],
    entries: { chat_key: "k", sandbox_signing_shared_secret: SIGNING_SECRET },
    now: () => NOW_MS,
  });
  const token = await issueTestToken({ scope: "passthrough:chat" });
  const both = { ...bearer(token), "x-ati-token": token };
  assert.equal((await send("/chat/own", { headers: both })).status, 400);
  assert.equal((await send("/chat/a")).status, 401);
  assert.equal((await send("/chat/a", { headers: { authorization: "Basic x" } })).status, 401);
  assert.equal((await send("/chat/a", { headers: bearer("x") })).status, 401);
  const text = await (await send("/metrics", { headers: { host: "localhost" } }, HERE)).text();
  for (
    const reason of [
      "session_token_in_authorization",
      "signature_or_token_required",
      "unsupported_scheme",
      "invalid_token",
    ]
  ) {
    const denial = { route: "chat", reason };
    assert.equal(valueOf(text, "ati_passthrough_denied_total", denial), 1, reason);
  }
});

test("/metrics tells what the proxy did, and keeps it over a reload", async () => {
  const { send, proxy } = await createTestProxy({
    manifests: [chatManifest('deny_paths = ["/secret", "/chat/secret"]')],
    entries: { chat_key: "k" },
    now: () => NOW_MS,
    fetch: () => Promise.resolve(new Response("four")),
  });
  await (await send("/chat/a")).text();
  await (await send("/chat/secret")).text();
  await (await send("/elsewhere/a")).text();
  await (await send("/whoami")).text();
  await proxy.reload();
  const response = await send("/metrics", { headers: { host: "localhost" } }, HERE);
  const text = await response.text();
  const requests = (route: string, status_class: string): number | undefined =>
    valueOf(text, "ati_proxy_requests_total", { route, method: "GET", status_class });
  assert.equal(requests("chat", "2xx"), 1);
  assert.equal(requests("chat", "4xx"), 1);
  assert.equal(requests("/__passthrough_or_unmatched", "4xx"), 1);
  assert.equal(requests("/whoami", "4xx"), 1);
  const denial = { route: "chat", reason: "path_denied" };
  assert.equal(valueOf(text, "ati_passthrough_denied_total", denial), 1);
  const verdict = { mode: "Log", reason: "missing_signature" };
  assert.equal(valueOf(text, "ati_signature_verdicts_total", verdict), 4);
  assert.equal(valueOf(text, "ati_proxy_reloads_total", { result: "success" }), 1);
  assert.equal(valueOf(text, "ati_proxy_bytes_total", { route: "chat", direction: "sent" }), 4);
  assert.equal(valueOf(text, "ati_proxy_open_requests"), 1, "the one that asks");
});
