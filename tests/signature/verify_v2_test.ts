import { test } from "node:test";
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { verifySignedBody } from "../../lib/signature/body.ts";
import { parseSandboxSignature } from "../../lib/signature/header.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";
import type { SignatureInput, VerifySandboxOptions } from "../../lib/signature/verify.ts";
import type { Hashes } from "../../lib/ports.ts";

const SECRET = new TextEncoder().encode("a secret");
const NOW_SECONDS = 1_700_000_000;
const NONCE = "q83vEjRWeJCrze8SNFZ4kA";
const REQUEST = { method: "POST", path: "/v1/chat.x", query: "?a=1" };
const OPTIONS: VerifySandboxOptions = { secret: SECRET, now: () => NOW_SECONDS * 1000 };
const BODY = "body";

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function mac(message: string): string {
  return createHmac("sha256", SECRET).update(message).digest("hex");
}

interface Parts {
  readonly t?: string | number;
  readonly n?: string;
  readonly b?: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
}

function headerOf(parts: Parts = {}): string {
  const { t = NOW_SECONDS, n = NONCE, b = sha256(BODY) } = parts;
  const { method = "POST", path = REQUEST.path, query = "a=1" } = parts;
  const s = mac(`v2.${t}.${n}.${method}.${path}.${sha256(query)}.${b}`);
  return `v=2,t=${t},n=${n},b=${b},s=${s}`;
}

async function reasonOf(
  input: Partial<SignatureInput>,
  options: VerifySandboxOptions = {},
): Promise<string> {
  const all = { header: headerOf(), ...REQUEST, ...input };
  const verdict = await verifySandboxSignature(all, { ...OPTIONS, ...options });
  assert.equal(verdict.valid, verdict.reason === "valid");
  assert.equal(verdict.terms !== undefined, verdict.valid);
  return verdict.reason;
}

test("verifySandboxSignature() accepts version 2 and says what is left to check", async () => {
  const header = headerOf();
  const verdict = await verifySandboxSignature({ ...REQUEST, header }, OPTIONS);
  assert.deepEqual(verdict, {
    valid: true,
    reason: "valid",
    terms: { nonce: NONCE, expiresAt: NOW_SECONDS + 60, bodyHash: sha256(BODY) },
  });
  const future = await verifySandboxSignature(
    { ...REQUEST, header: headerOf({ t: NOW_SECONDS + 60 }) },
    OPTIONS,
  );
  assert.equal(future.terms?.expiresAt, NOW_SECONDS + 120);
});

test("verifySandboxSignature() reads version 2 in any order, with keys it does not know", async () => {
  const [v, t, n, b, s] = headerOf().split(",");
  assert.equal(await reasonOf({ header: [s, b, n, t, v].join(" ,\t") }), "valid");
  assert.equal(await reasonOf({ header: `x=1,${headerOf()},job=a b,x=2` }), "valid");
});

test("verifySandboxSignature() takes hex of either case, the body's as it was signed", async () => {
  const b = sha256(BODY).toUpperCase();
  assert.equal(await reasonOf({ header: headerOf({ b }) }), "valid");
  const [rest, s = ""] = headerOf().split(",s=");
  assert.equal(await reasonOf({ header: `${rest},s=${s.toUpperCase()}` }), "valid");
  const respelled = headerOf().replace(sha256(BODY), b);
  assert.equal(await reasonOf({ header: respelled }), "hmac_mismatch");
});

test("verifySandboxSignature() takes a query with and without its question mark", async () => {
  assert.equal(await reasonOf({ query: "a=1" }), "valid");
  assert.equal(await reasonOf({ query: "??x", header: headerOf({ query: "?x" }) }), "valid");
  for (const query of ["", "?"]) {
    assert.equal(await reasonOf({ query, header: headerOf({ query: "" }) }), "valid");
  }
  assert.equal(await reasonOf({ query: undefined, header: headerOf({ query: "" }) }), "valid");
});

test("verifySandboxSignature() covers time, nonce, method, path, query and body hash", async () => {
  const good = headerOf();
  const changed: readonly (readonly [string, Partial<SignatureInput>])[] = [
    ["time", { header: good.replace(`t=${NOW_SECONDS}`, `t=${NOW_SECONDS + 1}`) }],
    ["nonce", { header: good.replace(NONCE, NONCE.replace("q", "r")) }],
    ["body hash", { header: good.replace(sha256(BODY), sha256("other")) }],
    ["method", { method: "PUT" }],
    ["path", { path: "/v1/chat.y" }],
    ["spelling of the path", { path: "/v1/%63hat.x" }],
    ["query", { query: "?a=2" }],
    ["spelling of the query", { query: "?a=%31" }],
    ["query taken away", { query: "" }],
    ["query moved to the path", { path: `${REQUEST.path}?a=1`, query: "" }],
  ];
  for (const [what, input] of changed) {
    assert.equal(await reasonOf(input), "hmac_mismatch", what);
  }
  assert.equal(await reasonOf({}, { secret: new Uint8Array(32) }), "hmac_mismatch");
});

test("verifySandboxSignature() does not take one text for two requests", async () => {
  // Parts moved over the dots between them.
  const header = headerOf({ method: "A", path: "/b" });
  for (const [method, path] of [["A./b", "/"], ["A.", "/b"], ["", "/b"]] as const) {
    assert.equal(await reasonOf({ header, method, path }), "hmac_mismatch");
  }
  const hash = sha256("a=1");
  const long = headerOf({ path: `/b.${hash}`, query: "" });
  assert.equal(await reasonOf({ header: long, path: "/b", query: "a=1" }), "hmac_mismatch");
});

