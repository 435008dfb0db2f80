import assert from "node:assert/strict";
import { test } from "node:test";
import { JwtError } from "../../lib/errors.ts";
import type { JwtClaims } from "../../lib/jwt/claims.ts";
import type { TokenVerifier } from "../../lib/jwt/verifier.ts";
import {
  identifyByToken,
  identifyCaller,
  isTokenPresented,
} from "../../lib/proxy/identity_gate.ts";

const CLAIMS: JwtClaims = { sub: "a", aud: "ati-proxy", iat: 0, exp: 1, scope: "" };

function createVerifier(verify: TokenVerifier["verify"]): TokenVerifier {
  return { verify, clear: () => {} };
}

const accepting = createVerifier(() => CLAIMS);

test("identifyCaller() reads the scheme without regard to case", async () => {
  const seen: string[] = [];
  const verifier = createVerifier((token) => {
    seen.push(token);
    return CLAIMS;
  });
  for (const header of ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", "bEaReR a.b.c"]) {
    const verdict = await identifyCaller(header, verifier);
    assert.ok(verdict.ok && verdict.identity.authenticatedBy === "jwt", header);
    assert.equal(verdict.identity.claims, CLAIMS);
  }
  assert.deepEqual(new Set(seen), new Set(["a.b.c"]));
});

test("identifyCaller() tells missing credentials from those of another scheme", async () => {
  const headers: readonly (readonly [header: string | null, reason: string])[] = [
    [null, "missing_credentials"],
    ["", "missing_credentials"],
    ["Basic dTpw", "unsupported_scheme"],
    ["Bearerx abc", "unsupported_scheme"],
    ["Ati-Key ati-key_x", "unsupported_scheme"],
    ["abc", "unsupported_scheme"],
  ];
  for (const [header, reason] of headers) {
    const verdict = await identifyCaller(header, accepting);
    assert.deepEqual(verdict, { ok: false, refusal: { code: "ERR_UNAUTHENTICATED", reason } });
  }
});

test("identifyCaller() refuses garbled and doubled headers without asking the verifier", async () => {
  const verifier = createVerifier(() => assert.fail("asked"));
  const headers = [
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer a, Bearer b",
    "Bearer a,b",
    "Bearer a\tb",
    'Bearer "a"',
    "Bearer a=b",
    "Bearer é",
  ];
  for (const header of headers) {
    assert.deepEqual(await identifyCaller(header, verifier), {
      ok: false,
      refusal: { code: "ERR_JWT_MALFORMED", reason: "malformed_authorization" },
    }, header);
  }
});

test("identifyCaller() keeps code and reason of a refused token, sync and async", async () => {
  const error = new JwtError("ERR_JWT_EXPIRED", "Cannot verify", { reason: "expired" });
  const refusal = { code: "ERR_JWT_EXPIRED", reason: "expired" };
  const throwing = createVerifier(() => {
    throw error;
  });
  const rejecting = createVerifier(() => Promise.reject(error));
  for (const verifier of [throwing, rejecting]) {
    assert.deepEqual(await identifyCaller("Bearer a.b.c", verifier), { ok: false, refusal });
  }
});

test("identifyCaller() refuses a token with a rate it cannot read, sync and async", async () => {
  const claims = { ...CLAIMS, ati: { v: 1, rate: { "tool:a": "10/hour", "tool:b": "lots" } } };
  for (const verify of [() => claims, () => Promise.resolve(claims)]) {
    const verdict = await identifyCaller("Bearer a.b.c", createVerifier(verify));
    assert.ok(!verdict.ok);
    assert.equal(verdict.refusal.code, "ERR_RATE_SPEC");
  }
  const readable = { ...CLAIMS, ati: { v: 1, rate: { "tool:a": "10/hour" } } };
  const verdict = await identifyCaller("Bearer a.b.c", createVerifier(() => readable));
  assert.ok(verdict.ok);
});

test("identifyCaller() passes an unforeseen error on instead of taking it for a bad token", async () => {
  const rejecting = createVerifier(() => Promise.reject(new TypeError("bug")));
  await assert.rejects(async () => await identifyCaller("Bearer a", rejecting), TypeError);
  const throwing = createVerifier(() => {
    throw new TypeError("bug");
  });
  assert.throws(() => identifyCaller("Bearer a", throwing), TypeError);
});

test("identifyCaller() stays synchronous when the verifier does", () => {
  assert.ok(!(identifyCaller("Bearer a.b.c", accepting) instanceof Promise));
});

test("identifyCaller() lets everyone in where no authentication is configured, but no key holder", () => {
  for (const header of [null, "Bearer a.b.c", "Basic dTpw"]) {
    assert.deepEqual(identifyCaller(header, undefined), {
      ok: true,
      identity: { authenticatedBy: "none" },
    });
  }
  // Whoever sends a key expects it to be checked.
  assert.deepEqual(identifyCaller("ati-key x", undefined), {
    ok: false,
    refusal: { code: "ERR_UNAUTHENTICATED", reason: "unsupported_scheme" },
  });
});

test("identifyByToken() lets nobody in where no token can be verified", () => {
  for (const atiToken of [null, "a.b.c"]) {
    assert.deepEqual(identifyByToken({ authorization: "Bearer a.b.c", atiToken }, undefined), {
      ok: false,
      refusal: { code: "ERR_UNAUTHENTICATED", reason: "authentication_not_configured" },
    });
  }
});

test("identifyByToken() looks at X-Ati-Token first, and at Authorization only without one", () => {
  const seen: string[] = [];
  const verifier = createVerifier((token) => {
    seen.push(token);
    return CLAIMS;
  });
  const authorization = "Bearer own";
  for (const atiToken of ["ati", "Bearer ati", "", null]) {
    assert.deepEqual(identifyByToken({ authorization, atiToken }, verifier), {
      ok: true,
      identity: { authenticatedBy: "jwt", claims: CLAIMS },
    });
  }
  assert.deepEqual(seen, ["ati", "ati", "own", "own"]);
  assert.deepEqual(identifyByToken({ authorization: null, atiToken: null }, verifier), {
    ok: false,
    refusal: { code: "ERR_UNAUTHENTICATED", reason: "missing_credentials" },
  });
});

test("identifyByToken() takes nothing but a token from X-Ati-Token", () => {
  const verifier = createVerifier(() => assert.fail("asked"));
  for (const atiToken of ["Bearer ", "Bearer a b", "a b", "a, b", "Basic a", "Ati-Key a", " "]) {
    assert.deepEqual(identifyByToken({ authorization: "Bearer own", atiToken }, verifier), {
      ok: false,
      refusal: { code: "ERR_JWT_MALFORMED", reason: "malformed_authorization" },
    }, atiToken);
  }
});

test("isTokenPresented() takes an empty field for none", () => {
  for (
    const [authorization, atiToken, expected] of [
      [null, null, false],
      ["", "", false],
      ["Basic a", null, true],
      [null, "a", true],
    ] as const
  ) {
    assert.equal(isTokenPresented({ authorization, atiToken }), expected);
  }
});
