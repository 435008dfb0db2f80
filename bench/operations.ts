/** What one decision costs: a token, a signature, a path, a scope. @module */

import { jwtVerify } from "jose";
import { generateEs256KeyPair } from "../lib/jwt/generate.ts";
import { issueToken } from "../lib/jwt/issue.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../lib/jwt/keys.ts";
import type { SigningKey, VerificationKey } from "../lib/jwt/keys.ts";
import { validateToken } from "../lib/jwt/validate.ts";
import { createTokenVerifier } from "../lib/jwt/verifier.ts";
import { canonicalizeTarget } from "../lib/passthrough/canonical_path.ts";
import type { Hashes } from "../lib/ports.ts";
import { checkScope } from "../lib/scope/match.ts";
import { parseScopes } from "../lib/scope/parse.ts";
import { parseSigningSecret } from "../lib/signature/secret.ts";
import { signSandboxRequest } from "../lib/signature/sign.ts";
import { verifySandboxSignature } from "../lib/signature/verify.ts";
import { webHashes } from "../lib/encoding/hashes.ts";
import { measureRate } from "./_measure.ts";
import type { Rate } from "./_measure.ts";

/** One line of the table. */
export interface Measurement {
  /** What was measured. */
  readonly name: string;
  /** The figure, with its unit. */
  readonly figure: string;
}

const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const SCOPES = "tool:github:* tool:stripe:refund skill:research-* help";

/** Measures the decisions of one request, each alone. */
export async function measureOperations(native: Hashes): Promise<Measurement[]> {
  const es256 = await createEs256();
  const hs256 = await createHs256();
  const secret = parseSigningSecret(SECRET);
  const line = { method: "GET", path: "/github/repos/atikit/issues" };
  const header = await signSandboxRequest(line, { secret });
  const granted = parseScopes(SCOPES);
  const cases: readonly (readonly [name: string, operation: () => unknown])[] = [
    ["ES256 token, jose alone", () => jwtVerify(es256.token, es256.verification.key)],
    ["ES256 token, first sight", () => validateToken(es256.token, es256.policy)],
    ["ES256 token, seen before", verifyCached(es256, native)],
    ["HS256 token, first sight", () => validateToken(hs256.token, hs256.policy)],
    ["HS256 token, seen before", verifyCached(hs256, native)],
    ["signature, native hashes", verifySignature(native)],
    ["signature, Web Crypto", verifySignature(webHashes)],
    ["canonical path", () => canonicalizeTarget("/github/repos/atikit/issues?state=open")],
    ["scope check", () => checkScope("tool:github:search_repos", granted)],
  ];
  const results: Measurement[] = [];
  for (const [name, operation] of cases) {
    results.push({ name, figure: formatRate(await measureRate(operation)) });
  }
  return results;

  function verifySignature(hashes: Hashes): () => unknown {
    return () => verifySandboxSignature({ ...line, header }, { secret, hashes });
  }
}

interface TokenCase {
  readonly token: string;
  readonly verification: VerificationKey;
  readonly policy: { keys: readonly VerificationKey[]; audiences: readonly string[] };
}

async function createEs256(): Promise<TokenCase> {
  const { privatePem, publicPem } = await generateEs256KeyPair();
  const [verification] = await importVerificationKeys(publicPem);
  if (verification === undefined) throw new TypeError("Cannot measure: no key");
  return await createCase(await importSigningKey(privatePem), verification);
}

async function createHs256(): Promise<TokenCase> {
  const { signingKey, verificationKey } = await importSecret(SECRET);
  return await createCase(signingKey, verificationKey);
}

async function createCase(key: SigningKey, verification: VerificationKey): Promise<TokenCase> {
  const token = await issueToken({ sub: "agent-7", scope: SCOPES }, key);
  return { token, verification, policy: { keys: [verification], audiences: ["ati-proxy"] } };
}

function verifyCached({ token, policy }: TokenCase, hashes: Hashes): () => unknown {
  const verifier = createTokenVerifier(policy, { hashes });
  return () => verifier.verify(token);
}

function formatRate({ perSecond, microseconds }: Rate): string {
  return `${Math.round(perSecond).toLocaleString("en")} /s  ${microseconds.toFixed(1)} µs`;
}
