import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import type { ValidationPolicy } from "../../lib/jwt/policy.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { MAX_TOKEN_BYTES } from "../../lib/limits.ts";
import { PEM } from "../vectors/p256_keys.ts";
import { RFC7515_A1, RFC7515_A3 } from "../vectors/rfc_jose.ts";
import { clockAt, encodePart, forgeEs256, forgeHs256, NOW, payload, SECRET_HEX } from "./_forge.ts";

const { signingKey: HS256, verificationKey } = await importSecret(SECRET_HEX);
const ES256 = await importSigningKey(PEM.pkcs8);
const ES256_KEYS = await importVerificationKeys(PEM.spki);
const AUDIENCES = ["ati-proxy"];
const BY_SECRET: ValidationPolicy = {
  keys: [verificationKey],
  audiences: AUDIENCES,
  now: clockAt(),
};
const BY_PUBLIC_KEY: ValidationPolicy = { keys: ES256_KEYS, audiences: AUDIENCES, now: clockAt() };
const HEADER = { alg: "HS256" };

describe("validateToken() on the examples of RFC 7515", () => {
  // Neither example has the claims of a session token: that this is what is missed shows that form,
  // header and signature were accepted.
  it("accepts the signature of A.1 and rejects it with another secret", async () => {
    const { verificationKey: key } = await importSecret(encodeHex(decodeBase64Url(RFC7515_A1.k)));
    const policy = { keys: [key], audiences: AUDIENCES };
    await assert.rejects(validateToken(RFC7515_A1.token, policy), { reason: "missing_sub" });
    await assert.rejects(validateToken(RFC7515_A1.token, BY_SECRET), { reason: "bad_signature" });
  });

  it("accepts the signature of A.3 and rejects it with another key", async () => {
    const keys = await importVerificationKeys(RFC7515_A3.jwk);
    const policy = { keys, audiences: AUDIENCES };
    await assert.rejects(validateToken(RFC7515_A3.token, policy), { reason: "missing_sub" });
    await assert.rejects(validateToken(RFC7515_A3.token, BY_PUBLIC_KEY), {
      reason: "bad_signature",
    });
  });
});

