import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";

import { encodeBase64Url } from "../../lib/encoding/base64.ts";
import { decodeHex } from "../../lib/encoding/hex.ts";
import { formatPem } from "../../lib/encoding/pem.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { OTHER_KID, P256, PEM } from "../vectors/p256_keys.ts";
import { RFC9449_KEY } from "../vectors/rfc_jose.ts";
import { SECRET_HEX } from "./_forge.ts";

const PUBLIC_JWK: JsonWebKey = { kty: "EC", crv: "P-256", x: P256.x, y: P256.y };
const PRIVATE_JWK: JsonWebKey = { ...PUBLIC_JWK, d: P256.d };
const KEY_ERROR = { name: "JwtError", code: "ERR_JWT_KEY" };

describe("importSigningKey()", () => {
  const forms: Readonly<Record<string, string | JsonWebKey>> = {
    "PKCS#8": PEM.pkcs8,
    "PKCS#8 without a public half": PEM.pkcs8NoPublic,
    "SEC 1 after its parameters": PEM.sec1,
    "SEC 1 without a public half": PEM.sec1NoPublic,
    "PKCS#8 beside a public key": PEM.otherSpki + PEM.pkcs8,
    "PEM with CRLF and text around it": `Bag\r\n${PEM.pkcs8.replaceAll("\n", "\r\n")}end`,
    "a JWK": PRIVATE_JWK,
    "a JWK as JSON": `\n${JSON.stringify(PRIVATE_JWK)}`,
  };
  for (const [form, material] of Object.entries(forms)) {
    it(`imports ${form}`, async () => {
      const key = await importSigningKey(material);
      assert.equal(key.algorithm, "ES256");
      assert.equal(key.kid, P256.kid);
      assert.equal(key.key.extractable, false);
      assert.deepEqual(key.key.usages, ["sign"]);
      const keys = await importVerificationKeys(PEM.spki);
      const token = await issueToken({ sub: "agent", scope: "" }, key);
      assert.equal((await validateToken(token, { keys, audiences: ["ati-proxy"] })).sub, "agent");
    });
  }

  it("keeps a JWK's own kid", async () => {
    const named = { ...PRIVATE_JWK, kid: "2026-01" };
    assert.equal((await importSigningKey(named)).kid, "2026-01");
    const unnamed = { ...PRIVATE_JWK, kid: "" };
    assert.equal((await importSigningKey(unnamed)).kid, P256.kid);
  });

  it("does not give the key out again", async () => {
    const { key } = await importSigningKey(PEM.pkcs8);
    await assert.rejects(crypto.subtle.exportKey("jwk", key));
  });

  const unsupported: Readonly<Record<string, string | JsonWebKey>> = {
    "a public key": PEM.spki,
    "PKCS#8 on secp256k1": PEM.secp256k1Pkcs8,
    "SEC 1 on secp256k1, whose keys are as long": PEM.secp256k1Sec1,
    "PKCS#8 on P-384": PEM.secp384r1Pkcs8,
    "SEC 1 on P-384": PEM.secp384r1Sec1,
    "SEC 1 with a curve spelled out": PEM.explicitSec1,
    "PKCS#8 with a curve spelled out": PEM.explicitPkcs8,
    "Ed25519": PEM.ed25519Pkcs8,
    "a certificate": PEM.certificate,
    "a public JWK's type on another curve": { ...PRIVATE_JWK, crv: "P-384" },
    "a symmetric JWK": { kty: "oct", k: "AAAA" },
    "a JWK for encryption": { ...PRIVATE_JWK, use: "enc" },
    "a JWK for another algorithm": { ...PRIVATE_JWK, alg: "ES384" },
    "a JWK that may only verify": { ...PRIVATE_JWK, key_ops: ["verify"] },
  };
  for (const [what, material] of Object.entries(unsupported)) {
    it(`rejects ${what}`, async () => {
      await assert.rejects(importSigningKey(material), { ...KEY_ERROR, reason: "key_unsupported" });
    });
  }

  it("rejects an encrypted key and says how to decrypt it", async () => {
    for (const pem of [PEM.pkcs8Encrypted, PEM.sec1Encrypted]) {
      await assert.rejects(importSigningKey(pem), (error: { reason: string; hint: string }) => {
        assert.equal(error.reason, "key_encrypted");
        assert.match(error.hint, /openssl pkcs8/);
        return true;
      });
    }
  });

  it("rejects two private keys", async () => {
    await assert.rejects(importSigningKey(PEM.pkcs8 + PEM.otherSec1), {
      ...KEY_ERROR,
      reason: "key_ambiguous",
    });
  });

  it("rejects a JWK whose halves do not belong together", async () => {
    const { x, y } = RFC9449_KEY;
    for (const other of [{ x, y }, { x }, { y }, { y: undefined }]) {
      await assert.rejects(importSigningKey({ ...PRIVATE_JWK, ...other } as JsonWebKey), {
        ...KEY_ERROR,
        reason: "key_mismatch",
      });
    }
  });

  it("rejects a scalar of zero, of the order of the curve, or of another length", async () => {
    const order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    for (const d of ["A".repeat(43), order, "_".repeat(42) + "8", "AAAA", "", "!".repeat(43)]) {
      await assert.rejects(importSigningKey({ ...PRIVATE_JWK, d }), {
        ...KEY_ERROR,
        reason: "key_malformed",
      });
    }
    await assert.rejects(importSigningKey(PUBLIC_JWK), { reason: "key_malformed" });
  });

  it("rejects text that is no key", async () => {
    const cut = PEM.pkcs8.split("\n").toSpliced(2, 1).join("\n");
    for (
      const text of ["", "key", "{", "{}x", cut.replace("END", "BEGIN"), PEM.pkcs8.slice(0, 99)]
    ) {
      await assert.rejects(importSigningKey(text), { ...KEY_ERROR, reason: "key_malformed" });
    }
  });

  it("rejects values that are neither text nor an object", async () => {
    for (const value of [undefined, null, 7, [], new Uint8Array(3)]) {
      await assert.rejects(importSigningKey(value as unknown as string), KEY_ERROR);
    }
  });

  it("rejects DER that is cut, changed or followed by more", async () => {
    const der = Uint8Array.from(
      atob(PEM.pkcs8NoPublic.split("\n").slice(1, -2).join("")),
      (char) => char.charCodeAt(0),
    );
    const refused: Uint8Array[] = [
      new Uint8Array(0),
      Uint8Array.from([...der, 0]),
      Uint8Array.from([...der, 0x05, 0x00]),
    ];
    for (let length = 1; length < der.length; length++) refused.push(der.subarray(0, length));
    for (const bytes of refused) {
      for (const label of ["PRIVATE KEY", "EC PRIVATE KEY"]) {
        await assert.rejects(importSigningKey(formatPem(label, bytes)), KEY_ERROR);
      }
    }
    // Everything before the scalar is fixed: one octet changed is another key, or none.
    for (let index = 0; index < der.length - 32; index++) {
      const changed = der.slice();
      changed[index] = (changed[index] as number) ^ 0x01;
      const attempt = await importSigningKey(formatPem("PRIVATE KEY", changed)).catch(() => null);
      // PKCS#8 knows two versions, and octet 4 says which.
      assert.ok(attempt === null || index === 4, `octet ${index}`);
    }
  });

  it("says nothing of the key in its errors", async () => {
    const secret = "c2VjcmV0LWNhbmFyeS1zZWNyZXQtY2FuYXJ5";
    const materials = [
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
      `-----BEGIN PUBLIC KEY-----\n${secret}\n-----END PUBLIC KEY-----\n`,
      `{"kty":"EC","crv":"P-256","d":"${secret}",`,
      JSON.stringify({ ...PRIVATE_JWK, d: secret }),
    ];
    for (const material of materials) {
      for (const load of [importSigningKey, importVerificationKeys]) {
        await assert.rejects(load(material), (error: Error) => {
          assert.ok(!inspect(error, { depth: 9 }).includes(secret.slice(0, 12)));
          return true;
        });
      }
    }
  });
});

