/** Issuing of session tokens (RFC 7519, the header as in RFC 9068 §2.1). @module */

import { isPlainObject } from "../encoding/json.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { JwtError } from "../errors.ts";
import { DEFAULT_TTL_SECONDS, MAX_NUMERIC_DATE_SECONDS, MAX_TOKEN_BYTES } from "../limits.ts";
import type { Clock } from "../ports.ts";
import { signJws } from "./_jws.ts";
import type { AtiClaim, JwtClaims } from "./claims.ts";
import { isKeyFor } from "./keys.ts";
import type { SigningKey } from "./keys.ts";
import type { RefusalReason } from "./refusals.ts";

const TOKEN_TYPE = "at+jwt";
const ATI_VERSION = 1;

/** Audience of a token when none is asked for, and accepted when none is configured. */
export const DEFAULT_AUDIENCE: string = "ati-proxy";

/** What a token shall say. Left out means: not in the token, where no default is named. */
export interface IssueInput {
  /** The agent or sandbox that the token speaks for; not empty. */
  readonly sub: string;
  /** Scopes with a space between them; empty text makes a token that is granted nothing. */
  readonly scope: string;
  /** Lifetime in seconds, a positive integer; default 1800. */
  readonly ttlSeconds?: number | undefined;
  /** Audience, or several; default `ati-proxy`. A list of one is written as plain text. */
  readonly aud?: string | readonly string[] | undefined;
  /** Issuer. */
  readonly iss?: string | undefined;
  /** Identifier of the token; default a random UUID. */
  readonly jti?: string | undefined;
  /** Unix second before which the token is not valid. */
  readonly nbf?: number | undefined;
  /** Rate limits: scope pattern to specification. The specifications are not parsed here. */
  readonly rate?: Readonly<Record<string, string>> | undefined;
  /** Customer whose upstream credentials are preferred. */
  readonly customerId?: string | undefined;
  /** Job that the sandbox works on. */
  readonly jobId?: string | undefined;
  /** Sandbox. */
  readonly sandboxId?: string | undefined;
}

/** Options of {@link issueToken}. */
export interface IssueOptions {
  /** The clock, in milliseconds; default `Date.now`. */
  readonly now?: Clock | undefined;
}

/**
 * Issues a signed token. Header `{"typ":"at+jwt","alg","kid"}`, claims in the order of
 * {@link JwtClaims}, optional ones left out.
 *
 * @param input What the token shall say.
 * @param key The key that signs it; its algorithm is the token's.
 * @param options The clock.
 * @returns The compact token. A bearer credential: keep it out of logs.
 * @throws {TypeError} When a value is missing, of the wrong type or empty, or the key cannot sign.
 * @throws {RangeError} When `ttlSeconds` is not a positive integer, a date is out of range, or `nbf`
 * does not lie before the end.
 * @throws {JwtError} `ERR_JWT_TOO_LARGE` when the token would be larger than any that is accepted.
 *
 * @example Usage
 * ```ts
 * import { generateEs256KeyPair, importSigningKey, inspectToken, issueToken } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const { privatePem, kid } = await generateEs256KeyPair();
 * const key = await importSigningKey(privatePem);
 * const token = await issueToken({ sub: "agent-7", scope: "help", ttlSeconds: 600 }, key);
 * const { header, claims } = inspectToken(token);
 * assert.equal(header["kid"], kid);
 * assert.equal(claims.exp - claims.iat, 600);
 * ```
 */
export async function issueToken(
  input: IssueInput,
  key: SigningKey,
  options: IssueOptions = {},
): Promise<string> {
  if (!isKeyFor(key, "sign")) {
    throw new TypeError("Cannot issue JWT: the key cannot sign with its algorithm");
  }
  const claims = createClaims(input, Math.floor((options.now ?? Date.now)() / 1000));
  const header = { typ: TOKEN_TYPE, alg: key.algorithm };
  const token = await signJws(
    encodeUtf8(JSON.stringify(claims)),
    key.kid === undefined ? header : { ...header, kid: key.kid },
    key,
  );
  if (token.length > MAX_TOKEN_BYTES) {
    const reason: RefusalReason = "too_large";
    throw new JwtError("ERR_JWT_TOO_LARGE", "Cannot issue JWT: it would be refused for its size", {
      reason,
    });
  }
  return token;
}

// The members stand in the order in which other ATI implementations write them.
function createClaims(input: IssueInput, iat: number): JwtClaims {
  const exp = iat + readTtl(input.ttlSeconds);
  if (!(iat >= 0 && exp <= MAX_NUMERIC_DATE_SECONDS)) {
    throw new RangeError("Cannot issue JWT: its dates are out of range");
  }
  if (typeof input.scope !== "string") throw typeError("scope", "a string");
  return {
    iss: readOptional(input.iss, "iss"),
    sub: readText(input.sub, "sub"),
    aud: readAudience(input.aud),
    iat,
    exp,
    nbf: readNotBefore(input.nbf, exp),
    jti: readOptional(input.jti, "jti") ?? crypto.randomUUID(),
    scope: input.scope,
    ati: createAti(input),
    job_id: readOptional(input.jobId, "jobId"),
    sandbox_id: readOptional(input.sandboxId, "sandboxId"),
  };
}

function createAti(input: IssueInput): AtiClaim {
  const { rate = {} } = input;
  if (!isPlainObject(rate) || !Object.values(rate).every((text) => typeof text === "string")) {
    throw typeError("rate", "an object of strings");
  }
  return {
    v: ATI_VERSION,
    rate: Object.keys(rate).length > 0 ? rate : undefined,
    customer_id: readOptional(input.customerId, "customerId"),
  };
}

function readTtl(ttlSeconds: number = DEFAULT_TTL_SECONDS): number {
  if (typeof ttlSeconds !== "number") throw typeError("ttlSeconds", "a number");
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds <= 0) {
    throw new RangeError('Cannot issue JWT: "ttlSeconds" must be a positive integer');
  }
  return ttlSeconds;
}

function readNotBefore(nbf: number | undefined, exp: number): number | undefined {
  if (nbf === undefined) return undefined;
  if (typeof nbf !== "number") throw typeError("nbf", "a number");
  if (!Number.isSafeInteger(nbf) || nbf < 0 || nbf >= exp) {
    throw new RangeError('Cannot issue JWT: "nbf" must be a Unix second before the end');
  }
  return nbf;
}

function readAudience(aud: string | readonly string[] = DEFAULT_AUDIENCE): string | string[] {
  const audiences = typeof aud === "string" ? [aud] : Array.isArray(aud) ? [...aud] : [];
  const [first, ...others] = audiences;
  for (const audience of audiences) readText(audience, "aud");
  if (first === undefined) throw typeError("aud", "a non-empty string or a list of them");
  return others.length === 0 ? first : audiences;
}

function readOptional(value: string | undefined, name: string): string | undefined {
  return value === undefined ? undefined : readText(value, name);
}

function readText(value: string, name: string): string {
  if (typeof value !== "string" || value === "") throw typeError(name, "a non-empty string");
  return value;
}

function typeError(name: string, kind: string): TypeError {
  return new TypeError(`Cannot issue JWT: "${name}" must be ${kind}`);
}