describe("validateToken()", () => {
  it("returns the claims of a token of either algorithm", async () => {
    const input = { sub: "agent-7", scope: "help", iss: "orchestrator", jobId: "job" };
    const es256 = await issueToken(input, ES256, { now: clockAt() });
    assert.equal((await validateToken(es256, BY_PUBLIC_KEY)).job_id, "job");
    const hs256 = await issueToken(input, HS256, { now: clockAt() });
    assert.equal((await validateToken(hs256, BY_SECRET)).iss, "orchestrator");
  });

  it("accepts a token as the reference writes it: typ JWT, no kid", async () => {
    const token = await forgeEs256({ typ: "JWT", alg: "ES256" }, payload(), ES256.key);
    assert.deepEqual(await validateToken(token, BY_PUBLIC_KEY), payload());
  });

  it("rejects what is not a string before anything else", async () => {
    for (const token of [undefined, null, 7, {}, encodeUtf8("a.b.c")]) {
      await assert.rejects(validateToken(token as unknown as string, BY_SECRET), {
        name: "TypeError",
      });
    }
  });

  it("accepts a token of 16 KiB and rejects one character more, unparsed", async () => {
    const largest = await forgeOfSize(MAX_TOKEN_BYTES);
    assert.equal(largest.length, MAX_TOKEN_BYTES);
    assert.equal((await validateToken(largest, BY_SECRET)).sub, "agent-7");
    for (const token of [`${largest}A`, "\u0000".repeat(MAX_TOKEN_BYTES + 1), ".".repeat(1e6)]) {
      await assert.rejects(validateToken(token, BY_SECRET), {
        code: "ERR_JWT_TOO_LARGE",
        reason: "too_large",
      });
    }
  });

  it("rejects anything but three segments", async () => {
    const token = await forgeHs256(HEADER, payload());
    const [head, body] = token.split(".");
    for (const text of ["", "a", `${head}.${body}`, `${token}.`, `${token}.x.y`, ".", "..."]) {
      await assert.rejects(validateToken(text, BY_SECRET), {
        code: "ERR_JWT_MALFORMED",
        reason: "not_compact",
      });
    }
  });

  it("rejects segments that are not canonical base64url", async () => {
    const token = await forgeHs256(HEADER, payload());
    const [head = "", body = "", tail = ""] = token.split(".");
    const spellings = [
      ...[` ${token}`, `${token}\n`, `${token}=`, `Bearer ${token}`, `${head}=.${body}.${tail}`],
      ...[`${head}.${body} .${tail}`, `${head}.${body}\u00e9.${tail}`, `${head}.A.${tail}`],
      `${head}.${body.slice(0, 4)}\n${body.slice(4)}.${tail}`,
      `${head}.${body}.${tail.replaceAll("_", "/").replaceAll("-", "+")}+`,
    ];
    for (const text of spellings) {
      await assert.rejects(validateToken(text, BY_SECRET), {
        code: "ERR_JWT_MALFORMED",
        reason: "bad_encoding",
      });
    }
  });

  it("rejects a header that is not a JSON object in UTF-8", async () => {
    const headers = [
      ...[
        "",
        "{",
        "null",
        "[]",
        '"HS256"',
        "7",
        '{"alg":"HS256"} x',
        '{"alg":"HS256","__proto__":1}',
      ],
      ...[new Uint8Array([0x7b, 0xff, 0x7d]), `\ufeff${JSON.stringify(HEADER)}`],
    ];
    for (const header of headers) {
      const token = await forgeHs256(header, payload());
      await assert.rejects(validateToken(token, BY_SECRET), {
        code: "ERR_JWT_MALFORMED",
        reason: "bad_header",
      });
    }
  });

  it("rejects a payload that is not a JSON object in UTF-8", async () => {
    const bodies = [
      ...["", "{", "null", "[]", '"x"', JSON.stringify(payload()).slice(0, -1)],
      ...['{"__proto__":{"sub":"x"}}', `\ufeff${JSON.stringify(payload())}`],
      ...[new Uint8Array([0x7b, 0x80, 0x7d]), "[".repeat(9000)],
    ];
    for (const body of bodies) {
      const token = await forgeHs256(HEADER, body);
      await assert.rejects(validateToken(token, BY_SECRET), {
        code: "ERR_JWT_MALFORMED",
        reason: "bad_payload",
      });
    }
  });

  it("takes the last of members that occur twice, in the header as in the payload", async () => {
    const header = '{"alg":"none","alg":"HS256"}';
    const body = JSON.stringify(payload()).replace("{", '{"sub":"root","aud":"x",');
    const claims = await validateToken(await forgeHs256(header, body), BY_SECRET);
    assert.deepEqual([claims.sub, claims.aud], ["agent-7", "ati-proxy"]);
    const reversed = await forgeHs256('{"alg":"HS256","alg":"none"}', body);
    await assert.rejects(validateToken(reversed, BY_SECRET), { reason: "alg_not_allowed" });
  });

  it("checks the claims only after the signature", async () => {
    const token = await forgeHs256(HEADER, { exp: 0 }, encodeUtf8("another secret"));
    await assert.rejects(validateToken(token, BY_SECRET), { code: "ERR_JWT_SIGNATURE" });
  });

  const claimCases: readonly (readonly [Record<string, unknown>, string, string])[] = [
    [{ exp: undefined }, "ERR_JWT_CLAIM", "missing_exp"],
    [{ sub: undefined }, "ERR_JWT_CLAIM", "missing_sub"],
    [{ aud: undefined }, "ERR_JWT_CLAIM", "missing_aud"],
    [{ iat: undefined }, "ERR_JWT_CLAIM", "missing_iat"],
    [{ scope: undefined }, "ERR_JWT_CLAIM", "missing_scope"],
    [{ exp: "9999999999" }, "ERR_JWT_CLAIM", "invalid_exp"],
    [{ exp: NOW - 60 }, "ERR_JWT_EXPIRED", "expired"],
    [{ nbf: NOW + 61 }, "ERR_JWT_NOT_YET_VALID", "not_yet_valid"],
    [{ iat: NOW + 61 }, "ERR_JWT_NOT_YET_VALID", "issued_in_future"],
    [{ aud: "ati" }, "ERR_JWT_AUDIENCE", "audience_mismatch"],
    [{ aud: ["other"] }, "ERR_JWT_AUDIENCE", "audience_mismatch"],
    [{ iss: "other" }, "ERR_JWT_ISSUER", "issuer_mismatch"],
    [{ iss: undefined }, "ERR_JWT_ISSUER", "missing_iss"],
  ];
  for (const [changes, code, reason] of claimCases) {
    it(`rejects ${JSON.stringify(changes)}${reason} with ${code}`, async () => {
      const token = await forgeHs256(HEADER, payload({ iss: "orchestrator", ...changes }));
      const policy = { ...BY_SECRET, issuer: "orchestrator" };
      await assert.rejects(validateToken(token, policy), { name: "JwtError", code, reason });
    });
  }

  it("accepts what lies within the leeway", async () => {
    for (const changes of [{ exp: NOW - 59 }, { nbf: NOW + 60 }, { iat: NOW + 60 }]) {
      const token = await forgeHs256(HEADER, payload(changes));
      assert.equal((await validateToken(token, BY_SECRET)).sub, "agent-7");
    }
  });

  it("grants the leeway that the policy names", async () => {
    const token = await forgeHs256(HEADER, payload({ exp: NOW - 100 }));
    await validateToken(token, { ...BY_SECRET, leewaySeconds: 101 });
    for (const leewaySeconds of [0, 60, 100, undefined]) {
      await assert.rejects(validateToken(token, { ...BY_SECRET, leewaySeconds }), {
        code: "ERR_JWT_EXPIRED",
      });
    }
  });

  it("does not look at iss when no issuer is named", async () => {
    const token = await forgeHs256(HEADER, payload({ iss: "anyone" }));
    assert.equal((await validateToken(token, BY_SECRET)).iss, "anyone");
  });

  it("says nothing of the token in its errors", async () => {
    const canary = "canary-4711";
    const bodies = [payload({ sub: [canary] }), payload({ aud: canary }), `{"${canary}`];
    for (const body of bodies) {
      const token = await forgeHs256({ ...HEADER, kid: canary }, body);
      for (const text of [token, `${token}x`, token.replace(".", `.${canary}`)]) {
        await assert.rejects(validateToken(text, BY_SECRET), (error: Error) => {
          const shown = `${error.message}${error.stack}${JSON.stringify(error)}`;
          assert.ok(!shown.includes(canary) && error.cause === undefined);
          return true;
        });
      }
    }
  });
});