test("verifySandboxSignature() takes no version's MAC for the other's", async () => {
  const [, t, n, b, s] = headerOf().split(",");
  assert.equal(await reasonOf({ header: `${t},${n},${b},${s}` }), "hmac_mismatch");
  assert.equal(await reasonOf({ header: `v=1,${t},${n},${b},${s}` }), "hmac_mismatch");
  const old = mac(`${NOW_SECONDS}.POST.${REQUEST.path}`);
  assert.equal(await reasonOf({ header: `v=2,${t},${n},${b},s=${old}` }), "hmac_mismatch");
  // A time that would make the text of version 1 begin like one of version 2.
  const disguised = `v2.${NOW_SECONDS}`;
  const signed = mac(`${disguised}.POST.${REQUEST.path}`);
  assert.equal(await reasonOf({ header: `t=${disguised},s=${signed}` }), "invalid_timestamp");
});

test("parseSandboxSignature() refuses a version 2 that is not the format", async () => {
  const [v, t, n, b, s] = headerOf().split(",");
  const bad: readonly string[] = [
    `v=3,${t},${n},${b},${s}`,
    `v=,${t},${n},${b},${s}`,
    `v=02,${t},${n},${b},${s}`,
    `v=2,v=1,${t},${n},${b},${s}`,
    `v=1,v=2,${t},${n},${b},${s}`,
    `v=3,${t},${s}`,
    `${v},${t},${b},${s}`,
    `${v},${n},${b},${s}`,
    `${v},${t},${n},${s}`,
    `${v},${t},${n},${b}`,
    ...[v, t, n, b, s].map((part) => `${headerOf()},${part}`),
    `${v},t=,${n},${b},${s}`,
    `${v},${t},n=${"a".repeat(15)},${b},${s}`,
    `${v},${t},n=${"a".repeat(65)},${b},${s}`,
    `${v},${t},n=${"a".repeat(15)}.,${b},${s}`,
    `${v},${t},n=${"a".repeat(15)}+,${b},${s}`,
    `${v},${t},n=${"a".repeat(15)} a,${b},${s}`,
    `${v},${t},${n},b=${"a".repeat(63)},${s}`,
    `${v},${t},${n},b=${"a".repeat(65)},${s}`,
    `${v},${t},${n},b=${"g".repeat(64)},${s}`,
    `${v},${t},${n},${b},s=${"a".repeat(63)}`,
    `${v},${t},${n},${b},s=${"a".repeat(66)}`,
    `${v},${t},${n},${b},s=${"z".repeat(64)}`,
    headerOf().replaceAll(",", ";"),
    headerOf().toUpperCase(),
  ];
  for (const header of bad) {
    const expected = { code: "ERR_SIGNATURE", reason: "malformed_signature" };
    assert.throws(() => parseSandboxSignature(header), expected, header);
    assert.equal(await reasonOf({ header }), "malformed_signature", header);
  }
});

test("parseSandboxSignature() takes nonces of 16 and of 64 characters", () => {
  for (const length of [16, 64]) {
    const n = "-".repeat(length);
    assert.equal(parseSandboxSignature(headerOf({ n })).guard?.nonce, n);
  }
});

test("verifySandboxSignature() takes one spelling of a time in version 2", async () => {
  const spellings = ["+1700000000", "01700000000", "-5", "1700000000.0", "1e9", "-0", "00"];
  for (const t of [...spellings, "9".repeat(13), "0x10"]) {
    assert.equal(await reasonOf({ header: headerOf({ t }) }), "invalid_timestamp", t);
  }
  const epoch = { now: () => 0 };
  assert.equal(await reasonOf({ header: headerOf({ t: 0 }) }, epoch), "valid");
});

test("verifySandboxSignature() allows version 2 the drift and not one second more", async () => {
  for (const sign of [1, -1]) {
    assert.equal(await reasonOf({ header: headerOf({ t: NOW_SECONDS + sign * 60 }) }), "valid");
    const late = headerOf({ t: NOW_SECONDS + sign * 61 });
    assert.equal(await reasonOf({ header: late }), "expired_timestamp_drift=61s");
  }
});

test("verifySandboxSignature() refuses version 1 where version 2 is asked for", async () => {
  const old = `t=${NOW_SECONDS},s=${mac(`${NOW_SECONDS}.POST.${REQUEST.path}`)}`;
  assert.equal(await reasonOf({}, { minVersion: 2 }), "valid");
  const { reason } = await verifySandboxSignature({ ...REQUEST, header: old }, OPTIONS);
  assert.equal(reason, "valid");
  for (const header of [old, `v=1,${old}`, "t=0,s=zz"]) {
    assert.equal(await reasonOf({ header }, { minVersion: 2 }), "version_too_old");
  }
  assert.equal(await reasonOf({ header: null }, { minVersion: 2 }), "missing_signature");
  assert.equal(await reasonOf({ header: "x" }, { minVersion: 2 }), "malformed_signature");
  for (const minVersion of [0, 3, "2", NaN]) {
    const options = { ...OPTIONS, minVersion: minVersion as 2 };
    assert.throws(() => verifySandboxSignature({ ...REQUEST, header: null }, options), RangeError);
  }
});

test("verifySandboxSignature() and verifySignedBody() answer at once when the hashes do", () => {
  const hashes: Hashes = {
    sha256: (data) => createHash("sha256").update(data).digest(),
    hmacSha256: (key, data) => createHmac("sha256", key).update(data).digest(),
  };
  const verdict = verifySandboxSignature({ ...REQUEST, header: headerOf() }, {
    ...OPTIONS,
    hashes,
  });
  assert.ok(!(verdict instanceof Promise) && verdict.terms !== undefined);
  assert.equal(verifySignedBody(verdict.terms, new TextEncoder().encode(BODY), { hashes }), true);
  assert.equal(verifySignedBody(verdict.terms, new Uint8Array(0), { hashes }), false);
});
