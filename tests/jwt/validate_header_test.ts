import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodeBase64Url, encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import type { VerificationKey } from "../../lib/jwt/keys.ts";
import type { ValidationPolicy } from "../../lib/jwt/policy.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { OTHER_KID, P256, PEM } from "../vectors/p256_keys.ts";
import { clockAt, encodePart, forgeEs256, forgeHs256, payload, SECRET_HEX } from "./_forge.ts";

const { verificationKey: SECRET_KEY } = await importSecret(SECRET_HEX);
const ES256 = await importSigningKey(PEM.pkcs8);
const OTHER = await importSigningKey(PEM.otherSec1);
const [FIRST_KEY, OTHER_KEY] = await importVerificationKeys(PEM.spki + PEM.otherSpki) as [
  VerificationKey,
  VerificationKey,
];

function policyWith(...keys: VerificationKey[]): ValidationPolicy {
  return { keys, audiences: ["ati-proxy"], now: clockAt() };
}

const TOKENS = {
  HS256: [await forgeHs256({ alg: "HS256" }, payload()), policyWith(SECRET_KEY)],
  ES256: [await forgeEs256({ alg: "ES256" }, payload(), ES256.key), policyWith(FIRST_KEY)],
} as const;

describe("validateToken() and alg", () => {
  it("rejects HS256 made with any spelling of the public key as secret", async () => {
    const spki = Uint8Array.from(
      atob(PEM.spki.split("\n").slice(1, -2).join("")),
      (char) => char.charCodeAt(0),
    );
    const secrets = [
      ...[encodeUtf8(PEM.spki), encodeUtf8(PEM.spki.trimEnd()), spki],
      ...[decodeBase64Url(P256.x), encodeUtf8(JSON.stringify(FIRST_KEY.publicJwk))],
    ];
    for (const secret of secrets) {
      for (const header of [{ alg: "HS256" }, { alg: "HS256", kid: P256.kid }]) {
        const token = await forgeHs256(header, payload(), secret);
        await assert.rejects(validateToken(token, policyWith(FIRST_KEY)), {
          code: "ERR_JWT_ALGORITHM",
          reason: "alg_not_allowed",
        });
        const lying = await forgeHs256({ ...header, alg: "ES256" }, payload(), secret);
        await assert.rejects(validateToken(lying, policyWith(FIRST_KEY)), {
          reason: "bad_signature",
        });
      }
    }
  });

  it("rejects every alg that is not exactly that of a key", async () => {
    const names = [
      "none",
      "None",
      "NONE",
      "nOnE",
      "",
      "hs256",
      "HS256 ",
      "HS384",
      "HS512",
      "ES256",
      "ES384",
      "RS256",
      "PS256",
      "EdDSA",
      "dir",
      "toString",
      "__proto__",
    ];
    for (const alg of names) {
      const signed = await forgeHs256({ alg }, payload());
      const unsigned = signed.slice(0, signed.lastIndexOf(".") + 1);
      for (const token of [signed, unsigned]) {
        await assert.rejects(validateToken(token, policyWith(SECRET_KEY)), {
          code: "ERR_JWT_ALGORITHM",
          reason: "alg_not_allowed",
        }, alg);
      }
    }
  });

  it("rejects a header whose alg is missing or no text", async () => {
    for (const header of [{}, { alg: null }, { alg: ["HS256"] }, { alg: 1 }, { Alg: "HS256" }]) {
      const token = await forgeHs256(header, payload());
      await assert.rejects(validateToken(token, policyWith(SECRET_KEY)), {
        code: "ERR_JWT_MALFORMED",
        reason: "bad_header",
      });
    }
  });

  it("tries each key with its own algorithm only, where both kinds are accepted", async () => {
    const policy = policyWith(SECRET_KEY, FIRST_KEY);
    assert.ok(await validateToken(await forgeHs256({ alg: "HS256" }, payload()), policy));
    assert.ok(
      await validateToken(await forgeEs256({ alg: "ES256" }, payload(), ES256.key), policy),
    );
    const confused = await forgeHs256({ alg: "HS256" }, payload(), encodeUtf8(PEM.spki));
    await assert.rejects(validateToken(confused, policy), { reason: "bad_signature" });
  });
});