describe("importVerificationKeys()", () => {
  const forms: Readonly<Record<string, string | JsonWebKey>> = {
    "SPKI": PEM.spki,
    "SPKI with a compressed point": PEM.spkiCompressed,
    "the public half of PKCS#8": PEM.pkcs8,
    "the public half of SEC 1": PEM.sec1,
    "a JWK": PUBLIC_JWK,
    "the public half of a private JWK": { ...PRIVATE_JWK, key_ops: ["sign"] },
    "a JWK as JSON": JSON.stringify(PUBLIC_JWK),
    "a JWK set as JSON": JSON.stringify({ keys: [PUBLIC_JWK] }),
  };
  for (const [form, material] of Object.entries(forms)) {
    it(`imports ${form}`, async () => {
      const [key, ...others] = await importVerificationKeys(material);
      const { x, y, kid } = P256;
      assert.deepEqual(others, []);
      assert.equal(key?.algorithm, "ES256");
      assert.equal(key.kid, kid);
      assert.deepEqual(key.key.usages, ["verify"]);
      const jwk = { kty: "EC", crv: "P-256", x, y, use: "sig", alg: "ES256", kid };
      assert.deepEqual(key.publicJwk, jwk);
    });
  }

  it("imports several blocks in their order, each key once", async () => {
    const keys = await importVerificationKeys(PEM.otherSpki + PEM.spki + PEM.pkcs8);
    assert.deepEqual(keys.map(({ kid }) => kid), [OTHER_KID, P256.kid]);
  });

  it("skips the keys of a set that are not for ES256 signatures", async () => {
    const rsa = { kty: "RSA", n: "AQAB", e: "AQAB" };
    const set = { keys: [rsa, { ...PUBLIC_JWK, use: "enc" }, { ...PUBLIC_JWK, kid: "a" }] };
    assert.deepEqual((await importVerificationKeys(set as never)).map(({ kid }) => kid), ["a"]);
  });

  it("rejects a set without a key that can be used", async () => {
    for (const keys of [[], [{ kty: "RSA" }], [null, 7, "x"]]) {
      await assert.rejects(importVerificationKeys({ keys } as never), {
        ...KEY_ERROR,
        reason: "key_unsupported",
      });
    }
  });

  it("rejects a set with a broken P-256 key rather than skip it", async () => {
    const broken = { ...PUBLIC_JWK, x: RFC9449_KEY.x };
    await assert.rejects(importVerificationKeys({ keys: [PUBLIC_JWK, broken] }), {
      ...KEY_ERROR,
      reason: "key_malformed",
    });
  });

  const unsupported = {
    "secp256k1": PEM.secp256k1Spki,
    "P-384": PEM.secp384r1Spki,
    "RSA": PEM.rsaSpki,
    "Ed25519": PEM.ed25519Spki,
    "a certificate": PEM.certificate,
    "one good key and one that is not": PEM.spki + PEM.rsaSpki,
    "parameters without a key": PEM.sec1.slice(0, PEM.sec1.indexOf("-----BEGIN EC PRIVATE")),
  };
  for (const [what, material] of Object.entries(unsupported)) {
    it(`rejects ${what}`, async () => {
      await assert.rejects(importVerificationKeys(material), {
        ...KEY_ERROR,
        reason: "key_unsupported",
      });
    });
  }
});

