import assert from "node:assert/strict";
import { test } from "node:test";

import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";

test("generateEs256KeyPair() gives the same key in every form", async () => {
  const pair = await generateEs256KeyPair();
  for (const form of [pair.privatePem, pair.privateJwk]) {
    assert.equal((await importSigningKey(form)).kid, pair.kid);
  }
  for (const form of [pair.privatePem, pair.publicPem, pair.publicJwk, pair.privateJwk]) {
    const [key] = await importVerificationKeys(form);
    assert.deepEqual(key?.publicJwk, pair.publicJwk);
  }
});

test("generateEs256KeyPair() writes PEM with 64 characters a line and a line feed at the end", async () => {
  const { privatePem, publicPem } = await generateEs256KeyPair();
  for (const [pem, label] of [[privatePem, "PRIVATE KEY"], [publicPem, "PUBLIC KEY"]]) {
    const [begin, ...lines] = (pem as string).split("\n");
    assert.equal(begin, `-----BEGIN ${label}-----`);
    assert.deepEqual(lines.splice(-2), [`-----END ${label}-----`, ""]);
    assert.ok(lines.slice(0, -1).every((line) => line.length === 64));
    assert.ok((lines.at(-1) as string).length <= 64);
  }
});

test("generateEs256KeyPair() keeps the private scalar out of the public JWK", async () => {
  const { publicJwk, privateJwk } = await generateEs256KeyPair();
  assert.deepEqual(Object.keys(publicJwk).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  assert.deepEqual({ ...publicJwk, d: privateJwk.d }, privateJwk);
});

test("generateEs256KeyPair() makes another key each time", async () => {
  const pairs = await Promise.all([generateEs256KeyPair(), generateEs256KeyPair()]);
  assert.notEqual(pairs[0].kid, pairs[1].kid);
});

test("generateHs256Secret() gives 32 fresh bytes in hex", async () => {
  const secrets = new Set(Array.from({ length: 20 }, generateHs256Secret));
  assert.equal(secrets.size, 20);
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{64}$/);
  assert.equal((await importSecret([...secrets][0] as string)).signingKey.algorithm, "HS256");
});
