/**
 * What must not be started, and what is said loudly when it is.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { LogLevel } from "../ports.ts";
import { formatAddress, isLoopback } from "./address.ts";
import { isNamedPath } from "./decide.ts";
import { isOpen, SIGNING_SECRET_NAME } from "./config.ts";
import type { ProxyConfig } from "./config.ts";
import { assertEitherKeys, assertTokenKeys, SIGNING_SECRET_VARIABLE } from "./route_checks.ts";
import type { ProxySources } from "./sources.ts";
import type { ProxyState } from "./state.ts";
import { isPrivateHost } from "../private_addresses.ts";
import { findHiddenRoutes } from "../passthrough/route_table.ts";
import type { Route } from "../passthrough/route_table.ts";

const GLOB_SPECIAL_REGEXP = /[*?[{\\]/;

/** Something odd that does not stop the start. */
export interface Notice {
  /** How loud. */
  readonly level: Extract<LogLevel, "warn" | "error">;
  /** One sentence. */
  readonly message: string;
  /** What it is about, and `hint`: how to mend it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Asserts that a configuration may be started with.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `empty_audience_list`, `no_signing_secret`,
 *   `no_authentication`, `no_token_keys` or `no_route_keys`; the message says what is wrong, the hint
 *   how to mend it.
 */
export function assertStartable(config: ProxyConfig, sources: ProxySources): void {
  assertServable(config, sources);
  assertEitherKeys(config, sources);
  if (
    config.signature.mode === "enforce" && sources.keyring.get(SIGNING_SECRET_NAME) === undefined
  ) {
    throw new ConfigError(
      `Cannot start in signature mode enforce: keyring entry ${SIGNING_SECRET_NAME} ` +
        `(with --env-keys: ${SIGNING_SECRET_VARIABLE}) is missing, ` +
        `keyring source: ${sources.keyringSource}`,
      {
        reason: "no_signing_secret",
        hint:
          `run \`ati key set ${SIGNING_SECRET_NAME}\` and paste the sandboxes' secret, or set ` +
          `${SIGNING_SECRET_VARIABLE} and start with --env-keys, or use --sig-verify-mode log`,
      },
    );
  }
}

/**
 * Asserts what must hold at start and at every reload. A signing secret that is taken away from a
 * running proxy is not among it: from then on no signature is valid, which is what taking it away means.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `empty_audience_list`, `no_authentication` or
 *   `no_token_keys`.
 */
export function assertServable(config: ProxyConfig, sources: ProxySources): void {
  const { jwt } = sources;
  if (jwt !== undefined && jwt.audiences.length === 0) {
    throw new ConfigError("Cannot verify tokens: the list of accepted audiences is empty", {
      reason: "empty_audience_list",
      hint:
        "set ATI_JWT_ACCEPTED_AUDIENCES, for example: export ATI_JWT_ACCEPTED_AUDIENCES=ati-proxy",
    });
  }
  if (isOpen(config, sources) && !isLoopback(config.bind)) {
    throw new ConfigError(
      `Cannot listen on ${formatAddress(config.bind, config.port)} without authentication: ` +
        "neither ATI_JWT_PUBLIC_KEY nor ATI_JWT_SECRET is set, and signatures are not enforced",
      {
        reason: "no_authentication",
        hint: "make keys with `ati init --proxy --es256` and export the ATI_JWT_PUBLIC_KEY it " +
          "prints, or stay on this machine with --bind 127.0.0.1",
      },
    );
  }
  assertTokenKeys(config, sources);
}

/**
 * Asserts that no route with a credential is bound to be refused by the policy on private addresses.
 * Names that turn out to be private only when they are looked up are refused then, at each request.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `private_address`.
 */
export function assertDialable(config: ProxyConfig, state: ProxyState): void {
  if (config.privateAddresses !== "block") return;
  for (const { name, origin } of credentialed(state)) {
    if (!isPrivateHost(new URL(origin).hostname)) continue;
    throw new ConfigError(
      `Cannot serve provider "${name}": it injects a credential, its base_url names a private ` +
        "address, and ATI_SSRF_PROTECTION blocks those",
      {
        reason: "private_address",
        hint: "set ATI_SSRF_PROTECTION=warn, or give base_url a public host",
      },
    );
  }
}

/** Finds what is odd about a configuration that can be served, most serious first. */
export function findNotices(
  config: ProxyConfig,
  sources: ProxySources,
  state: ProxyState,
): readonly Notice[] {
  return [
    ...noticeUnverifiable(config, state),
    ...noticeUnsigned(config, state),
    ...noticeExempt(config, state),
    ...noticeOpen(config, sources),
    ...noticeKeyring(sources),
    ...noticeUnreadKeys(sources),
    ...noticeUnreadSecret(sources),
    ...noticeDisabledRoutes(config, sources),
    ...noticeMissingCredentials(state),
    ...noticeHidden(state),
    ...sources.warnings.map((issue): Notice =>
      warn("a configuration file is odd", {
        file: issue.file,
        line: issue.line,
        key: issue.path,
        issue: issue.message,
      })
    ),
  ];
}

function noticeUnverifiable(config: ProxyConfig, state: ProxyState): Notice[] {
  const { mode } = config.signature;
  if (state.hasSecret) return [];
  const hint =
    `run \`ati key set ${SIGNING_SECRET_NAME}\`, or set ${SIGNING_SECRET_VARIABLE} and ` +
    "start with --env-keys";
  if (mode === "enforce") {
    const message = "no signing secret is left: every request that needs a signature is refused";
    return [{ level: "error", message, fields: { hint } }];
  }
  const { routes } = state.table;
  const isUnneeded = routes.length > 0 && routes.every(({ auth }) => auth === "jwt");
  if (!config.enablePassthrough || isUnneeded) return [];
  const message =
    "passthrough is enabled and there is no signing secret: no signature can be verified";
  return [{ level: "error", message, fields: { sig_verify_mode: mode, hint } }];
}

function noticeUnsigned(config: ProxyConfig, state: ProxyState): Notice[] {
  const { mode } = config.signature;
  const routes = guardedBySignature(state).map(({ name }) => name);
  if (mode === "enforce" || routes.length === 0) return [];
  return [
    warn("passthrough routes inject credentials for callers whose signature is not enforced", {
      routes,
      sig_verify_mode: mode,
      hint: "once the log shows valid signatures only, start with --sig-verify-mode enforce",
    }),
  ];
}

function noticeExempt(config: ProxyConfig, state: ProxyState): Notice[] {
  return guardedBySignature(state).flatMap((route) => {
    const globs = config.signature.exemptPaths.filter((glob) => mayMatchUnder(glob, route));
    if (globs.length === 0) return [];
    return [
      warn(
        "exempt paths overlap a route that injects a credential: no signature is asked for there",
        {
          route: route.name,
          exempt_paths: globs,
          hint: "name the paths that need no signature with --sig-exempt-paths",
        },
      ),
    ];
  });
}

function noticeOpen(config: ProxyConfig, sources: ProxySources): Notice[] {
  if (sources.jwt !== undefined) return [];
  const hint = "make keys with `ati init --proxy --es256` and export ATI_JWT_PUBLIC_KEY";
  const message = isOpen(config, sources)
    ? "authentication is disabled: only callers on this machine are served"
    : "token authentication is disabled: a valid signature is all a caller needs";
  return [warn(message, { hint })];
}

function noticeKeyring({ keyringIssue }: ProxySources): Notice[] {
  if (keyringIssue === undefined) return [];
  const { message: issue, hint } = keyringIssue;
  return [warn("the one-shot key of the keyring is still on disk", { issue, hint })];
}

function noticeUnreadKeys(sources: ProxySources): Notice[] {
  const keys = sources.unreadJwtKeys ?? [];
  if (sources.jwt !== undefined || keys.length === 0) return [];
  return [
    warn("config.toml holds JWT keys that are not in force: the proxy reads ATI_JWT_* only", {
      keys: keys.map((key) => `proxy.jwt.${key}`),
      hint: "export ATI_JWT_PUBLIC_KEY=<path of the PEM file> or ATI_JWT_SECRET=<hex secret>",
    }),
  ];
}

function noticeUnreadSecret({ isSecretUnread }: ProxySources): Notice[] {
  if (isSecretUnread !== true) return [];
  return [
    warn("ATI_JWT_SECRET is not in force: ATI_JWT_PUBLIC_KEY is set, and wins over it", {
      hint: "unset ATI_JWT_SECRET, or, to take its tokens, ATI_JWT_PUBLIC_KEY",
    }),
  ];
}

function noticeDisabledRoutes(config: ProxyConfig, sources: ProxySources): Notice[] {
  if (config.enablePassthrough) return [];
  const providers = sources.manifests
    .filter(({ provider }) => provider.handler === "passthrough")
    .map(({ provider }) => provider.name);
  if (providers.length === 0) return [];
  return [
    warn("passthrough manifests are not served: passthrough is disabled", {
      providers,
      hint: "start with --enable-passthrough, or set ATI_ENABLE_PASSTHROUGH=1",
    }),
  ];
}

function noticeMissingCredentials(state: ProxyState): Notice[] {
  return state.table.routes.flatMap(({ name, missingCredential }) =>
    missingCredential === undefined ? [] : [
      warn("a route lacks its credential", {
        route: name,
        keyring_entry: missingCredential,
        hint: `run \`ati key set ${missingCredential}\``,
      }),
    ]
  );
}

function noticeHidden({ table }: ProxyState): Notice[] {
  return findHiddenRoutes(table).map(({ route: { name }, behind }) =>
    warn(
      `route ${name} can never be reached: route ${behind.name} takes the same host and prefix`,
      {
        route: name,
        hidden_by: behind.name,
        hint: "give one of them another host_match or path_prefix, or remove one",
      },
    )
  );
}

function credentialed(state: ProxyState): readonly Route[] {
  return state.table.routes.filter((route) => route.injectsCredential);
}

/** Routes with a credential that nothing but the signature gate protects. */
function guardedBySignature(state: ProxyState): readonly Route[] {
  return credentialed(state).filter(({ auth }) => auth === "signature");
}

/** True unless no path can be both under the route and matched by the glob. */
function mayMatchUnder(glob: string, { pathPrefix }: Route): boolean {
  const special = glob.search(GLOB_SPECIAL_REGEXP);
  const head = special === -1 ? glob : glob.slice(0, special);
  if (special === -1 && isNamedPath(glob)) return false;
  if (pathPrefix === undefined || pathPrefix === "/") return true;
  if (special === -1) return head === pathPrefix || head.startsWith(`${pathPrefix}/`);
  return head.startsWith(`${pathPrefix}/`) || pathPrefix.startsWith(head) ||
    `${pathPrefix}/`.startsWith(head);
}

function warn(message: string, fields: Readonly<Record<string, unknown>>): Notice {
  return { level: "warn", message, fields };
}
