/**
 * Which addresses and names belong to this machine, its network, or to nobody: what a request that
 * carries a credential must not be sent to when its target came from elsewhere.
 *
 * IPv4 after the IANA special-purpose registry (RFC 6890); of IPv6 only global unicast (2000::/3) is
 * public, and an address that holds an IPv4 address is judged by that one.
 *
 * @module
 */

type Ipv4 = readonly [number, number, number, number];
/** Network and prefix length. */
type Block = readonly [network: Ipv4, bits: number];

const PRIVATE_IPV4: readonly Block[] = [
  [[0, 0, 0, 0], 8], // RFC 791: this network
  [[10, 0, 0, 0], 8], // RFC 1918
  [[100, 64, 0, 0], 10], // RFC 6598: carrier-grade NAT
  [[127, 0, 0, 0], 8], // RFC 1122: loopback
  [[169, 254, 0, 0], 16], // RFC 3927: link-local, where clouds keep their metadata
  [[172, 16, 0, 0], 12], // RFC 1918
  [[192, 0, 0, 0], 24], // RFC 6890: protocol assignments
  [[192, 0, 2, 0], 24], // RFC 5737: documentation, as the next two of its kind
  [[192, 168, 0, 0], 16], // RFC 1918
  [[198, 18, 0, 0], 15], // RFC 2544: benchmarks
  [[198, 51, 100, 0], 24],
  [[203, 0, 113, 0], 24],
  [[224, 0, 0, 0], 4], // RFC 5771: multicast
  [[240, 0, 0, 0], 4], // RFC 1112: reserved, and the broadcast address
];
const PRIVATE_NAMES: ReadonlySet<string> = new Set(["localhost", "metadata.google.internal"]);
const PRIVATE_SUFFIXES: readonly string[] = [".localhost", ".internal", ".local"];
const DECIMAL_REGEXP = /^(?:0|[1-9]\d{0,2})$/;
const HEX_GROUP_REGEXP = /^[0-9a-f]{1,4}$/i;

/**
 * True for an IP address that is not a public one: loopback, private, link-local, shared, multicast,
 * reserved or documentation, also inside an IPv6 address (mapped, compatible, translated, 6to4).
 *
 * @param ip The address in any spelling of RFC 4291 §2.2, a zone (`%eth0`) included. What is no IP
 *   address counts as private: nobody can say where it leads.
 */
export function isPrivateAddress(ip: string): boolean {
  const zone = ip.indexOf("%");
  const text = zone === -1 ? ip : ip.slice(0, zone);
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return isPrivateIpv4(ipv4);
  const groups = parseIpv6(text);
  return groups === undefined || isPrivateIpv6(groups);
}

/**
 * True for the host of a URL that is refused before any look-up: a private IP literal, or a name that
 * means this machine or its network (`localhost`, `*.localhost`, `*.internal`, `*.local`).
 *
 * @param hostname As `URL.hostname` gives it, which has turned `0x7f.1` into `127.0.0.1`.
 */
export function isPrivateHost(hostname: string): boolean {
  if (isLiteral(hostname)) return isPrivateAddress(hostname.replace(/^\[|\]$/g, ""));
  // RFC 1034 §3.1: a trailing dot changes nothing about the name.
  const name = hostname.toLowerCase().replace(/\.+$/, "");
  return PRIVATE_NAMES.has(name) || PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** True for a host that is an IP address, in brackets where it is IPv6. */
function isLiteral(hostname: string): boolean {
  return hostname.includes(":") || parseIpv4(hostname) !== undefined;
}

function isPrivateIpv4(address: Ipv4): boolean {
  const value = toNumber(address);
  return PRIVATE_IPV4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    const start = toNumber(network);
    return value >= start && value < start + size;
  });
}

function isPrivateIpv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups;
  const head = groups.slice(0, 6).map((group) => group.toString(16)).join(":");
  switch (head) {
    case "0:0:0:0:0:ffff": // RFC 4291 §2.5.5.2: mapped
    case "0:0:0:0:0:0": // RFC 4291 §2.5.5.1: compatible; `::` and `::1` are 0.0.0.0 and 0.0.0.1
    case "0:0:0:0:ffff:0": // RFC 2765 §2.1: translated
    case "64:ff9b:0:0:0:0": // RFC 6052 §2.1: NAT64
      return isPrivateIpv4(embeddedIpv4(groups, 6));
  }
  // RFC 4291 §2.4: all else outside is local, multicast, discard-only or unassigned.
  if (first < 0x2000 || first > 0x3fff) return true;
  if (first === 0x2002) return isPrivateIpv4(embeddedIpv4(groups, 1)); // RFC 3056 §2: 6to4
  // RFC 2928: protocol assignments, Teredo among them. RFC 3849 and 9637: documentation.
  return (first === 0x2001 && (second < 0x0200 || second === 0x0db8)) ||
    (first === 0x3fff && second < 0x1000);
}

function embeddedIpv4(groups: readonly number[], index: number): Ipv4 {
  const [high = 0, low = 0] = groups.slice(index, index + 2);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff];
}

function toNumber([a, b, c, d]: Ipv4): number {
  return ((a * 256 + b) * 256 + c) * 256 + d;
}

function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => DECIMAL_REGEXP.test(part))) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
  return Math.max(a, b, c, d) > 255 ? undefined : [a, b, c, d];
}

/** The eight groups of an IPv6 address. */
function parseIpv6(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** The groups of one side of `::`; the last may end in a dotted IPv4 address. */
function parseGroups(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const ipv4 = isLast ? parseIpv4(parts.at(-1) ?? "") : undefined;
  if (ipv4 !== undefined) {
    const [a, b, c, d] = ipv4;
    parts.splice(-1, 1, (a * 256 + b).toString(16), (c * 256 + d).toString(16));
  }
  if (!parts.every((part) => HEX_GROUP_REGEXP.test(part))) return undefined;
  return parts.map((part) => Number.parseInt(part, 16));
}
