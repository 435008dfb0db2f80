import assert from "node:assert/strict";
import { test } from "node:test";

import { createJwks } from "../../lib/jwt/jwks.ts";
import { importSecret, importVerificationKeys } from "../../lib/jwt/keys.ts";
import { OTHER_KID, P256, PEM } from "../vectors/p256_keys.ts";
import { SECRET_HEX } from "./_forge.ts";

test("createJwks() serves kty, crv, x, y, use, alg and kid of each public key, nothing else", async () => {
  const { x, y, kid } = P256;
  const { keys } = createJwks(await importVerificationKeys(PEM.spki + PEM.otherSpki));
  assert.deepEqual(keys[0], { kty: "EC", crv: "P-256", x, y, use: "sig", alg: "ES256", kid });
  assert.deepEqual(keys.map((key) => key.kid), [kid, OTHER_KID]);
});

test("createJwks() never serves a private key or a secret", async () => {
  const [key] = await importVerificationKeys(PEM.pkcs8);
  const { verificationKey: secret } = await importSecret(SECRET_HEX);
  const publicJwk = { ...key?.publicJwk, d: P256.d, x5c: ["AAAA"] };
  const jwks = createJwks([secret, { ...key, publicJwk } as never]);
  assert.equal(jwks.keys.length, 1);
  const names = ["alg", "crv", "kid", "kty", "use", "x", "y"];
  assert.deepEqual(Object.keys(jwks.keys[0] ?? {}).sort(), names);
  assert.deepEqual(createJwks([secret]), { keys: [] });
});

test("createJwks() gives what importVerificationKeys() reads back", async () => {
  const keys = await importVerificationKeys(PEM.spki + PEM.otherSpki);
  const read = await importVerificationKeys(JSON.stringify(createJwks(keys)));
  assert.deepEqual(read.map(({ publicJwk }) => publicJwk), keys.map(({ publicJwk }) => publicJwk));
});
