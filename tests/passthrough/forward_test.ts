import assert from "node:assert/strict";
import { test } from "node:test";

import { forward } from "../../lib/passthrough/forward.ts";
import { resolvePath } from "../../lib/passthrough/policy.ts";
import type { PassthroughProvider } from "../../lib/passthrough/route_table.ts";
import type {
  HeaderList,
  ResponseParts,
  StreamEnd,
  Upstream,
  UpstreamRequest,
} from "../../lib/ports.ts";
import { readAll } from "./_origin.ts";
import { makeRoute, makeTarget, SECRET } from "./_provider.ts";

/** An upstream that notes what it is sent and answers as told. */
function fakeUpstream(
  answer: { status?: number; headers?: HeaderList } = {},
): { upstream: Upstream; sent: UpstreamRequest[]; cancelled: () => number } {
  const sent: UpstreamRequest[] = [];
  let cancelled = 0;
  return {
    sent,
    cancelled: () => cancelled,
    upstream: (request) => {
      sent.push(request);
      return Promise.resolve({
        status: answer.status ?? 200,
        statusText: "Fine",
        headers: answer.headers ?? [],
        respond: ({ status, statusText, headers, onClose }: ResponseParts): Response => {
          onClose?.({ bytesSent: 0, bytesReceived: 0 });
          return new Response(null, { status, statusText, headers: headers as [string, string][] });
        },
        cancel: (): void => {
          cancelled++;
        },
      });
    },
  };
}

interface Sent {
  readonly response: Response;
  readonly request: UpstreamRequest;
}

async function send(
  parts: Partial<PassthroughProvider>,
  rawTarget: string,
  init: RequestInit = {},
  answer: { status?: number; headers?: HeaderList } = {},
): Promise<Sent> {
  const { upstream, sent } = fakeUpstream(answer);
  const request = new Request("http://localhost/ignored", init);
  const response = await forward(
    { route: makeRoute(parts), request, target: makeTarget(rawTarget) },
    { upstream },
  );
  return { response, request: sent[0]! };
}

const BEARER = { auth_type: "bearer", auth_key_name: "api_key" } as const;

test("forward() sends method, URL, limits and deadlines of the route", async () => {
  const route = makeRoute({ ...BEARER, host_override: "other.example" });
  const { upstream, sent } = fakeUpstream();
  const request = new Request("http://localhost/ignored", { method: "POST", body: "hello" });
  await forward({ route, request, target: makeTarget("/x/v1?a=%2e&b") }, { upstream });
  const [one] = sent;
  assert.equal(one?.method, "POST");
  assert.equal(one?.url, "http://upstream.example/base/v1?a=%2e&b");
  assert.equal(one?.host, "other.example");
  assert.equal(one?.incoming, request);
  assert.equal(one?.deadlines, route.deadlines);
  assert.equal(one?.maxRequestBytes, 1000);
  assert.equal(one?.maxResponseBytes, 2000);
  assert.deepEqual(readAll(one?.headers ?? [], "authorization"), [`Bearer ${SECRET}`]);
});

test("forward() replaces the client's copies of what it injects", async () => {
  const headers = { authorization: "Bearer client", "x-api-key": "client", x_api_key: "client" };
  const header = { auth_type: "header", auth_key_name: "api_key" } as const;
  const byHeader = await send(header, "/x", { headers });
  assert.deepEqual(readAll(byHeader.request.headers, "x-api-key"), [SECRET]);
  assert.deepEqual(readAll(byHeader.request.headers, "authorization"), []);
  assert.deepEqual(readAll(byHeader.request.headers, "x_api_key"), []);
  const byBearer = await send(BEARER, "/x", { headers });
  assert.deepEqual(readAll(byBearer.request.headers, "authorization"), [`Bearer ${SECRET}`]);
  const query = { auth_type: "query", auth_key_name: "api_key" } as const;
  const byQuery = await send(query, "/x?api_key=client&a=1&api%5Fkey=client");
  assert.equal(byQuery.request.url, `http://upstream.example/base/?a=1&api_key=${SECRET}`);
});

