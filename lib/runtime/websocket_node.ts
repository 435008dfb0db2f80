/**
 * WebSockets on Node: the upstream is dialled, the client's connection upgraded, and bytes go from
 * socket to socket. Compression, pings and close codes are thereby the two ends' own matter.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type {
  HeaderList,
  ResponseParts,
  Tunnel,
  TunnelRequest,
  UpstreamResponse,
} from "../ports.ts";
import { createBrokenFailure } from "../upstream_failures.ts";
import type { AddressGuards } from "./_address_guard.ts";
import { createUpgradeFailure } from "./_failures.ts";
import { reasonOf } from "./_raw_headers.ts";
import { createRelayedResponse } from "./_relayed_response.ts";
import type { RelaySource } from "./_relayed_response.ts";
import type { UpgradeSocket } from "./_upgrade_socket.ts";
import { WebSocketRelay } from "./_websocket_relay.ts";
import { nodeExchangeOf } from "./node_request.ts";
import { acceptOf, dialWebSocket, listElements } from "./websocket_dial.ts";
import type { OpenDial } from "./websocket_dial.ts";

const EXTENSIONS = "sec-websocket-extensions";
const DEFLATE_REGEXP = /^permessage-deflate[ \t]*(?:;|$)/i;

/** Makes the tunnel of Node's server: it upgrades requests of that server and no others. */
export function createNodeTunnel(guardFor: AddressGuards): Tunnel {
  return async (request: TunnelRequest): Promise<UpstreamResponse> => {
    const upgrade = nodeExchangeOf(request.incoming)?.upgrade;
    if (upgrade === undefined) throw createUpgradeFailure();
    const headers = offerDeflateOnly(request.headers);
    const result = await dialWebSocket({ ...request, headers }, guardFor(request.privateAddresses));
    return result.kind === "answer"
      ? result.response
      : createTunnelAnswer(request, result, upgrade);
  };
}

/** RSV bits have a meaning to the scanner under permessage-deflate only (RFC 7692). */
function offerDeflateOnly(headers: HeaderList): HeaderList {
  const offers = listElements(headers, EXTENSIONS).filter((offer) => DEFLATE_REGEXP.test(offer));
  const rest = headers.filter(([name]) => name !== EXTENSIONS);
  return offers.length === 0 ? rest : [...rest, [EXTENSIONS, offers.join(", ")]];
}

function createTunnelAnswer(
  request: TunnelRequest,
  dial: OpenDial,
  upgrade: UpgradeSocket,
): UpstreamResponse {
  const upstream = dial.socket as Socket;
  const source: RelaySource = {
    sendTo(outgoing: ServerResponse, parts: ResponseParts): void {
      outgoing.detachSocket(upgrade.socket);
      upgrade.socket.write(formatSwitch(request, parts), "latin1");
      upgrade.relay = new WebSocketRelay({
        client: upgrade.socket,
        clientHead: upgrade.take(),
        upstream,
        upstreamHead: dial.head,
        allowsCompression: listElements(dial.headers, EXTENSIONS).length > 0,
        idleMs: request.idleMs,
        maxMessageBytes: request.maxMessageBytes,
        onClose: parts.onClose,
      });
    },
    openStream(): never {
      upstream.destroy();
      throw new TypeError("Cannot read the response: it is an open WebSocket");
    },
  };
  return {
    status: 101,
    statusText: dial.statusText,
    headers: dial.headers,
    respond(parts: ResponseParts): Response {
      // Broken off in the same turn: nothing was sent to the client, so it can be answered for.
      if (upstream.destroyed) throw createBrokenFailure("reset");
      return createRelayedResponse(source, parts);
    },
    cancel: () => void upstream.destroy(),
  };
}

/** RFC 6455 §4.2.2. */
function formatSwitch({ incoming }: TunnelRequest, { statusText, headers }: ResponseParts): string {
  const accept = acceptOf(incoming.headers.get("sec-websocket-key") ?? "");
  const lines = [
    `HTTP/1.1 101 ${reasonOf(101, statusText)}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
