/**
 * Keeps upstream calls off private addresses. What counts is the address that is dialled: a name is
 * looked up once, the answer is checked, and the connection goes to what was checked. A name that
 * changes its address between a check and the dialling (DNS rebinding) therefore gains nothing.
 *
 * @module
 */

import { lookup as lookupName } from "node:dns";
import type { LookupAddress } from "node:dns";
import type { LookupFunction, Socket } from "node:net";
import type { AddressPolicy, UpstreamOptions } from "../ports.ts";
import { isPrivateAddress, isPrivateHost } from "../private_addresses.ts";
import { createConnectFailure } from "../upstream_failures.ts";

/** Watches one policy. Each refusal is `ERR_UPSTREAM_CONNECT` with reason `private_address`. */
export interface AddressGuard {
  /**
   * Judges the host of a URL before anything is dialled: IP literals, which are never looked up, and
   * names that need no look-up to be refused. Call for each request.
   *
   * @throws {PassthroughError} When it is private and the policy is `block`.
   */
  checkHost(hostname: string): void;
  /** For the `lookup` option of a connection: refuses a name with any private address. */
  readonly lookup: LookupFunction;
  /**
   * Judges the peer of a connection that stands, before anything is sent on it.
   *
   * @throws {PassthroughError} When it is private, or unknown, and the policy is `block`.
   */
  checkPeer(socket: Pick<Socket, "remoteAddress">): void;
}

/** What a guard acts through. */
export interface GuardOptions extends UpstreamOptions {
  /** Looks names up; default the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
}

/** The guards of an upstream call, one a policy; `undefined` where nothing is to be checked. */
export type AddressGuards = (policy: AddressPolicy | undefined) => AddressGuard | undefined;

/** Makes the guards of an upstream call. */
export function createAddressGuards(options: GuardOptions = {}): AddressGuards {
  const guards = {
    warn: createAddressGuard("warn", options),
    block: createAddressGuard("block", options),
  };
  return (policy = "allow") => policy === "allow" ? undefined : guards[policy];
}

function createAddressGuard(
  policy: Exclude<AddressPolicy, "allow">,
  { onPrivateAddress, lookup = lookupName as LookupFunction }: GuardOptions,
): AddressGuard {
  const refuse = (hostname: string): void => {
    if (policy === "block") throw createConnectFailure("private_address");
    onPrivateAddress?.(hostname);
  };
  return {
    checkHost(hostname): void {
      if (isPrivateHost(hostname)) refuse(hostname);
    },
    lookup(hostname, options, callback): void {
      lookup(hostname, options, (error, found, family) => {
        if (error !== null) return callback(error, found, family);
        try {
          if (listAddresses(found).some(isPrivateAddress)) refuse(hostname);
        } catch (refusal) {
          return callback(refusal as Error, "", 0);
        }
        callback(null, found, family);
      });
    },
    checkPeer({ remoteAddress }): void {
      // What was to be told was told when the name was looked up.
      if (policy === "block" && isPrivateAddress(remoteAddress ?? "")) refuse("");
    },
  };
}

function listAddresses(found: string | readonly LookupAddress[]): readonly string[] {
  return typeof found === "string" ? [found] : found.map(({ address }) => address);
}
