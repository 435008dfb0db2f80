import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodeBase64Url } from "../../lib/encoding/base64.ts";
import { inspectToken } from "../../lib/jwt/inspect.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import type { IssueInput } from "../../lib/jwt/issue.ts";
import { importSecret, importSigningKey } from "../../lib/jwt/keys.ts";
import type { SigningKey } from "../../lib/jwt/keys.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { P256, PEM } from "../vectors/p256_keys.ts";
import { clockAt, NOW, SECRET_HEX } from "./_forge.ts";

const { signingKey: HS256, verificationKey } = await importSecret(SECRET_HEX);
const ES256 = await importSigningKey(PEM.pkcs8);
const INPUT: IssueInput = { sub: "agent-7", scope: "tool:github:* help" };

function parts(token: string): string[] {
  return token.split(".").slice(0, 2).map((part) =>
    new TextDecoder().decode(decodeBase64Url(part))
  );
}

async function claimsText(input: IssueInput): Promise<string> {
  const token = await issueToken(input, HS256, { now: clockAt(0.999) });
  return parts(token)[1] as string;
}

describe("issueToken()", () => {
  it("writes typ, alg and, on ES256, the thumbprint into the header", async () => {
    const [es256] = parts(await issueToken(INPUT, ES256));
    assert.equal(es256, `{"typ":"at+jwt","alg":"ES256","kid":"${P256.kid}"}`);
    const [hs256] = parts(await issueToken(INPUT, HS256));
    assert.equal(hs256, '{"typ":"at+jwt","alg":"HS256"}');
  });

  it("writes every claim in the order of the reference", async () => {
    const text = await claimsText({
      ...INPUT,
      ttlSeconds: 600,
      aud: "tools",
      iss: "orchestrator",
      jti: "id",
      nbf: NOW + 5,
      rate: { "tool:github:*": "10/hour" },
      customerId: "cust_alpha",
      jobId: "job",
      sandboxId: "box",
    });
    assert.equal(
      text,
      `{"iss":"orchestrator","sub":"agent-7","aud":"tools","iat":${NOW},"exp":${NOW + 600},` +
        `"nbf":${NOW + 5},"jti":"id","scope":"tool:github:* help","ati":{"v":1,` +
        '"rate":{"tool:github:*":"10/hour"},"customer_id":"cust_alpha"},' +
        '"job_id":"job","sandbox_id":"box"}',
    );
  });

  it("leaves optional claims out and fills in the defaults", async () => {
    const text = await claimsText({ ...INPUT, jti: "id", rate: {} });
    assert.equal(
      text,
      `{"sub":"agent-7","aud":"ati-proxy","iat":${NOW},"exp":${NOW + 1800},"jti":"id",` +
        '"scope":"tool:github:* help","ati":{"v":1}}',
    );
  });

  it("treats undefined as left out", async () => {
    const optional = [
      "ttlSeconds",
      "aud",
      "iss",
      "nbf",
      "rate",
      "customerId",
      "jobId",
      "sandboxId",
    ];
    const nothing = Object.fromEntries(optional.map((name) => [name, undefined]));
    assert.equal(
      await claimsText({ ...INPUT, jti: "id", ...nothing }),
      await claimsText({ ...INPUT, jti: "id" }),
    );
  });

  it("gives each token a random UUID", async () => {
    const ids = await Promise.all(
      [1, 2].map(async () => inspectToken(await issueToken(INPUT, HS256)).claims.jti),
    );
    assert.notEqual(ids[0], ids[1]);
    for (const id of ids) assert.match(id ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/);
  });

  it("writes several audiences as a list and a list of one as text", async () => {
    assert.match(await claimsText({ ...INPUT, aud: ["a", "b"] }), /"aud":\["a","b"\]/);
    assert.match(await claimsText({ ...INPUT, aud: ["a"] }), /"aud":"a"/);
  });

  it("issues what validateToken() accepts, also with an empty scope and text of any script", async () => {
    const policy = { keys: [verificationKey], audiences: ["ati-proxy"], now: clockAt() };
    for (const changes of [{}, { scope: "" }, { sub: 'агент-七 \u{1f511} "\\\u0000' }]) {
      const token = await issueToken({ ...INPUT, ...changes }, HS256, { now: clockAt() });
      const claims = await validateToken(token, policy);
      assert.equal(claims.sub, changes.sub ?? INPUT.sub);
    }
  });

  it("accepts the shortest lifetime and the last second before the end as nbf", async () => {
    const text = await claimsText({ ...INPUT, ttlSeconds: 1, nbf: NOW });
    assert.match(text, new RegExp(`"exp":${NOW + 1},"nbf":${NOW},`));
  });

  it("rejects a lifetime that is no positive integer", async () => {
    for (const ttlSeconds of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 8_640_000_000_000]) {
      await assert.rejects(issueToken({ ...INPUT, ttlSeconds }, HS256), { name: "RangeError" });
    }
    await assert.rejects(issueToken({ ...INPUT, ttlSeconds: "60" as unknown as number }, HS256), {
      name: "TypeError",
    });
  });

  it("rejects an nbf that is no second before the end", async () => {
    const now = clockAt();
    for (const nbf of [NOW + 1800, NOW + 9999, -1, 0.5, NaN, Infinity]) {
      await assert.rejects(issueToken({ ...INPUT, nbf }, HS256, { now }), { name: "RangeError" });
    }
    await assert.rejects(issueToken({ ...INPUT, nbf: "0" as unknown as number }, HS256, { now }), {
      name: "TypeError",
    });
  });

  it("rejects a clock that cannot be", async () => {
    for (const ms of [NaN, -1000, Infinity, 8.65e15]) {
      await assert.rejects(issueToken(INPUT, HS256, { now: () => ms }), { name: "RangeError" });
    }
  });

  it("rejects values that are missing, empty or of the wrong type", async () => {
    const wrong: Readonly<Record<string, readonly unknown[]>> = {
      sub: [undefined, "", null, 7],
      scope: [undefined, null, 7, ["help"]],
      aud: ["", [], [""], ["a", ""], null, 7, {}],
      iss: ["", null, 7],
      jti: ["", null, 7],
      rate: [null, [], "10/hour", { "*": 10 }, { "*": null }, new Map()],
      customerId: ["", null, 7],
      jobId: ["", null, 7],
      sandboxId: ["", null, 7],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const input = { ...INPUT, [name]: value } as IssueInput;
        await assert.rejects(issueToken(input, HS256), { name: "TypeError" }, name);
      }
    }
  });

  it("rejects a key that cannot sign with its algorithm", async () => {
    const keys: readonly SigningKey[] = [
      { algorithm: "HS256", key: verificationKey.key },
      { algorithm: "HS256", key: ES256.key },
      { algorithm: "ES256", key: HS256.key },
      { algorithm: "none" as "HS256", key: HS256.key },
    ];
    for (const key of keys) {
      await assert.rejects(issueToken(INPUT, key), { name: "TypeError" });
    }
  });

  it("rejects a token that would be larger than any validator accepts", async () => {
    await assert.rejects(issueToken({ ...INPUT, scope: "x".repeat(13_000) }, HS256), {
      name: "JwtError",
      code: "ERR_JWT_TOO_LARGE",
      reason: "too_large",
    });
  });
});
