/**
 * What a start would do, without doing it: the same settings, sources, state, refusals and notices, but
 * nothing listens, nothing is dialled, and no file is written or removed.
 *
 * @module
 */

import { webHashes } from "../encoding/hashes.ts";
import { isAtiError } from "../errors.ts";
import type { AtiError } from "../errors.ts";
import type { KeyringFiles } from "../keyring/load.ts";
import { createRouteTable } from "../passthrough/route_table.ts";
import type { Env, Files } from "../ports.ts";
import { createNonceCache } from "../signature/nonce_cache.ts";
import { createBodyRoom } from "./body_room.ts";
import { assertStartable } from "./checks.ts";
import type { Notice } from "./checks.ts";
import { describeRoutes } from "./checked_route.ts";
import type { CheckedRoute } from "./checked_route.ts";
import type { ProxyConfig, StartupRecord } from "./config.ts";
import { configureProxy, describeStartup, prepareState } from "./prepare.ts";
import type { ProxySettings } from "./settings.ts";
import { createSourceLoader, createSourceParts } from "./sources.ts";
import type { ProxySources } from "./sources.ts";

/** What a check reads. */
export interface CheckPorts {
  /** Environment variables. */
  readonly env: Env;
  /** Files; only read. */
  readonly files: Files;
}

/** How tokens would be verified. */
export interface CheckedTokens {
  /** The one algorithm in force. */
  readonly algorithm: string;
  /** How many keys verify. */
  readonly keys: number;
  /** Accepted audiences. */
  readonly audiences: readonly string[];
  /** Accepted issuer; `null` when any will do. */
  readonly issuer: string | null;
}

/** What a start would come to. */
export type CheckResult =
  | {
    readonly ok: true;
    /** What would be served. */
    readonly startup: StartupRecord;
    /** How tokens would be verified; `null` without keys. */
    readonly tokens: CheckedTokens | null;
    /** Passthrough routes, in the order they are tried. */
    readonly routes: readonly CheckedRoute[];
    /** What would be warned of. */
    readonly notices: readonly Notice[];
  }
  | {
    readonly ok: false;
    /** Why it would be refused, at least one; the first is the one that a start tells. */
    readonly errors: readonly AtiError[];
  };

/**
 * Checks what a proxy would start with. A one-shot sealing key is read and stays where it is.
 *
 * @param settings What the proxy would be told.
 * @param ports Environment and files.
 * @returns What would be served, or everything found that a start would refuse.
 */
export async function checkProxy(
  settings: ProxySettings,
  ports: CheckPorts,
): Promise<CheckResult> {
  const readOnly = { env: ports.env, files: keepFiles(ports.files) };
  const load = createSourceLoader(settings, readOnly);
  const config = configureProxy(settings, load);
  let sources: ProxySources;
  try {
    sources = await load();
  } catch (error) {
    const { jwt, manifests, config: file, keyring } = createSourceParts(settings, readOnly);
    const all = await collectErrors([jwt, manifests, file, keyring]);
    return { ok: false, errors: distinct([assertAtiError(error), ...all]) };
  }
  try {
    return describe(config, sources);
  } catch (error) {
    const routes = settings.enablePassthrough ? await findRouteErrors(sources) : [];
    return { ok: false, errors: distinct([assertAtiError(error), ...routes]) };
  }
}

function describe(config: ProxyConfig, sources: ProxySources): CheckResult {
  const { state, notices } = prepareState(config, sources, assertStartable, {
    hashes: webHashes,
    now: () => 0,
    nonces: createNonceCache(),
    room: createBodyRoom(),
  });
  const { jwt } = sources;
  return {
    ok: true,
    startup: describeStartup(config, state),
    tokens: jwt === undefined ? null : {
      algorithm: jwt.algorithm,
      keys: jwt.verificationKeys.length,
      audiences: jwt.audiences,
      issuer: jwt.issuer ?? null,
    },
    routes: describeRoutes(state.table, sources.manifests),
    notices,
  };
}

// A start removes the one-shot key once it has opened the keyring. Here it must serve again.
function keepFiles({ read, list, stat }: Files): KeyringFiles {
  return { read, list, stat, remove: () => Promise.resolve(true) };
}

/** The start stops at the first route that cannot be built. */
async function findRouteErrors({ manifests, keyring }: ProxySources): Promise<AtiError[]> {
  return await collectErrors(
    manifests.map(({ provider }) => () => createRouteTable([provider], keyring)),
  );
}

async function collectErrors(works: readonly (() => unknown)[]): Promise<AtiError[]> {
  const errors: AtiError[] = [];
  for (const work of works) {
    try {
      await work();
    } catch (error) {
      errors.push(assertAtiError(error));
    }
  }
  return errors;
}

function distinct(errors: readonly AtiError[]): AtiError[] {
  return [...new Map(errors.map((error) => [error.message, error])).values()];
}

// A defect must not pass for a broken file.
function assertAtiError(error: unknown): AtiError {
  if (isAtiError(error)) return error;
  throw error;
}
