/**
 * The JWT configuration in the environment:
 *
 * | variable | meaning |
 * | --- | --- |
 * | `ATI_JWT_PUBLIC_KEY` | paths of files with ES256 public keys, comma between them; wins over the secret |
 * | `ATI_JWT_PRIVATE_KEY` | path of the ES256 private key that signs; alone it is enough to verify too |
 * | `ATI_JWT_SECRET` | HS256 secrets in hex, comma between them; all verify, the first one signs |
 * | `ATI_JWT_ISSUER` | the issuer that tokens must name; empty: any |
 * | `ATI_JWT_ACCEPTED_AUDIENCES` | accepted audiences, comma between them; set without an entry (also empty): refused |
 * | `ATI_JWT_AUDIENCE` | the accepted audience when the list is not set; neither: `ati-proxy` |
 *
 * A key that is set is used or refused, never ignored; only a secret beside a public key is passed
 * over. An empty key variable counts as not set as long as another one holds a key, and is refused
 * otherwise: a substitution that failed must not open the proxy to everyone.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { Env, Files } from "../ports.ts";
import { importKeyFile, wrapKeyError } from "./_key_files.ts";
import { DEFAULT_AUDIENCE } from "./issue.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "./keys.ts";
import type { JwtAlgorithm, SigningKey, VerificationKey } from "./keys.ts";

const PUBLIC_KEY = "ATI_JWT_PUBLIC_KEY";
const PRIVATE_KEY = "ATI_JWT_PRIVATE_KEY";
const SECRET = "ATI_JWT_SECRET";
const AUDIENCES = "ATI_JWT_ACCEPTED_AUDIENCES";
const AUDIENCE = "ATI_JWT_AUDIENCE";
const ISSUER = "ATI_JWT_ISSUER";

const ES256_HINT =
  "make a key pair with `ati token keygen --algorithm ES256`, save each key to a " +
  `file, and set ${PRIVATE_KEY} and ${PUBLIC_KEY} to their paths`;
const HS256_HINT =
  `make a secret with \`ati token keygen --algorithm HS256\` and set ${SECRET} to it`;
const AUDIENCES_HINT = `set it to a list such as \`export ${AUDIENCES}=ati-proxy\`, or unset it`;

/** The keys and names that tokens are issued and validated with. */
export interface JwtConfig {
  /** The one algorithm in force. */
  readonly algorithm: JwtAlgorithm;
  /** Keys that verify, at least one. */
  readonly verificationKeys: readonly VerificationKey[];
  /** The key that signs, where there is one. */
  readonly signingKey?: SigningKey | undefined;
  /** Accepted audiences, at least one. */
  readonly audiences: readonly string[];
  /** Accepted issuer; absent when any will do. */
  readonly issuer?: string | undefined;
}

/** What the configuration is read from. */
export interface JwtConfigPorts {
  /** Environment variables. */
  readonly env: Env;
  /** Files that hold keys. */
  readonly files: Files;
}

/**
 * Loads the JWT configuration from the environment.
 *
 * A file of keys holds PEM (one block or several), a JWK or a JWK set. The private key must belong to
 * one of the public ones, where both are set.
 *
 * @returns The configuration, or `undefined` when no key variable is set.
 * @throws {ConfigError} `ERR_CONFIG`, naming variable and file, with a `hint` that mends it. Reasons:
 * `key_missing`, `key_unreadable`, `key_invalid`, `key_mismatch`, `keys_ambiguous`,
 * `secret_invalid`, `audiences_empty`.
 *
 * @example Usage
 * ```ts
 * import { generateHs256Secret, loadJwtConfig } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const variables = new Map([["ATI_JWT_SECRET", generateHs256Secret()]]);
 * const env = { get: (name: string) => variables.get(name), names: () => [...variables.keys()] };
 * const none = () => Promise.resolve(undefined);
 * const config = await loadJwtConfig({ env, files: { read: none, list: none, stat: none } });
 * assert.equal(config?.algorithm, "HS256");
 * assert.deepEqual(config?.audiences, ["ati-proxy"]);
 * ```
 */
export async function loadJwtConfig(ports: JwtConfigPorts): Promise<JwtConfig | undefined> {
  const { env } = ports;
  const set = [PUBLIC_KEY, PRIVATE_KEY, SECRET].filter((name) => env.get(name) !== undefined);
  if (set.length === 0) return undefined;
  const filled = set.filter((name) => splitList(env.get(name)).length > 0);
  if (filled.length === 0) {
    throw new ConfigError(`Cannot use ${set.join(" and ")}: it is set, but empty`, {
      reason: "key_missing",
      hint: `${set.includes(SECRET) ? HS256_HINT : ES256_HINT}; or unset it`,
    });
  }
  if (filled.includes(PRIVATE_KEY) && filled.includes(SECRET) && !filled.includes(PUBLIC_KEY)) {
    throw new ConfigError(`Cannot choose between ${PRIVATE_KEY} and ${SECRET}: both are set`, {
      reason: "keys_ambiguous",
      hint: `for ES256 \`unset ${SECRET}\`, for HS256 \`unset ${PRIVATE_KEY}\``,
    });
  }
  const usesSecret = !filled.includes(PUBLIC_KEY) && !filled.includes(PRIVATE_KEY);
  const keys = usesSecret ? await loadSecrets(env) : await loadKeyFiles(ports);
  const audiences = loadAudiences(env);
  const issuer = env.get(ISSUER)?.trim();
  return issuer ? { ...keys, audiences, issuer } : { ...keys, audiences };
}