describe("validateToken() and the other header members", () => {
  it("accepts typ absent, JWT and at+jwt, in any case, with or without application/", async () => {
    const types = ["JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "Application/AT+jwt"];
    for (const typ of [undefined, ...types]) {
      const token = await forgeHs256({ alg: "HS256", typ }, payload());
      assert.ok(await validateToken(token, policyWith(SECRET_KEY)), typ);
    }
  });

  it("rejects any other typ", async () => {
    const types = [
      "",
      " JWT",
      "JOSE",
      "JWS",
      "id+jwt",
      "dpop+jwt",
      "logout+jwt",
      "at+jwt;x=1",
      "application/",
      "application/application/jwt",
      "text/jwt",
      null,
      1,
      ["JWT"],
      {},
    ];
    for (const typ of types) {
      const token = await forgeHs256({ alg: "HS256", typ }, payload());
      await assert.rejects(validateToken(token, policyWith(SECRET_KEY)), {
        code: "ERR_JWT_TYPE",
        reason: "typ_not_allowed",
      }, String(typ));
    }
  });

  it("rejects crit and b64, whatever they say", async () => {
    for (const crit of [[], ["exp"], ["b64"], null, "exp"]) {
      const token = await forgeHs256({ alg: "HS256", crit, b64: true, exp: 1 }, payload());
      await assert.rejects(validateToken(token, policyWith(SECRET_KEY)), {
        code: "ERR_JWT_MALFORMED",
        reason: "crit_unsupported",
      });
    }
    for (const b64 of [true, false, null]) {
      const token = await forgeHs256({ alg: "HS256", b64 }, payload());
      await assert.rejects(validateToken(token, policyWith(SECRET_KEY)), {
        code: "ERR_JWT_MALFORMED",
        reason: "b64_unsupported",
      });
    }
  });

  it("never takes a key from the header", async () => {
    const jwk = OTHER_KEY.publicJwk;
    const links = { jku: "https://127.0.0.1:1/jwks", x5u: "https://127.0.0.1:1/x", x5c: ["AAAA"] };
    const token = await forgeEs256({ alg: "ES256", jwk, ...links }, payload(), OTHER.key);
    await assert.rejects(validateToken(token, policyWith(FIRST_KEY)), { reason: "bad_signature" });
  });
});

describe("validateToken() and kid", () => {
  it("accepts either key while keys are rotated, with kid and without", async () => {
    const policy = policyWith(FIRST_KEY, OTHER_KEY);
    for (const key of [ES256, OTHER]) {
      for (const kid of [key.kid, undefined]) {
        const token = await forgeEs256({ alg: "ES256", kid }, payload(), key.key);
        assert.ok(await validateToken(token, policy));
      }
    }
  });

  it("rejects a token of the old key once it is gone", async () => {
    const token = await issueToken({ sub: "agent", scope: "" }, ES256, { now: clockAt() });
    await assert.rejects(validateToken(token, policyWith(OTHER_KEY)), {
      code: "ERR_JWT_SIGNATURE",
      reason: "kid_unknown",
    });
  });

  it("tries only the key that kid names", async () => {
    const token = await forgeEs256({ alg: "ES256", kid: OTHER_KID }, payload(), ES256.key);
    await assert.rejects(validateToken(token, policyWith(FIRST_KEY, OTHER_KEY)), {
      code: "ERR_JWT_SIGNATURE",
      reason: "bad_signature",
    });
  });

  it("accepts a kid that names none of ours when one of ours made the signature", async () => {
    for (const kid of ["ati-proxy-1", "", "../../etc/passwd", "x".repeat(1000)]) {
      const es256 = await forgeEs256({ alg: "ES256", kid }, payload(), ES256.key);
      assert.ok(await validateToken(es256, policyWith(OTHER_KEY, FIRST_KEY)));
      const hs256 = await forgeHs256({ alg: "HS256", kid }, payload());
      assert.ok(await validateToken(hs256, policyWith(SECRET_KEY)));
    }
  });

  it("tries both of two keys that go by one kid", async () => {
    const keys = [FIRST_KEY, OTHER_KEY].map((key) => ({ ...key, kid: "same" }));
    const token = await forgeEs256({ alg: "ES256", kid: "same" }, payload(), OTHER.key);
    assert.ok(await validateToken(token, policyWith(...keys)));
  });

  it("rejects a kid that is no text", async () => {
    for (const kid of [null, 1, [P256.kid], {}]) {
      const token = await forgeEs256({ alg: "ES256", kid }, payload(), ES256.key);
      await assert.rejects(validateToken(token, policyWith(FIRST_KEY)), { reason: "bad_header" });
    }
  });
});

describe("validateToken() on a token that was changed", () => {
  for (const [alg, [token, policy]] of Object.entries(TOKENS)) {
    it(`rejects ${alg} with any one character changed, to a letter, a sign or white space`, async () => {
      assert.ok(await validateToken(token, policy));
      for (let index = 0; index < token.length; index++) {
        for (const char of new Set(["A", "_", ".", " "])) {
          if (token[index] === char) continue;
          const changed = token.slice(0, index) + char + token.slice(index + 1);
          await assert.rejects(validateToken(changed, policy), { name: "JwtError" }, changed);
        }
      }
    });

    it(`accepts one of the 64 last characters of ${alg}`, async () => {
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const accepted: string[] = [];
      for (const char of alphabet) {
        const spelling = token.slice(0, -1) + char;
        await validateToken(spelling, policy).then(() => accepted.push(spelling), () => {});
      }
      assert.deepEqual(accepted, [token]);
    });

    it(`rejects ${alg} with its segments exchanged or its signature cut, grown or empty`, async () => {
      const [head = "", body = "", tail = ""] = token.split(".");
      const bytes = decodeBase64Url(tail);
      const tails = [
        ...[new Uint8Array(0), bytes.subarray(1), bytes.subarray(0, -1), new Uint8Array(64)],
        ...[Uint8Array.from([...bytes, 0]), Uint8Array.from([...bytes, ...bytes])],
      ];
      for (const text of [`${body}.${head}.${tail}`, `${tail}.${body}.${head}`]) {
        await assert.rejects(validateToken(text, policy), { code: "ERR_JWT_MALFORMED" });
      }
      for (const signature of tails) {
        await assert.rejects(validateToken(`${head}.${body}.${encodePart(signature)}`, policy), {
          code: "ERR_JWT_SIGNATURE",
          reason: "bad_signature",
        });
      }
    });
  }

  it("rejects an ES256 signature in DER, as X.509 has it", async () => {
    const [head, body, tail = ""] = TOKENS.ES256[0].split(".");
    const raw = decodeBase64Url(tail);
    const der = [...toDerInteger(raw.subarray(0, 32)), ...toDerInteger(raw.subarray(32))];
    const signature = encodeBase64Url(Uint8Array.from([0x30, der.length, ...der]));
    await assert.rejects(validateToken(`${head}.${body}.${signature}`, TOKENS.ES256[1]), {
      reason: "bad_signature",
    });
  });

  it("accepts the second signature that every ES256 token has, as the algorithm does", async () => {
    // (r, n - s) verifies wherever (r, s) does: a token must be revoked by its jti, not by its text.
    const [head, body, tail = ""] = TOKENS.ES256[0].split(".");
    const raw = decodeBase64Url(tail);
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = order - BigInt(`0x${[...raw.subarray(32)].map(toHex).join("")}`);
    const digits = s.toString(16).padStart(64, "0").match(/../g) as string[];
    raw.set(digits.map((pair) => Number.parseInt(pair, 16)), 32);
    const twin = `${head}.${body}.${encodeBase64Url(raw)}`;
    assert.notEqual(twin, TOKENS.ES256[0]);
    assert.ok(await validateToken(twin, TOKENS.ES256[1]));
  });
});

function toHex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function toDerInteger(bytes: Uint8Array): number[] {
  const content = (bytes[0] as number) < 0x80 ? [...bytes] : [0, ...bytes];
  return [0x02, content.length, ...content];
}
