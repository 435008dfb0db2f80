/** IP literals: which ones there are, and which stay on this machine. @module */

const IPV4_REGEXP = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6_SHAPE_REGEXP = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/;
const MAPPED_LOOPBACK_REGEXP = /^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/;

/**
 * Parses an IPv4 or IPv6 literal, the latter with or without brackets.
 *
 * @param text The text. A host name, a port or a zone makes it no literal.
 * @returns The literal in its shortest form, without brackets; `undefined` when it is none.
 */
export function parseIpLiteral(text: string): string | undefined {
  if (IPV4_REGEXP.test(text)) return text;
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (!IPV6_SHAPE_REGEXP.test(bare)) return undefined;
  const url = `http://[${bare}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

/** True for an IP literal that only this machine can reach: 127.0.0.0/8, ::1 and 127/8 mapped. */
export function isLoopback(address: string): boolean {
  const literal = parseIpLiteral(address);
  if (literal === undefined) return false;
  return literal.startsWith("127.") || literal === "::1" || MAPPED_LOOPBACK_REGEXP.test(literal);
}

/** Formats an address and port as one text: IPv6 in brackets. */
export function formatAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
