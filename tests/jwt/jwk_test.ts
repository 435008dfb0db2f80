import assert from "node:assert/strict";
import { test } from "node:test";

import { computeThumbprint, createPublicJwk, isEs256Jwk, readPoint } from "../../lib/jwt/jwk.ts";
import { RFC9449_KEY } from "../vectors/rfc_jose.ts";
import { P256 } from "../vectors/p256_keys.ts";

test("computeThumbprint() gives the thumbprints of RFC 9449 and of another implementation", async () => {
  assert.equal(await computeThumbprint(RFC9449_KEY), RFC9449_KEY.jkt);
  assert.equal(await computeThumbprint(P256), P256.kid);
});

test("computeThumbprint() takes nothing but the point into account", async () => {
  const point = { x: P256.x, y: P256.y, kid: "mine", d: "secret", use: "enc" };
  assert.equal(await computeThumbprint(point), P256.kid);
});

test("createPublicJwk() names the key by its thumbprint unless told otherwise", async () => {
  const { x, y, kid } = P256;
  const jwk = { kty: "EC", crv: "P-256", x, y, use: "sig", alg: "ES256", kid };
  assert.deepEqual(await createPublicJwk(P256), jwk);
  assert.deepEqual(await createPublicJwk(P256, "mine"), { ...jwk, kid: "mine" });
});

test("readPoint() accepts a point on the curve", () => {
  assert.deepEqual(readPoint({ ...P256 }), { x: P256.x, y: P256.y });
});

test("readPoint() rejects what is no point on the curve", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    [P256.x, RFC9449_KEY.y],
    [P256.y, P256.x],
    ["A".repeat(43), "A".repeat(43)],
    [P256.x, `${P256.y.slice(0, -1)}9`],
    [`${P256.x}=`, P256.y],
    [P256.x.slice(0, -1), P256.y],
    [`AA${P256.x}`, P256.y],
    [P256.x, undefined],
    [1, P256.y],
    ["", ""],
  ];
  for (const [x, y] of cases) {
    assert.throws(() => readPoint({ x, y }), { code: "ERR_JWT_KEY", reason: "key_malformed" });
  }
});

test("readPoint() rejects a second spelling of a point, its x grown by the prime of the field", () => {
  const y = "RZJDuapYGAb-kTvOmYF63hHKUDxk2aPFM0FcCDJI-8w";
  assert.ok(readPoint({ x: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAU", y }));
  assert.throws(() => readPoint({ x: "_____wAAAAEAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAQ", y }), {
    reason: "key_malformed",
  });
});

test("isEs256Jwk() tells keys for ES256 signatures from others", () => {
  const jwk = { kty: "EC", crv: "P-256", x: P256.x, y: P256.y };
  for (const extra of [{}, { use: "sig", alg: "ES256" }, { key_ops: ["verify"] }]) {
    assert.equal(isEs256Jwk({ ...jwk, ...extra }, ["verify"]), true, JSON.stringify(extra));
  }
  const others = [
    ...[{ kty: "RSA" }, { kty: "oct" }, { crv: "P-384" }, { crv: "secp256k1" }, { use: "enc" }],
    ...[{ alg: "ES384" }, { alg: "HS256" }, { alg: null }, { key_ops: ["deriveKey"] }],
    ...[{ key_ops: "verify" }, { key_ops: [] }],
  ];
  for (const extra of others) {
    assert.equal(isEs256Jwk({ ...jwk, ...extra }, ["verify"]), false, JSON.stringify(extra));
  }
});
