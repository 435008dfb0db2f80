import { test } from "node:test";
import assert from "node:assert/strict";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { verifySignedBody } from "../../lib/signature/body.ts";
import document from "../vectors/sandbox_signature.json" with { type: "json" };
import version2 from "../vectors/sandbox_signature_v2.json" with { type: "json" };

const TEN_DIGITS_REGEXP = /^\d{10}$/;

test("verifySandboxSignature() accepts what Python signed", async () => {
  assert.ok(document.vectors.length >= 8);
  for (const { secret, timestamp, method, path, signature } of document.vectors) {
    const header = `t=${timestamp},s=${signature}`;
    const now = () => Number(timestamp) * 1000;
    const options = { secret: parseSigningSecret(secret), now, driftSeconds: 1 };
    const verdict = await verifySandboxSignature({ header, method, path }, options);
    assert.deepEqual(verdict, { valid: true, reason: "valid" }, `${method} ${path}`);
  }
});

test("signSandboxRequest() signs as Python does", async () => {
  const ordinary = document.vectors.filter((each) => TEN_DIGITS_REGEXP.test(each.timestamp));
  assert.ok(ordinary.length >= 5);
  for (const { secret, timestamp, method, path, signature } of ordinary) {
    const options = { secret: parseSigningSecret(secret), now: () => Number(timestamp) * 1000 };
    const header = await signSandboxRequest({ method, path }, options);
    assert.equal(header, `t=${timestamp},s=${signature}`);
  }
});

test("verifySandboxSignature() accepts what Python signed as version 2, and the body with it", async () => {
  assert.ok(version2.vectors.length >= 5);
  for (const { secret, timestamp, method, path, query, body, header } of version2.vectors) {
    const now = () => Number(timestamp) * 1000;
    const options = { secret: parseSigningSecret(secret), now, driftSeconds: 1 };
    const verdict = await verifySandboxSignature({ header, method, path, query }, options);
    assert.equal(verdict.reason, "valid", `${method} ${path}`);
    assert.ok(verdict.terms);
    assert.equal(await verifySignedBody(verdict.terms, encodeUtf8(body)), true);
    assert.equal(await verifySignedBody(verdict.terms, encodeUtf8(`${body} `)), false);
  }
});

test("signSandboxRequest() signs version 2 as Python does", async () => {
  for (const { secret, timestamp, nonce, header, ...request } of version2.vectors) {
    const now = () => Number(timestamp) * 1000;
    const options = { secret: parseSigningSecret(secret), now, nonce, version: 2 } as const;
    assert.equal(await signSandboxRequest(request, options), header);
    const body = encodeUtf8(request.body);
    assert.equal(await signSandboxRequest({ ...request, body }, options), header);
  }
});
