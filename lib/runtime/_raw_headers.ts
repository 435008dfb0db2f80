/** Header fields between the flat lists of Node and undici and the project's pairs. @module */

import { STATUS_CODES } from "node:http";
import type { HeaderList } from "../ports.ts";

// RFC 9112 §4: what a reason phrase may hold; Node refuses to send anything else.
const REASON_PHRASE_REGEXP = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Name, value, name, value, as Node's `writeHead` and undici take it. */
export function flattenHeaders(headers: HeaderList): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  return flat;
}

/** A received header section, names in lower case, one character a byte. */
export function parseRawHeaders(
  raw: readonly unknown[],
): HeaderList {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    headers.push([textOf(raw[index]).toLowerCase(), textOf(raw[index + 1])]);
  }
  return headers;
}

/** The reason phrase to send: the usual one where there is none, or one that may not be sent. */
export function reasonOf(status: number, text: string | undefined): string {
  if (text !== undefined && text !== "" && REASON_PHRASE_REGEXP.test(text)) return text;
  return STATUS_CODES[status] ?? "";
}

function textOf(field: unknown): string {
  // RFC 9110 §5.5: bytes above 0x7f are opaque, so they must come out as they went in.
  return typeof field === "string" ? field : (field as { latin1Slice(): string }).latin1Slice();
}