describe("importSecret()", () => {
  const k = encodeBase64Url(decodeHex(SECRET_HEX));

  it("takes a JWK of type oct and keeps its kid", async () => {
    const fromHex = await importSecret(SECRET_HEX);
    const fromJwk = await importSecret({ kty: "oct", k, alg: "HS256", kid: "first" } as JsonWebKey);
    assert.equal(fromJwk.signingKey.kid, "first");
    const data = new Uint8Array([1, 2, 3]);
    const mac = await crypto.subtle.sign("HMAC", fromJwk.signingKey.key, data);
    assert.ok(await crypto.subtle.verify("HMAC", fromHex.verificationKey.key, mac, data));
  });

  it("refuses other JWKs", async () => {
    const refused: [JsonWebKey, string][] = [
      [{ kty: "EC", crv: "P-256", k }, "key_unsupported"],
      [{ kty: "oct", k, alg: "HS512" }, "key_unsupported"],
      [{ kty: "oct", k, use: "enc" }, "key_unsupported"],
      [{ kty: "oct" }, "key_malformed"],
      [{ kty: "oct", k: `${k}=` }, "key_malformed"],
      [{ kty: "oct", k: k.slice(0, 40) }, "secret_too_short"],
    ];
    for (const [jwk, reason] of refused) {
      await assert.rejects(importSecret(jwk), { ...KEY_ERROR, reason });
    }
  });

  it("imports hex of either case into keys that cannot be exported", async () => {
    const { signingKey, verificationKey } = await importSecret(SECRET_HEX.toUpperCase());
    assert.deepEqual(signingKey.key.usages, ["sign"]);
    assert.deepEqual(verificationKey.key.usages, ["verify"]);
    assert.equal(signingKey.kid, undefined);
    for (const { key } of [signingKey, verificationKey]) assert.equal(key.extractable, false);
  });

  it("accepts 32 bytes and rejects 31", async () => {
    assert.equal((await importSecret("ab".repeat(32))).signingKey.algorithm, "HS256");
    for (const hex of ["ab".repeat(31), "", "ab"]) {
      await assert.rejects(importSecret(hex), { ...KEY_ERROR, reason: "secret_too_short" });
    }
  });

  it("rejects what is not hex", async () => {
    for (const text of [`${SECRET_HEX}a`, `${SECRET_HEX}\n`, `0x${SECRET_HEX}`, PEM.spki, "é"]) {
      await assert.rejects(importSecret(text), { ...KEY_ERROR, reason: "secret_not_hex" });
    }
  });
});
