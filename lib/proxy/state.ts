/**
 * Everything a request is judged by, immutable: built aside, swapped in one assignment.
 *
 * @module
 */

import { createJwks } from "../jwt/jwks.ts";
import { createTokenVerifier } from "../jwt/verifier.ts";
import type { TokenVerifier } from "../jwt/verifier.ts";
import { createRouteTable } from "../passthrough/route_table.ts";
import type { RouteTable } from "../passthrough/route_table.ts";
import type { Clock, Hashes } from "../ports.ts";
import type { Manifest } from "../manifest/types.ts";
import type { NonceCache } from "../signature/nonce_cache.ts";
import { parseSigningSecret } from "../signature/secret.ts";
import type { BodyRoom } from "./body_room.ts";
import { isOpen, SIGNING_SECRET_NAME } from "./config.ts";
import type { ProxyConfig } from "./config.ts";
import { createSignatureGate } from "./signature_gate.ts";
import type { SignatureGate } from "./signature_gate.ts";
import type { ProxySources } from "./sources.ts";

/** What is served, in numbers. */
export interface Inventory {
  /** Tools that listings show. */
  readonly tools: number;
  /** Providers, of every handler. */
  readonly providers: number;
  /** Providers with handler `mcp`. */
  readonly mcp: number;
  /** Providers with handler `openapi`. */
  readonly openapi: number;
  /** Local skills. */
  readonly skills: number;
}

/** One consistent set of keys, secret and routes. A request uses the one it began with. */
export interface ProxyState {
  /** Verifies session tokens; `undefined` where none are configured. */
  readonly verifier: TokenVerifier | undefined;
  /** Body of the JWK set; `undefined` without a public key. */
  readonly jwks: string | undefined;
  /** Judges sandbox signatures. */
  readonly gate: SignatureGate;
  /** True when there is a signing secret. */
  readonly hasSecret: boolean;
  /** Passthrough routes; none when passthrough is off. */
  readonly table: RouteTable;
  /** What is served, in numbers. */
  readonly inventory: Inventory;
  /** Where the keyring came from. */
  readonly keyringSource: string;
  /** True when nothing identifies any caller: then only this machine is served. */
  readonly isOpen: boolean;
}

/** What a state works with and does not own. */
export interface StatePorts {
  /** Hash primitives. */
  readonly hashes: Hashes;
  /** Clock. */
  readonly now: Clock;
  /** Nonces of signatures that were used; outlives every state. */
  readonly nonces: NonceCache;
  /** Room for bodies that are held; outlives every state. */
  readonly room: BodyRoom;
}

/**
 * Builds a state.
 *
 * @throws {AtiError} When a key, the signing secret or a passthrough route cannot be used.
 */
export function buildState(
  config: ProxyConfig,
  sources: ProxySources,
  ports: StatePorts,
): ProxyState {
  const { jwt, keyring, manifests } = sources;
  const text = keyring.get(SIGNING_SECRET_NAME);
  const secret = text === undefined ? undefined : parseSigningSecret(text);
  const providers = config.enablePassthrough ? manifests.map(({ provider }) => provider) : [];
  const published = createJwks(jwt?.verificationKeys ?? []);
  return {
    verifier: jwt === undefined ? undefined : createTokenVerifier(
      {
        keys: jwt.verificationKeys,
        audiences: jwt.audiences,
        issuer: jwt.issuer,
        now: ports.now,
      },
      { hashes: ports.hashes },
    ),
    jwks: published.keys.length === 0 ? undefined : JSON.stringify(published),
    gate: createSignatureGate({ settings: config.signature, secret, ...ports }),
    hasSecret: secret !== undefined,
    table: createRouteTable(providers, keyring),
    inventory: takeInventory(manifests),
    keyringSource: sources.keyringSource,
    isOpen: isOpen(config, sources),
  };
}

function takeInventory(manifests: readonly Manifest[]): Inventory {
  const inventory = { tools: 0, providers: manifests.length, mcp: 0, openapi: 0, skills: 0 };
  for (const { provider, tools } of manifests) {
    if (!provider.internal) inventory.tools += tools.length;
    if (provider.handler === "mcp") inventory.mcp += 1;
    if (provider.handler === "openapi") inventory.openapi += 1;
  }
  return inventory;
}
