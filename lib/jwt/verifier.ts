/** A token verifier that remembers what it has verified. @module */

import { encodeUtf8 } from "../encoding/utf8.ts";
import { webHashes } from "../encoding/hashes.ts";
import { MAX_CACHED_TOKENS } from "../limits.ts";
import type { Hashes, MaybePromise } from "../ports.ts";
import { assertTokenSize } from "./_compact.ts";
import { assertCurrent } from "./claims.ts";
import type { JwtClaims } from "./claims.ts";
import { resolvePolicy } from "./policy.ts";
import type { ValidationPolicy } from "./policy.ts";
import { validateResolved } from "./validate.ts";

/** Options of {@link createTokenVerifier}. */
export interface TokenVerifierOptions {
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
  /** Most tokens remembered, a positive integer; default 10,000. The least recently used goes first. */
  readonly maxEntries?: number | undefined;
}

/** Validates tokens under one policy. */
export interface TokenVerifier {
  /**
   * Validates a token as `validateToken` does. For a token verified before it returns the claims at
   * once when the hash primitives are synchronous; its dates are checked against the clock each time.
   *
   * @throws {JwtError} As `validateToken`; at once, or as a rejection. `await` covers both.
   */
  verify(token: string): MaybePromise<JwtClaims>;
  /** Forgets every token, for example when one was revoked. Verifications under way are not stored. */
  clear(): void;
}

interface Memory {
  /** Claims by SHA-256 of the token, least recently used first. Only of tokens that were verified. */
  readonly verified: Map<string, JwtClaims>;
  /** Verifications under way, so that the same token is not verified twice at once. */
  readonly pending: Map<string, Promise<JwtClaims>>;
}

/**
 * Creates a verifier with a bounded memory of verified tokens: checking a signature costs far more
 * than looking up a hash. It keeps digests and claims, never tokens. A change of keys, audiences or
 * issuer needs a new verifier.
 *
 * @param policy Keys, audiences, issuer, leeway, clock.
 * @param options Hash primitives and size of the memory.
 * @throws {TypeError} When the policy is incomplete.
 * @throws {RangeError} When the leeway or `maxEntries` is out of range.
 *
 * @example Usage
 * ```ts
 * import { createTokenVerifier, generateHs256Secret, importSecret, issueToken } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { signingKey, verificationKey } = await importSecret(generateHs256Secret());
 * const verifier = createTokenVerifier({ keys: [verificationKey], audiences: ["ati-proxy"] });
 * const token = await issueToken({ sub: "agent-7", scope: "help" }, signingKey);
 * assert.equal(await verifier.verify(token), await verifier.verify(token));
 * ```
 */
export function createTokenVerifier(
  policy: ValidationPolicy,
  options: TokenVerifierOptions = {},
): TokenVerifier {
  const resolved = resolvePolicy(policy);
  const { hashes = webHashes, maxEntries = MAX_CACHED_TOKENS } = options;
  if (!Number.isSafeInteger(maxEntries) || maxEntries <= 0) {
    throw new RangeError('Cannot create verifier: "maxEntries" must be a positive integer');
  }
  let memory = createMemory();

  function lookUp(token: string, digest: Uint8Array): MaybePromise<JwtClaims> {
    const key = String.fromCharCode(...digest);
    const claims = memory.verified.get(key);
    if (claims === undefined) return memory.pending.get(key) ?? verifyOnce(token, key);
    memory.verified.delete(key);
    // Thrown here, an expired token is forgotten; one that is not valid yet is verified again.
    assertCurrent(claims, { nowMs: resolved.now(), leewaySeconds: resolved.leewaySeconds });
    memory.verified.set(key, claims);
    return claims;
  }

  function verifyOnce(token: string, key: string): Promise<JwtClaims> {
    // Held on to: after `clear` the result goes into the memory that was thrown away.
    const { verified, pending } = memory;
    const verification = validateResolved(token, resolved)
      .then((claims) => {
        if (verified.size >= maxEntries) verified.delete(verified.keys().next().value as string);
        verified.set(key, claims);
        return claims;
      })
      .finally(() => pending.delete(key));
    pending.set(key, verification);
    return verification;
  }

  return {
    verify(token: string): MaybePromise<JwtClaims> {
      assertTokenSize(token);
      const digest = hashes.sha256(encodeUtf8(token));
      return digest instanceof Uint8Array
        ? lookUp(token, digest)
        : digest.then((bytes) => lookUp(token, bytes));
    },
    clear(): void {
      memory = createMemory();
    },
  };
}

function createMemory(): Memory {
  return { verified: new Map(), pending: new Map() };
}
