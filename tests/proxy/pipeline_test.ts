import assert from "node:assert/strict";
import { test } from "node:test";
import { PassthroughError } from "../../lib/errors.ts";
import type { ErrorCode } from "../../lib/errors.ts";
import {
  bearer,
  chatManifest,
  createTestProxy,
  CREDENTIAL,
  issueTestToken,
  NOW_MS,
  readProblem,
} from "./_proxy.ts";

const BASE = { manifests: [chatManifest()], entries: { chat_key: CREDENTIAL } };

test("an unknown path needs a token, and then is not found", async () => {
  const { send } = await createTestProxy(BASE);
  assert.equal((await send("/nowhere")).status, 401);
  const response = await send("/nowhere", { headers: await bearer() });
  assert.equal(response.status, 404);
  const problem = await readProblem(response);
  assert.deepEqual([problem["detail"], problem["reason"]], [
    "not found: no passthrough route",
    "no_route",
  ]);
});

test("with passthrough off its paths are unknown and say why", async () => {
  const { send, sent } = await createTestProxy({ ...BASE, passthrough: false });
  const response = await send("/chat/a", { headers: await bearer() });
  assert.equal(response.status, 404);
  assert.equal((await readProblem(response))["detail"], "not found: passthrough disabled");
  assert.deepEqual(sent, []);
});

test("without authentication unknown paths are 404 at once", async () => {
  const { send } = await createTestProxy({ ...BASE, jwt: false });
  assert.equal((await send("/nowhere")).status, 404);
});

test("a passthrough request is forwarded with the credential, without the caller's token", async () => {
  let authorization: string | null = null;
  const { send, sent, requests } = await createTestProxy({
    ...BASE,
    fetch: (_, init) => {
      authorization = new Headers(init?.headers).get("authorization");
      return Promise.resolve(new Response("hello", { status: 201, headers: { "x-up": "1" } }));
    },
  });
  const response = await send("/chat/v1/models?limit=1", { headers: await bearer() });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("x-up"), "1");
  assert.equal(await response.text(), "hello");
  assert.deepEqual(sent, ["GET http://upstream.test/base/v1/models?limit=1"]);
  assert.equal(authorization, `Bearer ${CREDENTIAL}`);
  const [record] = requests();
  assert.equal(requests().length, 1);
  assert.deepEqual(
    [record?.["route"], record?.["status"], record?.["path"], record?.["bytes_sent"]],
    ["chat", 201, "/chat/v1/models", 5],
  );
  assert.equal(record?.["request_id"], response.headers.get("x-ati-request-id"));
});

test("a relayed answer keeps the upstream's own request id", async () => {
  const headers = { "x-request-id": "theirs", "x-ati-request-id": "forged" };
  const fetch = () => Promise.resolve(new Response("", { headers }));
  const { send, requests } = await createTestProxy({ ...BASE, fetch });
  const response = await send("/chat/a");
  await response.text();
  assert.equal(response.headers.get("x-request-id"), "theirs");
  assert.equal(response.headers.get("x-ati-request-id"), requests()[0]?.["request_id"]);
});

const BAD_TOKENS: readonly (readonly [what: string, header: () => Promise<string> | string])[] = [
  ["a tampered token", async () => `Bearer ${(await issueTestToken()).slice(0, -2)}AA`],
  ["another secret", async () => `Bearer ${await issueTestToken({}, "c3".repeat(32))}`],
  ["another audience", async () => `Bearer ${await issueTestToken({ aud: "ati-proxy-2" })}`],
  ["no token at all", () => "Bearer x"],
  ["two tokens", async () => `Bearer ${await issueTestToken()}, Bearer ${await issueTestToken()}`],
  ["algorithm none", () => `Bearer ${btoa('{"alg":"none"}')}.${btoa("{}")}.`.replaceAll("=", "")],
];

test("every bad token is 401 invalid_token with the same body", async () => {
  const { send, requests } = await createTestProxy(BASE);
  const bodies = new Set<string>();
  for (const [what, header] of BAD_TOKENS) {
    const response = await send("/whoami", { headers: { authorization: await header() } });
    assert.equal(response.status, 401, what);
    assert.match(response.headers.get("www-authenticate") ?? "", /error="invalid_token"/, what);
    const { request_id: _, ...rest } = await readProblem(response);
    bodies.add(JSON.stringify(rest));
  }
  assert.equal(bodies.size, 1);
  const codes = requests().map(({ error_code }) => error_code);
  assert.ok(codes.includes("ERR_JWT_AUDIENCE") && codes.includes("ERR_JWT_SIGNATURE"), `${codes}`);
});

test("an expired token is accepted up to the leeway and refused after it", async () => {
  let now = NOW_MS;
  const { send } = await createTestProxy({ now: () => now });
  const headers = await bearer({ ttlSeconds: 100 });
  now = NOW_MS + 159_000;
  assert.equal((await send("/whoami", { headers })).status, 200);
  now += 2000;
  assert.equal((await send("/whoami", { headers })).status, 401);
});