test("forward() keeps the client's Authorization where the manifest says so, and only that", async () => {
  const parts = {
    ...BEARER,
    forward_authorization_paths: ["/v1/*"],
    extra_headers: { "x-extra": "${api_key}" },
  };
  const headers = { authorization: "Bearer client" };
  const kept = await send(parts, "/x/v1/chat", { headers });
  assert.deepEqual(readAll(kept.request.headers, "authorization"), ["Bearer client"]);
  assert.deepEqual(readAll(kept.request.headers, "x-extra"), [SECRET]);
  const bare = await send(parts, "/x/v1/chat");
  assert.deepEqual(readAll(bare.request.headers, "authorization"), []);
  const other = await send(parts, "/x/v2/chat", { headers });
  assert.deepEqual(readAll(other.request.headers, "authorization"), [`Bearer ${SECRET}`]);
});

test("forward() refuses when the credential is missing, naming the key", async () => {
  const parts = { ...BEARER, auth_key_name: "other_key" };
  await assert.rejects(send(parts, "/x"), (error: unknown) => {
    assert.match(String(error), /"other_key"/);
    assert.equal((error as { code: string }).code, "ERR_CREDENTIAL_MISSING");
    return true;
  });
});

test("forward() goes without the credential where the route allows it or does not need it", async () => {
  const parts = { ...BEARER, auth_key_name: "other_key" };
  const headers = { authorization: "Bearer client" };
  const allowed = await send({ ...parts, allow_missing_credential: true }, "/x", { headers });
  assert.deepEqual(readAll(allowed.request.headers, "authorization"), []);
  const own = await send({ ...parts, forward_authorization_paths: ["/v1"] }, "/x/v1", { headers });
  assert.deepEqual(readAll(own.request.headers, "authorization"), ["Bearer client"]);
});

test("forward() refuses a denied path without calling the upstream", async () => {
  const upstream = (): never => assert.fail("the upstream was called");
  const request = new Request("http://localhost/");
  const route = makeRoute({ deny_paths: ["/config/*"] });
  await assert.rejects(
    forward({ route, request, target: makeTarget("/x/config/y") }, { upstream }),
    {
      code: "ERR_PATH_DENIED",
      reason: "deny_paths",
    },
  );
  await assert.rejects(forward({ route, request, target: makeTarget("/x/a%2fb") }, { upstream }), {
    code: "ERR_PATH_INVALID",
    reason: "encoded_slash",
  });
});

test("forward() takes a path verdict that was made before, and refuses as it says", async () => {
  const { upstream, sent } = fakeUpstream();
  const target = makeTarget("/x/v1");
  const route = makeRoute();
  const request = new Request("http://localhost/");
  const verdict = resolvePath(route, makeTarget("/x/other"));
  await forward({ route, request, target, verdict }, { upstream });
  assert.equal(sent[0]?.url, "http://upstream.example/base/other");
  const denied = resolvePath(makeRoute({ deny_paths: ["/v1"] }), target);
  await assert.rejects(forward({ route, request, target, verdict: denied }, { upstream }), {
    code: "ERR_PATH_DENIED",
  });
  assert.equal(sent.length, 1);
});

test("forward() refuses methods that no route takes", async () => {
  for (const method of ["TRACE", "trace", "CONNECT", "TRACK"]) {
    const request = Object.defineProperty(new Request("http://localhost/"), "method", {
      value: method,
    });
    const { upstream } = fakeUpstream();
    await assert.rejects(
      forward({ route: makeRoute(), request, target: makeTarget("/x") }, { upstream }),
      { code: "ERR_METHOD_NOT_ALLOWED" },
      method,
    );
  }
});

test("forward() refuses methods that the route does not list", async () => {
  const parts = { allow_methods: ["GET", "post"] };
  assert.equal((await send(parts, "/x", { method: "POST" })).request.method, "POST");
  for (const method of ["DELETE", "HEAD", "PATCH"]) {
    await assert.rejects(send(parts, "/x", { method }), {
      code: "ERR_METHOD_NOT_ALLOWED",
      hint: "allowed: GET, POST",
    });
  }
  await assert.rejects(send({ allow_methods: [] }, "/x"), { code: "ERR_METHOD_NOT_ALLOWED" });
});

