import assert from "node:assert/strict";
import { test } from "node:test";
import { findFailure, isResetCode } from "../lib/upstream_failures.ts";

const TABLE: readonly (readonly [code: string, failure: string, reason: string])[] = [
  ["ECONNREFUSED", "ERR_UPSTREAM_CONNECT", "refused"],
  ["ConnectionRefused", "ERR_UPSTREAM_CONNECT", "refused"],
  ["ENOTFOUND", "ERR_UPSTREAM_CONNECT", "dns"],
  ["EAI_AGAIN", "ERR_UPSTREAM_CONNECT", "dns"],
  ["EHOSTUNREACH", "ERR_UPSTREAM_CONNECT", "unreachable"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "ERR_UPSTREAM_CONNECT", "tls"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_UPSTREAM_CONNECT", "tls"],
  ["EPROTO", "ERR_UPSTREAM_CONNECT", "tls"],
  ["ETIMEDOUT", "ERR_UPSTREAM_TIMEOUT", "connect"],
  ["UND_ERR_HEADERS_TIMEOUT", "ERR_UPSTREAM_TIMEOUT", "headers"],
  ["UND_ERR_BODY_TIMEOUT", "ERR_UPSTREAM_TIMEOUT", "idle"],
  ["ECONNRESET", "ERR_UPSTREAM_FAILED", "reset"],
  ["UND_ERR_SOCKET", "ERR_UPSTREAM_FAILED", "reset"],
];

test("findFailure() knows the codes of every client library", () => {
  for (const [code, failure, reason] of TABLE) {
    const found = findFailure(code);
    assert.deepEqual([found?.code, found?.reason], [failure, reason], code);
  }
});

test("findFailure() says nothing of codes that say nothing", () => {
  for (const code of ["", "EPROTOTYPE", "ENOENT", "toString", "__proto__"]) {
    assert.equal(findFailure(code), undefined, code);
  }
});

test("isResetCode() is true for broken connections only", () => {
  assert.deepEqual(["EPIPE", "ECONNRESET", "ECONNREFUSED", ""].map(isResetCode), [
    true,
    true,
    false,
    false,
  ]);
});
