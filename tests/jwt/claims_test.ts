import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { assertAudience, assertCurrent, assertIssuer, parseClaims } from "../../lib/jwt/claims.ts";
import type { JwtClaims } from "../../lib/jwt/claims.ts";
import { NOW, payload } from "./_forge.ts";

const FULL = {
  iss: "orchestrator",
  sub: "agent-7",
  aud: "ati-proxy",
  iat: NOW,
  exp: NOW + 60,
  nbf: NOW,
  jti: "id",
  scope: "help",
  ati: { v: 1, rate: { "tool:github:*": "10/hour" }, customer_id: "cust_alpha" },
  job_id: "job",
  sandbox_id: "box",
};

describe("parseClaims()", () => {
  it("returns every known claim in the order in which they are written", () => {
    const claims = parseClaims(FULL);
    assert.deepEqual(claims, FULL);
    assert.deepEqual(Object.keys(claims), Object.keys(FULL));
  });

  it("leaves optional claims out rather than undefined", () => {
    assert.deepEqual(Object.keys(parseClaims(payload())), ["sub", "aud", "iat", "exp", "scope"]);
  });

  it("drops unknown claims, at the top and inside ati", () => {
    const claims = parseClaims(payload({ email: "a@example.com", ati: { v: 1, admin: true } }));
    assert.deepEqual(claims, payload({ ati: { v: 1 } }));
  });

  it("reads null in place of an optional text or of ati as absent", () => {
    const nulls = { iss: null, jti: null, ati: null, job_id: null, sandbox_id: null };
    assert.deepEqual(parseClaims(payload(nulls)), payload());
    const claims = parseClaims(payload({ ati: { v: 1, customer_id: null } }));
    assert.deepEqual(claims.ati, { v: 1 });
  });

  it("freezes what it returns, so that a cached token cannot be changed", () => {
    const { aud, ati, ...others } = parseClaims({ ...FULL, aud: ["ati-proxy"] });
    assert.ok(Object.isFrozen(parseClaims(FULL)));
    assert.ok(Object.isFrozen(aud) && Object.isFrozen(ati) && Object.isFrozen(ati?.rate));
    assert.equal(others.sub, "agent-7");
  });

  it("does not keep the payload's own arrays and objects", () => {
    const aud = ["ati-proxy"];
    const rate = { "*": "1/hour" };
    const claims = parseClaims(payload({ aud, ati: { v: 1, rate } }));
    aud.push("other");
    rate["*"] = "999/second";
    assert.deepEqual([claims.aud, claims.ati?.rate], [["ati-proxy"], { "*": "1/hour" }]);
  });

  for (const claim of ["sub", "aud", "iat", "exp", "scope"]) {
    it(`rejects a payload without ${claim}`, () => {
      const { [claim]: _, ...others } = payload();
      assert.throws(() => parseClaims(others), {
        name: "JwtError",
        code: "ERR_JWT_CLAIM",
        reason: `missing_${claim}`,
      });
    });
  }

  it("does not find a claim on the prototype", () => {
    const { sub, ...others } = payload();
    const inherited = Object.assign(Object.create({ sub }) as Record<string, unknown>, others);
    assert.throws(() => parseClaims(inherited), { reason: "missing_sub" });
  });

  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    iss: [1, "x".length > 2, ["x"], {}],
    sub: ["", null, 1, ["agent"], {}, true],
    aud: ["", null, 1, [], [""], ["ati-proxy", ""], ["ati-proxy", 1], [["ati-proxy"]], {}],
    iat: ["1700000000", null, true, -1, NaN, Infinity, 8_640_000_000_001, {}, [1]],
    exp: ["1700000000", null, false, -1, -Infinity, 1e300, [NOW]],
    nbf: ["0", null, true, -0.5, NaN, 8_640_000_000_001],
    jti: [1, {}, [], false],
    scope: [null, 1, ["help"], {}, true],
    job_id: [1, {}, []],
    sandbox_id: [0, {}, []],
    ati: [
      ...["v1", 1, [], true, {}, { v: "1" }, { v: 1.5 }, { v: -1 }, { v: 256 }, { v: null }],
      ...[{ v: 1, rate: null }, { v: 1, rate: [] }, { v: 1, rate: "10/hour" }],
      ...[{ v: 1, rate: { "*": 10 } }, { v: 1, rate: { "*": null } }],
      ...[{ v: 1, customer_id: 7 }, { v: 1, customer_id: {} }],
    ],
  };
  for (const [claim, values] of Object.entries(wrong)) {
    it(`rejects ${claim} of the wrong type or shape`, () => {
      for (const value of values) {
        assert.throws(
          () => parseClaims(payload({ [claim]: value })),
          { code: "ERR_JWT_CLAIM", reason: `invalid_${claim}` },
          JSON.stringify(value),
        );
      }
    });
  }

  it("accepts the edges of what dates and versions may be", () => {
    const edges = { iat: 0, nbf: 1.5, exp: 8_640_000_000_000, ati: { v: 255, rate: {} } };
    assert.deepEqual(parseClaims(payload(edges)), payload(edges));
    assert.equal(parseClaims(payload({ ati: { v: 0 } })).ati?.v, 0);
  });

  it("accepts an empty scope, which grants nothing", () => {
    assert.equal(parseClaims(payload({ scope: "" })).scope, "");
  });
});

