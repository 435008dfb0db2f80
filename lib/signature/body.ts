/** The body under a signature of version 2. @module */

import { equalBytes } from "../encoding/constant_time.ts";
import { decodeHex } from "../encoding/hex.ts";
import { webHashes } from "../encoding/hashes.ts";
import type { Hashes, MaybePromise } from "../ports.ts";
import { chain } from "../chain.ts";
import { hashText } from "./message.ts";
import type { ReplayTerms } from "./verify.ts";

/** Options of {@link verifySignedBody}. */
export interface VerifyBodyOptions {
  /** Hash primitives; default Web Crypto. */
  readonly hashes?: Hashes | undefined;
}

/**
 * Compares a body with what a valid signature of version 2 says of it.
 *
 * @param terms Of the verdict of `verifySandboxSignature`.
 * @param body The body as it was sent, without the transfer coding; empty when there is none.
 * @param options Hashes.
 * @returns True when it is the signed body; at once when the hashes answer at once.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   createNonceCache,
 *   parseSigningSecret,
 *   signSandboxRequest,
 *   verifySandboxSignature,
 *   verifySignedBody,
 * } from "atikit";
 *
 * const secret = parseSigningSecret("00".repeat(32));
 * const request = { method: "POST", path: "/v1/chat", body: "{}" };
 * const header = await signSandboxRequest(request, { secret, version: 2 });
 *
 * const { terms } = await verifySandboxSignature({ ...request, header }, { secret });
 * assert.ok(terms);
 * const nonces = createNonceCache();
 * assert.equal(nonces.remember(terms, Date.now() / 1000), "fresh");
 * assert.equal(nonces.remember(terms, Date.now() / 1000), "replayed");
 * assert.equal(await verifySignedBody(terms, new TextEncoder().encode("{}")), true);
 * assert.equal(await verifySignedBody(terms, new TextEncoder().encode("[]")), false);
 * ```
 */
export function verifySignedBody(
  terms: Pick<ReplayTerms, "bodyHash">,
  body: Uint8Array,
  options: VerifyBodyOptions = {},
): MaybePromise<boolean> {
  const claimed = decodeHex(terms.bodyHash);
  return chain(
    hashText(body, options.hashes ?? webHashes),
    (actual) => equalBytes(claimed, decodeHex(actual)),
  );
}