test("two Authorization headers are refused", async () => {
  const { send } = await createTestProxy();
  const headers = new Headers(await bearer());
  headers.append("authorization", `Bearer ${await issueTestToken()}`);
  assert.equal((await send("/whoami", { headers })).status, 401);
});

const HOSTILE_PATHS: readonly string[] = [
  "/chat/../admin",
  "/chat/%2e%2e/admin",
  "/chat/.%2E/admin",
  "/chat/..;x/admin",
  "/chat/a\\b",
  "/chat/%5c..",
  "/chat/%00",
  "/chat/%zz",
  "/chat/a%2fb",
  "/chat//a",
  "//chat/a",
  "/health/../chat/a",
  "/nowhere//x",
  "/nowhere%2fx",
  "*",
  "upstream.test:443",
  "",
];

test("an ambiguous path is 400 and reaches neither page, upstream nor log", async () => {
  const { send, sent, requests } = await createTestProxy({ ...BASE, jwt: false });
  for (const path of HOSTILE_PATHS) {
    const response = await send("/x", {}, { rawTarget: path });
    assert.equal(response.status, 400, path);
    const problem = await readProblem(response);
    assert.deepEqual([problem["reason"], problem["detail"]], [
      "invalid_path",
      "bad request: invalid path",
    ]);
  }
  assert.deepEqual(sent, []);
  for (const { path } of requests()) {
    assert.ok(!String(path).includes("..") && !String(path).includes("\\"), String(path));
  }
});

test("an absolute-form target is served by its path, its host is not believed", async () => {
  const { send, sent } = await createTestProxy(BASE);
  const response = await send("/x", {}, { rawTarget: "http://evil.test/chat/a" });
  assert.equal(response.status, 200);
  assert.deepEqual(sent, ["GET http://upstream.test/base/a"]);
});

test("without a raw target the path comes out of the URL", async () => {
  const { proxy, sent } = await createTestProxy(BASE);
  const urls = ["http://h/chat/a?b=/c", "http://h:1/chat/a?b=/c"];
  for (const url of urls) assert.equal((await proxy.fetch(new Request(url))).status, 200);
  assert.deepEqual(new Set(sent), new Set(["GET http://upstream.test/base/a?b=/c"]));
  assert.equal((await proxy.fetch(new Request("http://h"))).status, 401);
});

test("a Host that is no host is 400", async () => {
  const { proxy } = await createTestProxy(BASE);
  for (const host of ["evil.test/health?", "a b", "a@b", "a,b", "x:y", "[::1"]) {
    // Built as a server would: a constructor may drop or refuse a Host header.
    const request = {
      method: "GET",
      url: "http://h/health",
      headers: { get: (name: string) => name === "host" ? host : null },
    } as unknown as Request;
    const response = await proxy.fetch(request, { rawTarget: "/health" });
    assert.equal(response.status, 400, host);
    assert.equal((await readProblem(response))["reason"], "invalid_host");
  }
});

test("a host route takes its host only, and named paths still win there", async () => {
  const manifest = chatManifest().replace('path_prefix = "/chat"', 'host_match = "api.test"');
  const { proxy, sent } = await createTestProxy({ ...BASE, manifests: [manifest] });
  const get = (url: string) => proxy.fetch(new Request(url));
  assert.equal((await get("http://api.test/v1")).status, 200);
  assert.equal((await get("http://API.test:8090/v1")).status, 200);
  assert.equal((await get("http://other.test/v1")).status, 401);
  assert.equal((await get("http://api.test/whoami")).status, 401);
  assert.equal(sent.length, 2);
});

const UPSTREAM_FAULTS: readonly (readonly [code: ErrorCode, status: number])[] = [
  ["ERR_UPSTREAM_CONNECT", 502],
  ["ERR_UPSTREAM_FAILED", 502],
  ["ERR_UPSTREAM_TIMEOUT", 504],
  ["ERR_REQUEST_TOO_LARGE", 413],
  ["ERR_CLIENT_ABORTED", 499],
];

test("a fault of the upstream becomes its status, once in the log, without a word of the URL", async () => {
  for (const [code, status] of UPSTREAM_FAULTS) {
    const upstream = () => Promise.reject(new PassthroughError(code, "Cannot reach upstream.test"));
    const { send, requests } = await createTestProxy({ ...BASE, upstream });
    const response = await send("/chat/a");
    assert.equal(response.status, status);
    const body = await response.text();
    assert.doesNotMatch(body, /upstream\.test|canary/);
    assert.deepEqual(
      requests().map(({ status, error_code, route }) => [status, error_code, route]),
      [[status, code, "chat"]],
    );
  }
});

