/** A look into a token without verifying it. @module */

import { parseCompact, parsePayload } from "./_compact.ts";
import { parseClaims } from "./claims.ts";
import type { JwtClaims } from "./claims.ts";

/** What a token says of itself; anyone may have written it. */
export interface InspectedToken {
  /** The JOSE header. */
  readonly header: Readonly<Record<string, unknown>>;
  /** The known claims. */
  readonly claims: JwtClaims;
}

/**
 * Reads a token WITHOUT verifying it: size, form and shape of the claims are checked, nothing else.
 * For display; never decide on what it returns.
 *
 * @param token The compact token.
 * @throws {TypeError} When it is not a string.
 * @throws {JwtError} `ERR_JWT_TOO_LARGE`, `ERR_JWT_MALFORMED` or `ERR_JWT_CLAIM`.
 *
 * @example Usage
 * ```ts
 * import { generateHs256Secret, importSecret, inspectToken, issueToken } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { signingKey } = await importSecret(generateHs256Secret());
 * const token = await issueToken({ sub: "agent-7", scope: "help" }, signingKey);
 * assert.equal(inspectToken(token).header["typ"], "at+jwt");
 * ```
 */
export function inspectToken(token: string): InspectedToken {
  const { header, payload } = parseCompact(token);
  return { header, claims: parseClaims(parsePayload(payload)) };
}
