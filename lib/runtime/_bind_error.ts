/** The refusal of an address that cannot be listened on. @module */

import { ConfigError } from "../errors.ts";
import type { ListenOptions } from "../ports.ts";
import { errnoOf } from "./_errno.ts";

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "Stop what listens there, or choose another port",
  EACCES: "Choose a port from 1024 on, or grant the permission",
  EADDRNOTAVAIL: "Choose an address of this machine",
};
// Deno gives names where Node and Bun give codes.
const DENO_NAMES: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
};

/** What `error` says about binding: `ERR_CONFIG`, reason the system's code. */
export function createBindError(error: unknown, { hostname, port }: ListenOptions): ConfigError {
  const name = error instanceof Error ? DENO_NAMES[error.name] : undefined;
  const errno = name ?? errnoOf(error);
  return new ConfigError(`Cannot listen on ${hostname} port ${port}: ${errno}`, {
    reason: errno,
    hint: HINTS[errno],
  });
}
