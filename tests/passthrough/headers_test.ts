import assert from "node:assert/strict";
import { test } from "node:test";

import { filterRequestHeaders, filterResponseHeaders } from "../../lib/passthrough/headers.ts";
import type { HeaderList } from "../../lib/ports.ts";

const NOTHING: ReadonlySet<string> = new Set();

function filter(headers: HeaderList, injected = NOTHING, keepAuthorization = false): HeaderList {
  return filterRequestHeaders(headers, { injected, keepAuthorization });
}

test("filterRequestHeaders() drops what must not go upstream", () => {
  const names = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "host",
    "expect",
    "authorization",
    "traceparent",
    "tracestate",
    "x-ati-token",
    "x-sandbox-signature",
    "x-sandbox-job-id",
    "x-sandbox-",
    "x_sandbox_signature",
    "proxy_authorization",
  ];
  assert.deepEqual(filter(names.map((name) => [name, "value"])), []);
});

test("filterRequestHeaders() keeps everything else as it came, repeated fields apart", () => {
  const headers: HeaderList = [
    ["accept", "*/*"],
    ["content-length", "5"],
    ["content-type", "text/plain"],
    ["cookie", "a=1"],
    ["cookie", "b=2"],
    ["forwarded", "for=1.2.3.4"],
    ["x-forwarded-for", "1.2.3.4"],
    ["via", "1.1 a"],
    ["x-sandboxed", "1"],
    ["my_header", "1"],
    ["accept", "text/html"],
  ];
  assert.deepEqual(filter(headers), headers);
});

test("filterRequestHeaders() drops what Connection lists, wherever it stands", () => {
  const headers: HeaderList = [
    ["x-one", "1"],
    ["connection", "Keep-Alive, X-One ,x-two"],
    ["x-two", "2"],
    ["connection", "x-three"],
    ["x-three", "3"],
    ["x-four", "4"],
  ];
  assert.deepEqual(filter(headers), [["x-four", "4"]]);
});

test("filterRequestHeaders() drops the client's copies of what is injected", () => {
  const injected = new Set(["x-api-key", "authorization"]);
  const headers: HeaderList = [["x-api-key", "1"], ["x_api_key", "2"], ["x-api-keys", "3"]];
  assert.deepEqual(filter(headers, injected), [["x-api-keys", "3"]]);
  assert.deepEqual(filter([["authorization", "a"]], injected, true), []);
});

test("filterRequestHeaders() keeps the client's Authorization only when told", () => {
  const headers: HeaderList = [["authorization", "Bearer own"]];
  assert.deepEqual(filter(headers, NOTHING, true), headers);
  assert.deepEqual(filter(headers), []);
});

test("filterRequestHeaders() takes a Headers object", () => {
  const headers = new Headers([["Accept", "a"], ["X-Sandbox-Job-Id", "1"], ["Host", "h"]]);
  assert.deepEqual(filterRequestHeaders(headers, { injected: NOTHING, keepAuthorization: false }), [
    ["accept", "a"],
  ]);
});

const same = (text: string): string => text;

test("filterResponseHeaders() drops hop-by-hop fields and what Connection lists", () => {
  const headers: HeaderList = [
    ["connection", "close, x-hop"],
    ["keep-alive", "timeout=5"],
    ["transfer-encoding", "chunked"],
    ["proxy-authenticate", "Basic"],
    ["upgrade", "h2c"],
    ["trailer", "x"],
    ["x-hop", "1"],
    ["x-end", "1"],
  ];
  assert.deepEqual(filterResponseHeaders(headers, same), [["x-end", "1"]]);
});

test("filterResponseHeaders() keeps everything else, Set-Cookie apart", () => {
  const headers: HeaderList = [
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["set-cookie", "c=3"],
    ["location", "/x"],
    ["server", "s"],
    ["content-length", "5"],
    ["content-encoding", "gzip"],
    ["www-authenticate", "Bearer"],
    ["authorization", "odd"],
    ["host", "odd"],
  ];
  assert.deepEqual(filterResponseHeaders(headers, same), headers);
});

test("filterResponseHeaders() redacts values", () => {
  const redact = (text: string): string => text.replace("secret", "[redacted]");
  assert.deepEqual(filterResponseHeaders([["location", "/?k=secret"], ["a", "b"]], redact), [
    ["location", "/?k=[redacted]"],
    ["a", "b"],
  ]);
});
