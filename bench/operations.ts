/** What one decision costs: a token, a signature, a path, a scope. @module */

import { jwtVerify } from "jose";
import { generateEs256KeyPair } from "../lib/jwt/generate.ts";
import { issueToken } from "../lib/jwt/issue.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../lib/jwt/keys.ts";
import type { SigningKey, VerificationKey } from "../lib/jwt/keys.ts";
import { validateToken } from "../lib/jwt/validate.ts";
import { createTokenVerifier } from "../lib/jwt/verifier.ts";
import { createCredential } from "../lib/passthrough/credentials.ts";
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
const CREDENTIAL = "sk-live-9fA3kQ72LmZx81bVtRc5Wn0EoYgHs4Jd";
const PIECE_BYTES = 64 * 1024;
const REDACTED_TEXTS: readonly (readonly [name: string, text: string])[] = [
  [
    "redaction, plain text",
    "The quick brown fox jumps over the lazy dog. Pack my box with jugs.\n",
  ],
  ["redaction, JSON", `${JSON.stringify({ id: 1, text: 'line one\nline "two" of it\n' })}\n`],
  ["redaction, a match a line", `some words and ${CREDENTIAL}, then some more of them\n`],
];
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
  for (const [name, text] of REDACTED_TEXTS) {
    results.push({ name, figure: await measureRedaction(text) });
  }
  return results;

  function verifySignature(hashes: Hashes): () => unknown {
    return () => verifySandboxSignature({ ...line, header }, { secret, hashes });
  }
}

/** What `redact_response` makes of a body, in pieces as sockets give them. */
async function measureRedaction(text: string): Promise<string> {
  const fields = { auth_type: "bearer", auth_key_name: "key", extra_headers: {} } as const;
  const { createRedaction } = createCredential(fields, new Map([["key", CREDENTIAL]]));
  if (createRedaction === undefined) throw new TypeError("Cannot measure: nothing to redact");
  const piece = new TextEncoder().encode(text.repeat(Math.ceil(PIECE_BYTES / text.length)));
  const { push } = createRedaction();
  const { perSecond } = await measureRate(() => push(piece));
  return `${Math.round(perSecond * piece.length / 1e6).toLocaleString("en")} MB/s`;
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
