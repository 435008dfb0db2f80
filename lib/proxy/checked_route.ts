/** Routes as people check them: what each takes, asks for, and puts into requests. Names, no secrets. @module */

import { createCredential } from "../passthrough/credentials.ts";
import type { RouteTable } from "../passthrough/route_table.ts";
import type { Manifest, PassthroughAuth, Provider } from "../manifest/types.ts";

/** How a route's own credential is sent. */
export interface CheckedCredential {
  /** Kind, as `auth_type` of the manifest. */
  readonly type: Provider["auth_type"];
  /** Header field or query parameter that carries it. */
  readonly name: string;
  /** Keyring entry. */
  readonly entry: string;
  /** True when the keyring has it. */
  readonly present: boolean;
}

/** One passthrough route. */
export interface CheckedRoute {
  /** The provider's name. */
  readonly name: string;
  /** Host it takes; `null`: every host. */
  readonly host: string | null;
  /** Path prefix it takes; `null`: every path. */
  readonly path_prefix: string | null;
  /** Origin and path of the upstream. */
  readonly upstream: string;
  /** What a caller must show. */
  readonly auth: PassthroughAuth;
  /** Scope that a session token must hold; `null` where none is looked at. */
  readonly scope: string | null;
  /** The credential; `null` where the manifest names none. */
  readonly credential: CheckedCredential | null;
  /** Other header fields that are set. */
  readonly extra_headers: readonly string[];
  /** Methods that are forwarded; `null`: all but `CONNECT` and `TRACE`. */
  readonly methods: readonly string[] | null;
  /** True: WebSocket upgrades are relayed. */
  readonly websockets: boolean;
}

/** Describes the routes of a table that was built from these manifests. */
export function describeRoutes(
  table: RouteTable,
  manifests: readonly Manifest[],
): readonly CheckedRoute[] {
  const providers = new Map(manifests.map(({ provider }) => [provider.name, provider]));
  return table.routes.flatMap((route) => {
    const provider = providers.get(route.name);
    if (provider === undefined) return [];
    return [{
      name: route.name,
      host: route.hostMatch ?? null,
      path_prefix: route.pathPrefix ?? null,
      upstream: `${route.origin}${route.basePath}`,
      auth: route.auth,
      scope: route.auth === "signature" ? null : route.scope,
      credential: describeCredential(provider, route.missingCredential === undefined),
      extra_headers: Object.keys(provider.extra_headers).map((name) => name.toLowerCase()),
      methods: route.allowMethods ?? null,
      websockets: route.forwardsWebSockets,
    }];
  });
}

function describeCredential(provider: Provider, present: boolean): CheckedCredential | null {
  const { auth_type: type, auth_key_name: entry } = provider;
  if (entry === undefined || type === "none" || type === "oauth2" || type === "url") return null;
  return { type, name: findCarrier(provider), entry, present };
}

// Asked of what really injects, with a stand-in for the secret: there the defaults are known.
function findCarrier(provider: Provider): string {
  const own = { ...provider, extra_headers: {} };
  const { injection } = createCredential(own, { get: () => "placeholder" });
  const [header] = injection.headerNames;
  return header ?? injection.addQuery("").replace(/^\?|=.*$/g, "");
}
