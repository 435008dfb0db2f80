/** Whether there are keys for what the passthrough manifests ask of callers. @module */

import { ConfigError } from "../errors.ts";
import type { Provider } from "../manifest/types.ts";
import { SIGNING_SECRET_NAME } from "./config.ts";
import type { ProxyConfig } from "./config.ts";
import type { ProxySources } from "./sources.ts";

/** Variable of the signing secret under `--env-keys`. */
export const SIGNING_SECRET_VARIABLE = "ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET";

const NO_TOKEN_KEYS = "neither ATI_JWT_PUBLIC_KEY nor ATI_JWT_SECRET is set";
const MAKE_KEYS =
  "make keys with `ati init --proxy --es256` and export the ATI_JWT_PUBLIC_KEY it prints";

/**
 * Asserts that tokens can be verified where a served route asks for one.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `no_token_keys`.
 */
export function assertTokenKeys(config: ProxyConfig, sources: ProxySources): void {
  if (sources.jwt !== undefined) return;
  const provider = findServed(config, sources, ["jwt", "signature+jwt"]);
  if (provider === undefined) return;
  throw new ConfigError(
    `Cannot serve provider "${provider.name}": its auth = "${provider.auth}" asks for a session ` +
      `token, and ${NO_TOKEN_KEYS}`,
    {
      reason: "no_token_keys",
      hint: `${MAKE_KEYS}, or set auth = "signature" in its manifest`,
    },
  );
}

/**
 * Asserts that signatures or tokens can be verified where a served route asks for either.
 *
 * @throws {ConfigError} `ERR_CONFIG` with reason `no_route_keys`.
 */
export function assertEitherKeys(config: ProxyConfig, sources: ProxySources): void {
  if (sources.jwt !== undefined || sources.keyring.get(SIGNING_SECRET_NAME) !== undefined) return;
  const provider = findServed(config, sources, ["any"]);
  if (provider === undefined) return;
  throw new ConfigError(
    `Cannot serve provider "${provider.name}": its auth = "any" asks for a sandbox signature or a ` +
      `session token; ${NO_TOKEN_KEYS}, and keyring entry ${SIGNING_SECRET_NAME} (with ` +
      `--env-keys: ${SIGNING_SECRET_VARIABLE}) is missing`,
    {
      reason: "no_route_keys",
      hint: `${MAKE_KEYS}, or run \`ati key set ${SIGNING_SECRET_NAME}\``,
    },
  );
}

function findServed(
  { enablePassthrough }: ProxyConfig,
  { manifests }: ProxySources,
  auths: readonly Provider["auth"][],
): Provider | undefined {
  if (!enablePassthrough) return undefined;
  return manifests.find(({ provider }) =>
    provider.handler === "passthrough" && auths.includes(provider.auth)
  )?.provider;
}
