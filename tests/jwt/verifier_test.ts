import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";

import { webHashes } from "../../lib/encoding/hashes.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import type { VerificationKey } from "../../lib/jwt/keys.ts";
import type { ValidationPolicy } from "../../lib/jwt/policy.ts";
import { createTokenVerifier } from "../../lib/jwt/verifier.ts";
import type { JwtClaims } from "../../lib/jwt/claims.ts";
import { MAX_TOKEN_BYTES } from "../../lib/limits.ts";
import type { Hashes } from "../../lib/ports.ts";
import { PEM } from "../vectors/p256_keys.ts";
import { forgeEs256, forgeHs256, NOW, payload, SECRET_HEX } from "./_forge.ts";

const SYNC_HASHES: Hashes = {
  sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
  hmacSha256: () => {
    throw new Error("not used here");
  },
};
const { verificationKey: KEY } = await importSecret(SECRET_HEX);

function setUp(options: { hashes?: Hashes; maxEntries?: number } = {}) {
  const clock = { seconds: NOW };
  let reads = 0;
  // Signatures are counted by how often the key is looked at.
  const key: VerificationKey = {
    algorithm: "HS256",
    get key() {
      reads++;
      return KEY.key;
    },
  };
  const policy: ValidationPolicy = {
    keys: [key],
    audiences: ["ati-proxy"],
    now: () => clock.seconds * 1000,
  };
  const verifier = createTokenVerifier(policy, { hashes: SYNC_HASHES, ...options });
  reads = 0;
  return { verifier, clock, verifications: () => reads };
}

function token(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return forgeHs256({ alg: "HS256" }, payload(changes));
}

