/**
 * The opening handshake of a WebSocket on its way through (RFC 6455 §4): what counts as one, what must
 * be right about it, and which of its fields belong to one connection only.
 *
 * @module
 */

import { PassthroughError } from "../errors.ts";
import type { HeaderList } from "../ports.ts";
import type { MutableHeaderList } from "./headers.ts";

// RFC 6455 §4.1: sixteen bytes in base64.
const KEY_REGEXP = /^[A-Za-z0-9+/]{22}==$/;
/** Fields that each side of the proxy makes for itself; an open connection has no content either. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "content-length",
  "sec-websocket-accept",
  "sec-websocket-key",
  "sec-websocket-version",
]);

/**
 * True for a request that asks to become a WebSocket: a GET without a body whose `Upgrade` names
 * `websocket` and whose `Connection` names `upgrade`. Anything else with an `Upgrade` is an ordinary
 * request, since a server may ignore that field (RFC 9110 §7.8).
 */
export function isWebSocketUpgrade(request: Request): boolean {
  if (request.method !== "GET") return false;
  const { headers } = request;
  return hasToken(headers.get("upgrade"), "websocket") &&
    hasToken(headers.get("connection"), "upgrade") &&
    !headers.has("transfer-encoding") && (headers.get("content-length") ?? "0") === "0";
}

/**
 * Checks the fields of the client's handshake (RFC 6455 §4.2.1).
 *
 * @throws {PassthroughError} `ERR_WEBSOCKET_VERSION` for any version but 13; `ERR_BAD_REQUEST`, reason
 * `websocket_key`, for a key that is none.
 */
export function assertHandshake(headers: Headers): void {
  if (headers.get("sec-websocket-version") !== "13") {
    throw new PassthroughError(
      "ERR_WEBSOCKET_VERSION",
      "Cannot open the WebSocket: its version is not 13",
      { reason: "websocket_version" },
    );
  }
  if (!KEY_REGEXP.test(headers.get("sec-websocket-key") ?? "")) {
    throw new PassthroughError(
      "ERR_BAD_REQUEST",
      'Cannot open the WebSocket: header "sec-websocket-key" is missing or malformed',
      { reason: "websocket_key" },
    );
  }
}

/** Without the fields of a handshake, or of its answer, that each side of the proxy makes for itself. */
export function dropHandshakeFields(headers: HeaderList): MutableHeaderList {
  return headers.filter(([name]) => !OWN_FIELDS.has(name));
}

function hasToken(list: string | null, token: string): boolean {
  return list?.toLowerCase().split(",").some((element) => element.trim() === token) ?? false;
}
