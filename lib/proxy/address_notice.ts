/** Saying that a credential goes to a private address, without saying it at each request. @module */

import { ADDRESS_NOTICE_MS, MAX_NOTICED_HOSTS } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";

/**
 * Makes the listener for policy `warn`: one record a host and minute.
 *
 * @param log Where it is said.
 * @param now Clock; default `Date.now`.
 */
export function createAddressNotice(log: Log, now: Clock = Date.now): (hostname: string) => void {
  const quietUntil = new Map<string, number>();
  return (hostname) => {
    const time = now();
    if ((quietUntil.get(hostname) ?? 0) > time) return;
    if (quietUntil.size >= MAX_NOTICED_HOSTS) quietUntil.clear();
    quietUntil.set(hostname, time + ADDRESS_NOTICE_MS);
    log("warn", "a credential goes to a private address", {
      upstream_host: hostname,
      hint: "with ATI_SSRF_PROTECTION=block this is refused",
    });
  };
}
