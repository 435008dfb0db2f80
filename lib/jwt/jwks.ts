/** The JWK set that publishes the keys (RFC 7517 §5). @module */

import type { EcPublicJwk } from "./jwk.ts";
import type { VerificationKey } from "./keys.ts";

/** A JWK set with ES256 keys. */
export interface Jwks {
  /** The keys, each with `kty`, `crv`, `x`, `y`, `use`, `alg` and `kid`. */
  readonly keys: readonly EcPublicJwk[];
}

/**
 * Creates the JWK set of the keys that can be published: the public ES256 ones, in the given order.
 * An HS256 secret never appears in it, so the set of secrets alone is empty.
 *
 * @param keys The keys that verify tokens.
 *
 * @example Usage
 * ```ts
 * import { createJwks, generateEs256KeyPair, importVerificationKeys } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { publicPem, kid } = await generateEs256KeyPair();
 * const { keys } = createJwks(await importVerificationKeys(publicPem));
 * assert.equal(keys[0]?.kid, kid);
 * ```
 */
export function createJwks(keys: readonly VerificationKey[]): Jwks {
  const published = keys.flatMap(({ publicJwk }) => publicJwk === undefined ? [] : [publicJwk]);
  // Member by member: a JWK made elsewhere may hold more than its type says.
  return {
    keys: published.map(({ kty, crv, x, y, use, alg, kid }) => ({
      kty,
      crv,
      x,
      y,
      use,
      alg,
      kid,
    })),
  };
}
