/**
 * Rate specifications of the `ati.rate` claim, for example `10/hour`.
 *
 * A specification that cannot be read is refused, never ignored: a token that asks for a limit must
 * not run without one.
 *
 * @module
 */

import { ScopeError } from "../errors.ts";
import { isPlainObject } from "../encoding/json.ts";
import { MAX_SCOPES } from "../limits.ts";

// An unsigned integer as the reference reads it: digits, with an optional plus sign.
const COUNT_REGEXP = /^\+?[0-9]+$/;
const UNITS: ReadonlyMap<string, RateUnit> = new Map([
  ["s", "second"],
  ["sec", "second"],
  ["second", "second"],
  ["m", "minute"],
  ["min", "minute"],
  ["minute", "minute"],
  ["h", "hour"],
  ["hr", "hour"],
  ["hour", "hour"],
  ["d", "day"],
  ["day", "day"],
]);
const WINDOW_SECONDS: Readonly<Record<RateUnit, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
};

/** The unit of a rate, in its full name. */
export type RateUnit = "second" | "minute" | "hour" | "day";

/** So many calls in a sliding window. */
export interface Rate {
  /** Most calls in the window; 0 allows none. A safe integer. */
  readonly count: number;
  /** Length of the window, in seconds. */
  readonly windowSeconds: number;
  /** The window's name in messages. */
  readonly unit: RateUnit;
}

/** A {@link Rate} and the scopes it applies to. */
export interface RateRule extends Rate {
  /** Scope or pattern, matched like a granted scope, for example `tool:github:*`. */
  readonly pattern: string;
}

/**
 * Parses one specification: a count, `/`, and one of `s sec second m min minute h hr hour d day`.
 *
 * @param spec For example `10/hour`.
 * @throws {ScopeError} `ERR_RATE_SPEC` with reason `format`, `count` (no integer, or larger than
 * `Number.MAX_SAFE_INTEGER`) or `unit`.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseRate } from "atikit";
 *
 * assert.deepEqual(parseRate("10/hour"), { count: 10, windowSeconds: 3600, unit: "hour" });
 * ```
 */
export function parseRate(spec: string): Rate {
  const [countText, unitText, ...rest] = spec.split("/");
  if (countText === undefined || unitText === undefined || rest.length > 0) {
    throw rateError("format", "expected count/unit, for example 10/hour");
  }
  const count = Number(countText);
  if (!COUNT_REGEXP.test(countText) || !Number.isSafeInteger(count)) {
    throw rateError("count", "the count is not a whole number in range");
  }
  const unit = UNITS.get(unitText.trim());
  if (unit === undefined) throw rateError("unit", "the unit is none of second, minute, hour, day");
  return { count, windowSeconds: WINDOW_SECONDS[unit], unit };
}

/**
 * Parses the whole `ati.rate` claim: an object from pattern to specification.
 *
 * @param rates The claim; `undefined` gives no rules.
 * @returns One rule a pattern, in the claim's order.
 * @throws {ScopeError} `ERR_RATE_SPEC` as {@link parseRate}; reason `format` also when the claim is
 * no object of strings, has an empty pattern, or has more than {@link MAX_SCOPES} members.
 */
export function parseRates(rates: Readonly<Record<string, string>> | undefined): RateRule[] {
  if (rates === undefined) return [];
  if (!isPlainObject(rates)) throw rateError("format", "the rates are not an object");
  const entries = Object.entries(rates);
  if (entries.length > MAX_SCOPES) {
    throw rateError("format", `there are more than ${MAX_SCOPES} rates`);
  }
  return entries.map(([pattern, spec]: [string, unknown]) => {
    if (pattern === "" || typeof spec !== "string") {
      throw rateError("format", "a rate needs a pattern and a text");
    }
    return { pattern, ...parseRate(spec) };
  });
}

function rateError(reason: "format" | "count" | "unit", why: string): ScopeError {
  return new ScopeError("ERR_RATE_SPEC", `Invalid rate spec: ${why}`, { reason });
}
