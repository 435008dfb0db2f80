/** PEM text (RFC 7468). @module */

import { EncodingError } from "../errors.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";

const LINE_CHARS = 64;
const BLOCK_REGEXP =
  /-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** One block of a PEM file. */
export interface PemBlock {
  /** The label, for example `PRIVATE KEY`. */
  readonly label: string;
  /** The DER bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Parses every block of a PEM text; text around the blocks is ignored (RFC 7468 §2).
 *
 * @throws {EncodingError} When there is no block, or one is not base64 or not closed.
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const [, label = "", body = ""] of text.matchAll(BLOCK_REGEXP)) {
    blocks.push({ label, bytes: decodeBase64(body.replaceAll(/\s/g, "")) });
  }
  const begins = text.split("-----BEGIN ").length - 1;
  if (blocks.length === 0 || blocks.length !== begins) {
    throw new EncodingError("Cannot parse PEM: no complete BEGIN/END block");
  }
  return blocks;
}

/** Formats one PEM block: 64 characters a line, a line feed at the end. */
export function formatPem(label: string, bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
