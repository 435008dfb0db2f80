import assert from "node:assert/strict";
import { test } from "node:test";
import { AtiError, ERROR_CODES, JwtError } from "../../lib/errors.ts";
import type { ErrorCode } from "../../lib/errors.ts";
import { createProblemResponse, PROBLEMS, toRefusal } from "../../lib/proxy/problems.ts";
import { readProblem } from "./_proxy.ts";

/** The statuses that callers depend on. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_PATH_INVALID: 400,
  ERR_BAD_REQUEST: 400,
  ERR_UNAUTHENTICATED: 401,
  ERR_JWT_EXPIRED: 401,
  ERR_JWT_SIGNATURE: 401,
  ERR_PATH_DENIED: 403,
  ERR_SIGNATURE: 403,
  ERR_SCOPE_DENIED: 403,
  ERR_ROUTE_NOT_FOUND: 404,
  ERR_PASSTHROUGH_DISABLED: 404,
  ERR_NOT_FOUND: 404,
  ERR_METHOD_NOT_ALLOWED: 405,
  ERR_ROUTE_BUSY: 503,
  ERR_REQUEST_TOO_LARGE: 413,
  ERR_WEBSOCKET_VERSION: 426,
  ERR_CLIENT_ABORTED: 499,
  ERR_INTERNAL: 500,
  ERR_UPSTREAM_CONNECT: 502,
  ERR_UPSTREAM_FAILED: 502,
  ERR_RESPONSE_TOO_LARGE: 502,
  ERR_CREDENTIAL_MISSING: 503,
  ERR_UPSTREAM_TIMEOUT: 504,
};

test("createProblemResponse() answers each code with the status callers depend on", () => {
  for (const [code, status] of Object.entries(STATUSES)) {
    assert.equal(createProblemResponse({ code: code as ErrorCode }, "id").status, status, code);
  }
});

test("createProblemResponse() makes a complete RFC 9457 problem of every code", async () => {
  for (const code of ERROR_CODES) {
    const response = createProblemResponse({ code }, "id-1");
    assert.equal(response.headers.get("cache-control"), "no-store");
    const { type, title, status, detail, reason, request_id, ...rest } = await readProblem(
      response,
    );
    assert.deepEqual([type, status, request_id, rest], [
      "about:blank",
      response.status,
      "id-1",
      {},
    ]);
    for (const text of [title, detail, reason]) assert.ok(typeof text === "string" && text, code);
  }
});

test("createProblemResponse() names the missing scope in the challenge", () => {
  const plain = createProblemResponse({ code: "ERR_SCOPE_DENIED" }, "id");
  const challenge = 'Bearer realm="ati", error="insufficient_scope"';
  assert.equal(plain.headers.get("www-authenticate"), challenge);
  const scope = "passthrough:github:GET:/v1/models";
  const named = createProblemResponse({ code: "ERR_SCOPE_DENIED", scope }, "id");
  assert.equal(named.headers.get("www-authenticate"), `${challenge}, scope="${scope}"`);
});

test("createProblemResponse() tells one truthful text for every refused token", async () => {
  const bodies = new Set<string>();
  const codes = ERROR_CODES.filter((code) => code.startsWith("ERR_JWT_") && code !== "ERR_JWT_KEY");
  assert.ok(codes.length > 5);
  for (const code of codes) {
    const response = createProblemResponse({ code, reason: "a_fine_reason" }, "id");
    const challenge = response.headers.get("www-authenticate") ?? "";
    assert.match(challenge, /^Bearer realm="ati", error="invalid_token"/);
    bodies.add(`${challenge} ${await response.text()}`);
  }
  assert.equal(bodies.size, 1);
  assert.doesNotMatch([...bodies].join(), /a_fine_reason/);
});

test("createProblemResponse() names no error where no credentials were sent (RFC 6750 §3.1)", () => {
  const response = createProblemResponse({ code: "ERR_UNAUTHENTICATED" }, "id");
  assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="ati"');
});

test("every 401 of the table carries a challenge, and nothing but 401 and 403 does", () => {
  for (const code of ERROR_CODES) {
    const { status, challenge } = PROBLEMS[code];
    if (status === 401) assert.ok(challenge, code);
    if (challenge !== undefined) assert.ok(status === 401 || status === 403, code);
  }
});

test("createProblemResponse() tells the reason of a signature, keeps that of an upstream", async () => {
  const told = createProblemResponse({ code: "ERR_SIGNATURE", reason: "hmac_mismatch" }, "id");
  assert.equal((await readProblem(told))["reason"], "hmac_mismatch");
  const kept = createProblemResponse({ code: "ERR_UPSTREAM_FAILED", reason: "econnreset" }, "id");
  assert.equal((await readProblem(kept))["reason"], "upstream_failed");
});

test("createProblemResponse() adds the headers of the refusal", () => {
  const headers = [["allow", "GET, HEAD"]] as const;
  const response = createProblemResponse({ code: "ERR_METHOD_NOT_ALLOWED", headers }, "id");
  assert.equal(response.headers.get("allow"), "GET, HEAD");
});

test("toRefusal() keeps code and reason of our errors and nothing of others", () => {
  const ours = new JwtError("ERR_JWT_CLAIM", "Cannot verify", { reason: "sub", hint: "canary" });
  assert.deepEqual(toRefusal(ours), { code: "ERR_JWT_CLAIM", reason: "sub" });
  assert.deepEqual(toRefusal(new AtiError("ERR_NOT_FOUND", "x")), {
    code: "ERR_NOT_FOUND",
    reason: undefined,
  });
  const foreign = Object.assign(new TypeError("canary"), { code: "ERR_CANARY", payload: "canary" });
  for (const thrown of [foreign, "canary", undefined, { code: "ERR_NOT_FOUND" }]) {
    assert.deepEqual(toRefusal(thrown), { code: "ERR_INTERNAL" });
  }
});
