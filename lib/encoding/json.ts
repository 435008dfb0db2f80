/** JSON from hostile hands. @module */

import { EncodingError } from "../errors.ts";
import { decodeUtf8 } from "./utf8.ts";

/** True for an object made by `{}` or `JSON.parse`: no array, no class instance. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * Parses a JSON object from UTF-8 bytes or text. A member named `__proto__` is refused.
 *
 * @throws {EncodingError} When it is not UTF-8, not JSON, or not an object. Never quotes the text.
 */
export function parseJsonObject(input: Uint8Array | string): Record<string, unknown> {
  const value = parseJson(input);
  if (!isPlainObject(value)) throw new EncodingError("Cannot parse JSON: not an object");
  return value;
}

/**
 * Parses JSON from UTF-8 bytes or text. A member named `__proto__` is refused at any depth.
 *
 * @throws {EncodingError} When it is not UTF-8 or not JSON. Never quotes the text.
 */
export function parseJson(input: Uint8Array | string): unknown {
  const text = typeof input === "string" ? input : decodeUtf8(input);
  try {
    return JSON.parse(text, (key, value) => {
      if (key === "__proto__") throw new EncodingError("reserved member");
      return value;
    });
  } catch {
    // The engine's message quotes the text around the fault.
    throw new EncodingError("Cannot parse JSON: malformed text");
  }
}
