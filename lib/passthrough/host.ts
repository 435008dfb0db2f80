/** Host names as routing compares them (RFC 9110 §7.2, RFC 3986 §3.2.2). @module */

const HOST_REGEXP = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?$/;

/** A host and, where one was written, its port. */
export interface HostName {
  /** Lower case, no trailing dot; an IPv6 literal in brackets and in its shortest form. */
  readonly name: string;
  /** The port as written, without leading zeros; `undefined` where there was none. */
  readonly port: string | undefined;
}

/**
 * Parses the value of a `Host` header.
 *
 * @param text The header's value: a name, an IPv4 or bracketed IPv6 literal, with or without a port.
 * @returns The parts, or `undefined` when the text is no host.
 *
 * @example Usage
 * ```ts
 * import { parseHost } from "atikit";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseHost("API.example.com:8443"), { name: "api.example.com", port: "8443" });
 * assert.deepEqual(parseHost("[0:0::1]"), { name: "[::1]", port: undefined });
 * assert.equal(parseHost("a/b"), undefined);
 * ```
 */
export function parseHost(text: string): HostName | undefined {
  const match = HOST_REGEXP.exec(text.toLowerCase());
  if (match === null) return undefined;
  const host = match[1]!;
  const name = host.startsWith("[") ? shortenIpv6(host) : host.replace(/\.$/, "");
  if (name === undefined || name === "") return undefined;
  const port = match[2];
  return { name, port: port === undefined ? undefined : String(Number(port)) };
}

function shortenIpv6(literal: string): string | undefined {
  const url = `http://${literal}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}
