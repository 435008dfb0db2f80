import { test } from "node:test";
import assert from "node:assert/strict";
import { createNonceCache } from "../../lib/signature/nonce_cache.ts";

const NOW = 1_700_000_000;

function terms(nonce: string | number, expiresAt = NOW + 60) {
  return { nonce: `nonce-${nonce}`, expiresAt };
}

test("createNonceCache() takes a nonce once, whatever time comes with it", () => {
  const nonces = createNonceCache();
  assert.equal(nonces.remember(terms(1), NOW), "fresh");
  assert.equal(nonces.remember(terms(1), NOW), "replayed");
  assert.equal(nonces.remember(terms(1, NOW + 61), NOW + 1), "replayed");
  assert.equal(nonces.remember(terms(2), NOW), "fresh");
  assert.equal(nonces.size, 2);
});

test("createNonceCache() remembers a nonce through the last second its signature is accepted in", () => {
  const nonces = createNonceCache();
  nonces.remember(terms(1, NOW + 120), NOW);
  assert.equal(nonces.remember(terms(1, NOW + 120), NOW + 120.999), "replayed");
  assert.equal(nonces.size, 1);
  nonces.remember(terms(2, NOW + 180), NOW + 121);
  assert.equal(nonces.size, 1, "the expired one is gone");
});

test("createNonceCache() refuses the nonce beyond its limit and forgets none for it", () => {
  const nonces = createNonceCache({ maxNonces: 3 });
  for (const nonce of [1, 2, 3]) assert.equal(nonces.remember(terms(nonce), NOW), "fresh");
  for (const nonce of [4, 5, 4]) assert.equal(nonces.remember(terms(nonce), NOW + 60), "full");
  for (const nonce of [1, 2, 3]) assert.equal(nonces.remember(terms(nonce), NOW + 60), "replayed");
  assert.equal(nonces.size, 3);
  assert.equal(nonces.remember(terms(4, NOW + 121), NOW + 61), "fresh", "room again");
});

test("createNonceCache() is full with one nonce where that is the limit", () => {
  const nonces = createNonceCache({ maxNonces: 1 });
  for (let second = 0; second < 50; second++) {
    assert.equal(nonces.remember(terms(second, NOW + second), NOW + second), "fresh");
    assert.equal(nonces.remember(terms(`${second}b`, NOW + second), NOW + second), "full");
  }
});

test("createNonceCache() forgets more than comes, a few at a time", () => {
  const nonces = createNonceCache();
  for (let nonce = 0; nonce < 1000; nonce++) nonces.remember(terms(nonce), NOW);
  for (let nonce = 0; nonce < 80; nonce++) {
    const before = nonces.size;
    assert.equal(nonces.remember(terms(`late-${nonce}`, NOW + 121), NOW + 61), "fresh");
    assert.ok(nonces.size > before - 20, "no long pause");
  }
  assert.equal(nonces.size, 80);
});

test("createNonceCache() refuses what it may have forgotten, when the clock is set back", () => {
  const nonces = createNonceCache();
  nonces.remember(terms(1, NOW + 60), NOW);
  nonces.remember(terms(2, NOW + 3660), NOW + 3600);
  assert.equal(nonces.remember(terms(1, NOW + 60), NOW), "replayed");
  assert.equal(nonces.remember(terms(3, NOW + 60), NOW), "replayed");
  assert.equal(nonces.remember(terms(4, NOW + 61), NOW + 1), "fresh");
  assert.equal(nonces.remember(terms(2, NOW + 3660), NOW + 1), "replayed");
});

test("createNonceCache() keeps apart names that objects have", () => {
  const nonces = createNonceCache();
  for (const nonce of ["__proto__", "constructor", "hasOwnProperty"]) {
    assert.equal(nonces.remember({ nonce, expiresAt: NOW }, NOW), "fresh");
    assert.equal(nonces.remember({ nonce, expiresAt: NOW }, NOW), "replayed");
  }
});

test("createNonceCache() refuses a limit that is none", () => {
  for (const maxNonces of [0, -1, 1.5, NaN, Infinity, "9" as unknown as number]) {
    assert.throws(() => createNonceCache({ maxNonces }), RangeError);
  }
});