/**
 * Loads the accepted audiences: `ATI_JWT_ACCEPTED_AUDIENCES`, else `ATI_JWT_AUDIENCE`, else
 * `ati-proxy`. Entries are trimmed, blank ones and repetitions dropped.
 *
 * @returns At least one audience.
 * @throws {ConfigError} Reason `audiences_empty` when the list is set but has no entry.
 */
export function loadAudiences(env: Env): string[] {
  const list = env.get(AUDIENCES);
  if (list === undefined) return [env.get(AUDIENCE)?.trim() || DEFAULT_AUDIENCE];
  const audiences = splitList(list);
  if (audiences.length === 0) {
    throw new ConfigError(`Cannot use ${AUDIENCES}: it is set, but names no audience`, {
      reason: "audiences_empty",
      hint: AUDIENCES_HINT,
    });
  }
  return audiences;
}

type LoadedKeys = Pick<JwtConfig, "algorithm" | "verificationKeys" | "signingKey">;

async function loadSecrets(env: Env): Promise<LoadedKeys> {
  const secrets = splitList(env.get(SECRET));
  const keys = await Promise.all(secrets.map(async (secret, index) => {
    try {
      return await importSecret(secret);
    } catch (error: unknown) {
      const which = secrets.length > 1 ? ` (entry ${index + 1})` : "";
      throw wrapKeyError(error, `${SECRET}${which}`, {
        reason: "secret_invalid",
        hint: HS256_HINT,
      });
    }
  }));
  return {
    algorithm: "HS256",
    verificationKeys: keys.map(({ verificationKey }) => verificationKey),
    signingKey: keys[0]?.signingKey,
  };
}

async function loadKeyFiles(ports: JwtConfigPorts): Promise<LoadedKeys> {
  const publicKeys = await loadPublicKeys(ports);
  const pair = await loadPrivateKey(ports);
  if (pair === undefined) return { algorithm: "ES256", verificationKeys: publicKeys };
  const { signingKey, verificationKey } = pair;
  if (publicKeys.length === 0) {
    return { algorithm: "ES256", verificationKeys: [verificationKey], signingKey };
  }
  const partner = publicKeys.find((key) => pointOf(key) === pointOf(verificationKey));
  if (partner === undefined) {
    throw new ConfigError(`Cannot use ${PRIVATE_KEY}: it belongs to no key in ${PUBLIC_KEY}`, {
      reason: "key_mismatch",
      hint: `add the public half of the private key to ${PUBLIC_KEY}, or \`unset ${PUBLIC_KEY}\``,
    });
  }
  // Tokens name the key as it is published, also where it came with an id of its own.
  const namedKey = { ...signingKey, kid: partner.kid };
  return { algorithm: "ES256", verificationKeys: publicKeys, signingKey: namedKey };
}

async function loadPublicKeys({ env, files }: JwtConfigPorts): Promise<VerificationKey[]> {
  const keys = await Promise.all(
    splitList(env.get(PUBLIC_KEY)).map((path) =>
      importKeyFile({ variable: PUBLIC_KEY, path, hint: ES256_HINT, files }, importVerificationKeys)
    ),
  );
  // One key may stand in two files while keys are rotated.
  return [...new Map(keys.flat().map((key) => [pointOf(key), key])).values()];
}

interface KeyPair {
  readonly signingKey: SigningKey;
  readonly verificationKey: VerificationKey;
}

async function loadPrivateKey({ env, files }: JwtConfigPorts): Promise<KeyPair | undefined> {
  const path = env.get(PRIVATE_KEY)?.trim();
  if (path === undefined || path === "") return undefined;
  return await importKeyFile({ variable: PRIVATE_KEY, path, hint: ES256_HINT, files }, importPair);
}

async function importPair(material: string): Promise<KeyPair> {
  const signingKey = await importSigningKey(material);
  const keys = await importVerificationKeys(material);
  // The file may hold other public keys beside the private one.
  const verificationKey = keys.find(({ kid }) => kid === signingKey.kid) as VerificationKey;
  return { signingKey, verificationKey };
}

function pointOf(key: VerificationKey): string {
  return `${key.publicJwk?.x}.${key.publicJwk?.y}`;
}

function splitList(text: string = ""): string[] {
  return [...new Set(text.split(",").map((entry) => entry.trim()).filter(Boolean))];
}