test("an unforeseen fault is 500 with a request id, and the log has its place but not its words", async () => {
  const upstream = () => Promise.reject(new TypeError(`canary\n    at canary (canary)`));
  const { send, lines, requests } = await createTestProxy({ ...BASE, upstream });
  const response = await send("/chat/a");
  assert.equal(response.status, 500);
  const problem = await readProblem(response);
  assert.equal(problem["request_id"], requests()[0]?.["request_id"]);
  assert.match(String(requests()[0]?.["trace"]), /^TypeError < at /);
  assert.equal(requests()[0]?.["level"], "ERROR");
  assert.doesNotMatch(lines.join() + JSON.stringify(problem), /canary/);
});

test("a denied path is 403 and a missing credential 503 with the name of the entry", async () => {
  const manifests = [chatManifest('deny_paths = ["/config/*"]')];
  const denied = await createTestProxy({ ...BASE, manifests });
  const refusal = await denied.send("/chat/config/a");
  assert.equal(refusal.status, 403);
  const problem = await readProblem(refusal);
  assert.deepEqual([problem["reason"], problem["detail"]], [
    "path_denied",
    "forbidden: path denied by policy",
  ]);
  const missing = await createTestProxy({ manifests });
  const response = await missing.send("/chat/a");
  assert.equal(response.status, 503);
  assert.match(String((await readProblem(response))["detail"]), /"chat_key"/);
  assert.deepEqual([...denied.sent, ...missing.sent], []);
});

test("a method that a route does not take is 405 and names those it takes", async () => {
  const manifests = [chatManifest('allow_methods = ["GET", "POST"]')];
  const { send } = await createTestProxy({ ...BASE, manifests });
  const response = await send("/chat/a", { method: "DELETE" });
  assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, POST"]);
});

test("without authentication callers from elsewhere are refused, but may see health", async () => {
  const { send, sent } = await createTestProxy({ ...BASE, jwt: false });
  for (const remoteAddress of ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1"]) {
    for (const path of ["/chat/a", "/whoami", "/nowhere"]) {
      const response = await send(path, {}, { remoteAddress });
      assert.equal(response.status, 401, path);
      assert.equal((await readProblem(response))["reason"], "authentication_not_configured");
    }
    assert.equal((await send("/health", {}, { remoteAddress })).status, 200);
  }
  assert.deepEqual(sent, []);
  for (const remoteAddress of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    assert.equal((await send("/chat/a", {}, { remoteAddress })).status, 200, remoteAddress);
  }
});

test("where callers come from does not matter once they are authenticated", async () => {
  const { send } = await createTestProxy(BASE);
  const headers = await bearer();
  assert.equal((await send("/whoami", { headers }, { remoteAddress: "10.0.0.1" })).status, 200);
});

test("each request is one line with what an operator asks for", async () => {
  let now = NOW_MS;
  const { send, requests } = await createTestProxy({ ...BASE, now: () => now++ });
  const response = await send("/whoami?token=canary", { headers: await bearer() });
  const { timestamp, level, duration_ms, request_id, trace_id, span_id, ...rest } = requests()[0] ??
    {};
  assert.match(`${trace_id} ${span_id}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
  assert.match(String(timestamp), /^2026-11-21T12:00:00\.\d{3}Z$/);
  assert.equal(level, "INFO");
  assert.ok(Number(duration_ms) > 0);
  assert.equal(request_id, response.headers.get("x-request-id"));
  assert.deepEqual(rest, {
    message: "sig_verify",
    method: "GET",
    path: "/whoami",
    status: 200,
    sub: "agent-7",
    route: "/whoami",
    mode: "Log",
    valid: false,
    reason: "missing_signature",
    job_id: "none",
  });
  assert.equal(requests().length, 1);
});

test("an answer without a body is one line too, with its status", async () => {
  for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304]] as const) {
    const fetch = () => Promise.resolve(new Response(null, { status }));
    const { send, requests } = await createTestProxy({ ...BASE, fetch });
    const response = await send("/chat/a", { method });
    await response.text();
    await Promise.resolve();
    assert.deepEqual(requests().map((record) => [record["method"], record["status"]]), [[
      method,
      status,
    ]]);
  }
});

test("a caller cannot make the log grow by long names", async () => {
  const { send, lines } = await createTestProxy(BASE);
  const headers = await bearer({ sub: "s".repeat(5000) });
  await send("/whoami", { headers, method: "M".repeat(1000) });
  assert.ok(lines.every((line) => line.length < 1500));
});

test("a client's own request id is not taken over", async () => {
  const { send, lines } = await createTestProxy(BASE);
  const response = await send("/health", { headers: { "x-request-id": "forged" } });
  assert.notEqual(response.headers.get("x-request-id"), "forged");
  assert.doesNotMatch(lines.join(), /forged/);
});

test("request ids are unique", async () => {
  const { send, requests } = await createTestProxy(BASE);
  await Promise.all(Array.from({ length: 100 }, () => send("/health")));
  assert.equal(new Set(requests().map(({ request_id }) => request_id)).size, 100);
});