describe("validateToken() under a policy that cannot be meant", () => {
  const token = "a.b.c";
  const cases: readonly (readonly [string, Record<string, unknown>])[] = [
    ["TypeError", { audiences: [] }],
    ["TypeError", { audiences: undefined }],
    ["TypeError", { audiences: [""] }],
    ["TypeError", { audiences: ["ati-proxy", 7] }],
    ["TypeError", { audiences: "ati-proxy" }],
    ["TypeError", { keys: [] }],
    ["TypeError", { keys: undefined }],
    ["TypeError", { keys: [{ algorithm: "HS256", key: HS256.key }] }],
    ["TypeError", { keys: [{ ...verificationKey, algorithm: "ES256" }] }],
    ["TypeError", { keys: [{ ...ES256_KEYS[0], algorithm: "HS256" }] }],
    ["TypeError", { keys: [{ ...verificationKey, algorithm: "none" }] }],
    ["TypeError", { issuer: "" }],
    ["TypeError", { issuer: null }],
    ["RangeError", { leewaySeconds: -1 }],
    ["RangeError", { leewaySeconds: NaN }],
    ["RangeError", { leewaySeconds: Infinity }],
    ["RangeError", { leewaySeconds: 3601 }],
  ];
  for (const [name, changes] of cases) {
    it(`throws a ${name} on ${Object.keys(changes)} ${String(Object.values(changes))}`, async () => {
      const policy = { ...BY_SECRET, ...changes } as ValidationPolicy;
      await assert.rejects(validateToken(token, policy), { name });
    });
  }

  it("accepts a leeway of 0 and of an hour", async () => {
    const fresh = await forgeHs256(HEADER, payload());
    for (const leewaySeconds of [0, 3600]) {
      assert.ok(await validateToken(fresh, { ...BY_SECRET, leewaySeconds }));
    }
  });
});

async function forgeOfSize(size: number): Promise<string> {
  const signature = 43;
  const head = encodePart(HEADER).length + 2 + signature;
  const bytes = Math.floor((size - head) * 3 / 4);
  const scope = "x".repeat(bytes - JSON.stringify(payload({ scope: "" })).length);
  return await forgeHs256(HEADER, payload({ scope }));
}