describe("createTokenVerifier()", () => {
  it("verifies a token once and then answers at once, without a promise", async () => {
    const { verifier, verifications } = setUp();
    const text = await token();
    const first = verifier.verify(text);
    assert.ok(first instanceof Promise);
    const claims = await first;
    const second = verifier.verify(text);
    assert.equal(second, claims);
    assert.equal(verifications(), 1);
    assert.deepEqual(claims, payload());
  });

  it("remembers also with hashes that answer with promises", async () => {
    const { verifier, verifications } = setUp({ hashes: webHashes });
    const text = await token();
    assert.equal(await verifier.verify(text), await verifier.verify(text));
    assert.equal(verifications(), 1);
  });

  it("uses Web Crypto when no hashes are given", async () => {
    const verifier = createTokenVerifier({
      keys: [KEY],
      audiences: ["ati-proxy"],
      now: () => NOW * 1000,
    });
    const text = await token();
    assert.equal(await verifier.verify(text), await verifier.verify(text));
  });

  it("verifies a token once for many who ask at the same time", async () => {
    for (const hashes of [SYNC_HASHES, webHashes]) {
      const { verifier, verifications } = setUp({ hashes });
      const text = await token();
      const all = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(text)));
      assert.equal(new Set<JwtClaims>(all).size, 1);
      assert.equal(verifications(), 1);
    }
  });

  it("checks exp on each hit and forgets what has expired", async () => {
    const { verifier, clock, verifications } = setUp();
    const text = await token({ exp: NOW + 10 });
    await verifier.verify(text);
    clock.seconds = NOW + 69;
    assert.equal((verifier.verify(text) as JwtClaims).sub, "agent-7");
    clock.seconds = NOW + 70;
    assert.throws(() => verifier.verify(text), { code: "ERR_JWT_EXPIRED" });
    await assert.rejects(async () => await verifier.verify(text), { code: "ERR_JWT_EXPIRED" });
    assert.equal(verifications(), 2);
  });

  it("checks nbf and iat on each hit when the clock is set back", async () => {
    const { verifier, clock } = setUp();
    const text = await token({ nbf: NOW });
    await verifier.verify(text);
    clock.seconds = NOW - 61;
    await assert.rejects(async () => await verifier.verify(text), {
      code: "ERR_JWT_NOT_YET_VALID",
    });
    clock.seconds = NOW;
    assert.equal((await verifier.verify(text)).sub, "agent-7");
  });

  it("remembers no refusal", async () => {
    const { verifier, verifications } = setUp();
    const text = await forgeHs256({ alg: "HS256" }, payload(), new Uint8Array(32));
    for (let round = 0; round < 3; round++) {
      await assert.rejects(async () => await verifier.verify(text), { reason: "bad_signature" });
    }
    assert.equal(verifications(), 3);
  });

  it("refuses one token for all who asked at the same time", async () => {
    const { verifier } = setUp();
    const text = await token({ aud: "other" });
    const all = await Promise.allSettled([1, 2, 3].map(() => verifier.verify(text)));
    assert.ok(all.every(({ status }) => status === "rejected"));
  });

  it("does not take a token for a remembered one that differs in a character", async () => {
    const { verifier } = setUp();
    const text = await token();
    await verifier.verify(text);
    const last = text.endsWith("A") ? "E" : "A";
    await assert.rejects(async () => await verifier.verify(text.slice(0, -1) + last), {
      name: "JwtError",
    });
  });

  it("forgets the least recently used token when it is full", async () => {
    const { verifier, verifications } = setUp({ maxEntries: 2 });
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((sub) => token({ sub }))) as [
      string,
      string,
      string,
    ];
    await verifier.verify(a);
    await verifier.verify(b);
    await verifier.verify(a);
    await verifier.verify(c);
    assert.equal(verifications(), 3);
    for (const kept of [a, c]) assert.ok(!(verifier.verify(kept) instanceof Promise));
    assert.ok(verifier.verify(b) instanceof Promise);
  });

  it("stays within its bound when many tokens are verified at the same time", async () => {
    const { verifier } = setUp({ maxEntries: 5 });
    const texts = await Promise.all(
      Array.from({ length: 30 }, (_, index) => token({ sub: `agent-${index}` })),
    );
    await Promise.all(texts.map((text) => verifier.verify(text)));
    const answers = texts.map((text) => verifier.verify(text));
    assert.equal(answers.filter((answer) => !(answer instanceof Promise)).length, 5);
    await Promise.all(answers);
  });

  it("forgets everything on clear()", async () => {
    const { verifier, verifications } = setUp();
    const text = await token();
    await verifier.verify(text);
    verifier.clear();
    await verifier.verify(text);
    assert.equal(verifications(), 2);
  });

  it("does not remember a verification that was under way at clear()", async () => {
    const { verifier, verifications } = setUp();
    const text = await token();
    const underWay = verifier.verify(text);
    verifier.clear();
    await underWay;
    await verifier.verify(text);
    assert.equal(verifications(), 2);
  });

  it("remembers ES256 tokens as well", async () => {
    const keys = await importVerificationKeys(PEM.spki);
    const { key } = await importSigningKey(PEM.pkcs8);
    const verifier = createTokenVerifier(
      { keys, audiences: ["ati-proxy"], now: () => NOW * 1000 },
      { hashes: SYNC_HASHES },
    );
    const text = await forgeEs256({ alg: "ES256" }, payload(), key);
    const claims = await verifier.verify(text);
    assert.equal(verifier.verify(text), claims);
  });

  it("hashes nothing that is too large or no text", async () => {
    const hashed: number[] = [];
    const { verifier } = setUp({
      hashes: {
        ...SYNC_HASHES,
        sha256: (data) => {
          hashed.push(data.length);
          return SYNC_HASHES.sha256(data);
        },
      },
    });
    const large = "A".repeat(MAX_TOKEN_BYTES + 1);
    assert.throws(() => verifier.verify(large), { code: "ERR_JWT_TOO_LARGE" });
    assert.throws(() => verifier.verify(null as unknown as string), { name: "TypeError" });
    assert.deepEqual(hashed, []);
    await assert.rejects(async () => await verifier.verify("x"), { reason: "not_compact" });
    assert.deepEqual(hashed, [1]);
  });

  it("passes the failure of the hash primitive on", async () => {
    const broken = () => Promise.reject(new RangeError("no hash"));
    const { verifier } = setUp({ hashes: { sha256: broken, hmacSha256: broken } });
    await assert.rejects(async () => await verifier.verify("a.b.c"), { message: "no hash" });
  });

  it("throws at once on a policy or a bound that cannot be meant", () => {
    const policy = { keys: [KEY], audiences: ["ati-proxy"] };
    for (const maxEntries of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => createTokenVerifier(policy, { maxEntries }), { name: "RangeError" });
    }
    assert.throws(() => createTokenVerifier({ ...policy, audiences: [] }), { name: "TypeError" });
    assert.throws(() => createTokenVerifier({ ...policy, keys: [] }), { name: "TypeError" });
  });

  it("keeps its own copy of the policy's lists", async () => {
    const audiences = ["ati-proxy"];
    const verifier = createTokenVerifier({ keys: [KEY], audiences, now: () => NOW * 1000 });
    audiences.push("other");
    await assert.rejects(async () => await verifier.verify(await token({ aud: "other" })), {
      code: "ERR_JWT_AUDIENCE",
    });
  });
});