test("forward() refuses a declared request length past the limit, before the upstream", async () => {
  const declare = (length: string): RequestInit => ({ headers: { "content-length": length } });
  const { request } = await send({}, "/x", declare("1000"));
  assert.deepEqual(readAll(request.headers, "content-length"), ["1000"]);
  await assert.rejects(send({}, "/x", declare("1001")), { code: "ERR_REQUEST_TOO_LARGE" });
  assert.ok(await send({ max_request_bytes: 0 }, "/x", declare("999999999999")));
  for (const malformed of ["-1", "1, 1", "0x10", "1.5", "9999999999999999"]) {
    await assert.rejects(send({}, "/x", declare(malformed)), {
      code: "ERR_BAD_REQUEST",
      reason: "content_length",
    }, malformed);
  }
});

test("forward() refuses a declared response length past the limit and frees the upstream", async () => {
  const whole = await send({}, "/x", {}, { headers: [["content-length", "2000"]] });
  assert.equal(whole.response.headers.get("content-length"), "2000");
  const { upstream, cancelled } = fakeUpstream({ headers: [["content-length", "2001"]] });
  const request = new Request("http://localhost/");
  const input = { route: makeRoute(), request, target: makeTarget("/x") };
  await assert.rejects(forward(input, { upstream }), { code: "ERR_RESPONSE_TOO_LARGE" });
  assert.equal(cancelled(), 1);
  const route = makeRoute({ max_response_bytes: 0 });
  assert.ok(await forward({ ...input, route }, { upstream }));
});

test("forward() takes lengths that no body follows", async () => {
  const headers = [["content-length", "99999"]] as const;
  const head = await send({}, "/x", { method: "HEAD" }, { headers });
  assert.equal(head.response.headers.get("content-length"), "99999");
  const unchanged = await send({}, "/x", {}, { status: 304, headers });
  assert.equal(unchanged.response.status, 304);
});

test("forward() hands redirects over, without the credential in them", async () => {
  const query = { auth_type: "query", auth_key_name: "api_key" } as const;
  const headers = [["location", `https://u.example/?api_key=${SECRET}`]] as const;
  const { response } = await send(query, "/x", {}, { status: 307, headers });
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), "https://u.example/?api_key=[redacted]");
});

test("forward() relays status, reason and headers and adds its own in place", async () => {
  const { upstream } = fakeUpstream({
    status: 418,
    headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-request-id", "theirs"]],
  });
  const ends: StreamEnd[] = [];
  const response = await forward({
    route: makeRoute(),
    request: new Request("http://localhost/"),
    target: makeTarget("/x"),
    responseHeaders: [["x-request-id", "ours"]],
    onClose: (end) => ends.push(end),
  }, { upstream });
  assert.equal(response.status, 418);
  assert.equal(response.statusText, "Fine");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(response.headers.get("x-request-id"), "ours");
  assert.deepEqual(ends, [{ bytesSent: 0, bytesReceived: 0 }]);
});

test("forward() asks for fields to add only when it calls the upstream; the route's own win", async () => {
  const route = makeRoute({ ...BEARER, deny_paths: ["/denied"] });
  const { upstream, sent } = fakeUpstream();
  let asked = 0;
  const go = (path: string): Promise<Response> =>
    forward({
      route,
      request: new Request("http://localhost/", { headers: { traceparent: "theirs" } }),
      target: makeTarget(path),
      requestHeaders: () => {
        asked += 1;
        return [["traceparent", "ours"], ["authorization", "not this one"]];
      },
    }, { upstream });
  await assert.rejects(go("/x/denied"), { code: "ERR_PATH_DENIED" });
  assert.equal(asked, 0);
  await go("/x/a");
  const fields = sent[0]?.headers ?? [];
  const all = (name: string): string[] =>
    fields.filter(([one]) => one === name).map(([, value]) => value);
  assert.deepEqual(all("traceparent"), ["ours"]);
  assert.deepEqual(all("authorization"), [`Bearer ${SECRET}`]);
  assert.equal(asked, 1);
});

test("forward() rejects with what the upstream rejects with", async () => {
  const failure = new TypeError("upstream");
  const input = {
    route: makeRoute(),
    request: new Request("http://localhost/"),
    target: makeTarget("/x"),
  };
  await assert.rejects(forward(input, { upstream: () => Promise.reject(failure) }), failure);
});