describe("assertCurrent()", () => {
  const claims = (changes: Partial<JwtClaims> = {}) =>
    parseClaims({ ...payload(), exp: NOW + 100, ...changes });
  const at = (offset: number, leewaySeconds = 60) => ({
    nowMs: (NOW + offset) * 1000,
    leewaySeconds,
  });

  it("accepts until just before exp and the leeway, and not from then on", () => {
    assertCurrent(claims(), at(159.999));
    assert.throws(() => assertCurrent(claims(), at(160)), {
      code: "ERR_JWT_EXPIRED",
      reason: "expired",
    });
  });

  it("grants nothing beyond exp when the leeway is zero", () => {
    assertCurrent(claims(), at(99.999, 0));
    assert.throws(() => assertCurrent(claims(), at(100, 0)), { code: "ERR_JWT_EXPIRED" });
  });

  it("accepts from nbf less the leeway on, and not before", () => {
    const early = claims({ iat: 0, nbf: NOW });
    assertCurrent(early, at(-60));
    assert.throws(() => assertCurrent(early, at(-60.001)), {
      code: "ERR_JWT_NOT_YET_VALID",
      reason: "not_yet_valid",
    });
  });

  it("rejects a token from the future beyond the leeway", () => {
    assertCurrent(claims({ iat: NOW }), at(-60));
    assert.throws(() => assertCurrent(claims({ iat: NOW }), at(-61)), {
      code: "ERR_JWT_NOT_YET_VALID",
      reason: "issued_in_future",
    });
  });

  it("honours fractions of a second", () => {
    assertCurrent(claims({ exp: NOW + 0.5 }), at(0.499, 0));
    assert.throws(() => assertCurrent(claims({ exp: NOW + 0.5 }), at(0.5, 0)), {
      reason: "expired",
    });
  });

  it("rejects everything when the clock is broken", () => {
    for (const nowMs of [NaN, Infinity, -Infinity]) {
      assert.throws(() => assertCurrent(claims(), { nowMs, leewaySeconds: 60 }), {
        name: "JwtError",
      });
    }
  });
});

describe("assertAudience()", () => {
  const claims = (aud: unknown) => parseClaims(payload({ aud }));
  const refusal = { code: "ERR_JWT_AUDIENCE", reason: "audience_mismatch" };

  it("accepts a token that names one of ours, alone or among others", () => {
    assertAudience(claims("tools"), ["ati-proxy", "tools"]);
    assertAudience(claims(["elsewhere", "tools"]), ["ati-proxy", "tools"]);
  });

  it("rejects an aud that is a prefix of ours, or of which ours is one", () => {
    for (const aud of ["ati", "ati-proxy2", "ati-proxy ", "ATI-PROXY", "*", "ati-proxy,tools"]) {
      assert.throws(() => assertAudience(claims(aud), ["ati-proxy", "tools"]), refusal, aud);
    }
  });

  it("rejects a list whose index, not whose entry, is ours", () => {
    assert.throws(() => assertAudience(claims(["x", "y"]), ["0", "1", "length"]), refusal);
  });

  it("rejects everything when nothing is accepted", () => {
    assert.throws(() => assertAudience(claims("ati-proxy"), []), refusal);
  });
});

describe("assertIssuer()", () => {
  it("accepts the same issuer and rejects another", () => {
    assertIssuer(parseClaims(FULL), "orchestrator");
    assert.throws(() => assertIssuer(parseClaims(FULL), "orchestrator/"), {
      code: "ERR_JWT_ISSUER",
      reason: "issuer_mismatch",
    });
  });

  it("rejects a token without iss", () => {
    for (const changes of [{}, { iss: null }]) {
      assert.throws(() => assertIssuer(parseClaims(payload(changes)), "orchestrator"), {
        code: "ERR_JWT_ISSUER",
        reason: "missing_iss",
      });
    }
  });
});
