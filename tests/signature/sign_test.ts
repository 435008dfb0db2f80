import { test } from "node:test";
import assert from "node:assert/strict";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";

const SECRET = new TextEncoder().encode("a secret");
const now = () => 1_700_000_000_999;

test("signSandboxRequest() signs whole seconds, rounded down", async () => {
  const header = await signSandboxRequest({ method: "GET", path: "/" }, { secret: SECRET, now });
  assert.match(header, /^t=1700000000,s=[0-9a-f]{64}$/);
});

test("signSandboxRequest() signs lower-case methods as upper-case ones", async () => {
  const options = { secret: SECRET, now };
  const lower = await signSandboxRequest({ method: "get", path: "/a" }, options);
  assert.equal(lower, await signSandboxRequest({ method: "GET", path: "/a" }, options));
});

test("signSandboxRequest() makes what verifySandboxSignature() accepts, with its defaults", async () => {
  const request = { method: "PUT", path: "/a%20b/;c=1" };
  const header = await signSandboxRequest(request, { secret: SECRET });
  const verdict = await verifySandboxSignature({ ...request, header }, { secret: SECRET });
  assert.deepEqual(verdict, { valid: true, reason: "valid" });
});

test("signSandboxRequest() uses the hashes it is handed", async () => {
  const hashes = {
    sha256: () => new Uint8Array(32),
    hmacSha256: (key: Uint8Array, data: Uint8Array) => {
      assert.deepEqual(key, SECRET);
      assert.equal(new TextDecoder().decode(data), "1700000000.GET./a");
      return new Uint8Array(32).fill(0xab);
    },
  };
  const options = { secret: SECRET, now, hashes };
  const header = await signSandboxRequest({ method: "GET", path: "/a" }, options);
  assert.equal(header, `t=1700000000,s=${"ab".repeat(32)}`);
});

test("signSandboxRequest() refuses an empty secret", async () => {
  const secret = new Uint8Array(0);
  await assert.rejects(signSandboxRequest({ method: "GET", path: "/" }, { secret }), {
    code: "ERR_SIGNATURE_SECRET",
  });
});

test("signSandboxRequest() refuses what cannot stand in a request line", async () => {
  for (const path of ["", "a", "/a?b=1", "/a#b", "/a b", "/é", "/a\n", "https://host/a"]) {
    const signing = signSandboxRequest({ method: "GET", path }, { secret: SECRET });
    await assert.rejects(signing, TypeError, path);
  }
  for (const method of ["", "G T", "GET\n", "gėt"]) {
    const signing = signSandboxRequest({ method, path: "/" }, { secret: SECRET });
    await assert.rejects(signing, TypeError, method);
  }
});

const REQUEST = { method: "POST", path: "/a", query: "?x=1", body: "text" };

test("signSandboxRequest() signs as version 1 unless asked otherwise, whatever else is given", async () => {
  const plain = await signSandboxRequest({ method: "POST", path: "/a" }, { secret: SECRET, now });
  assert.equal(await signSandboxRequest(REQUEST, { secret: SECRET, now }), plain);
  assert.equal(await signSandboxRequest(REQUEST, { secret: SECRET, now, version: 1 }), plain);
});

test("signSandboxRequest() makes a fresh nonce of 128 bits for each version 2", async () => {
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const header = await signSandboxRequest(REQUEST, { secret: SECRET, version: 2 });
    seen.add(/,n=([A-Za-z0-9_-]{22}),/.exec(header)?.[1] ?? "");
    const verdict = await verifySandboxSignature({ ...REQUEST, header }, { secret: SECRET });
    assert.equal(verdict.reason, "valid");
  }
  assert.equal(seen.size, 20);
  assert.ok(!seen.has(""));
});

test("signSandboxRequest() refuses a query, nonce or version that is none", async () => {
  const options = { secret: SECRET, version: 2 } as const;
  for (const query of ["a b", "a#b", "é", "a\n"]) {
    await assert.rejects(signSandboxRequest({ ...REQUEST, query }, options), TypeError, query);
  }
  for (const nonce of ["", "a".repeat(15), "a".repeat(65), `${"a".repeat(16)}.`]) {
    await assert.rejects(signSandboxRequest(REQUEST, { ...options, nonce }), TypeError, nonce);
  }
  for (const version of [0, 3, "2"]) {
    const wrong = { ...options, version: version as 2 };
    await assert.rejects(signSandboxRequest(REQUEST, wrong), TypeError);
  }
});
