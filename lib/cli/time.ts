/** Durations and points in time, as typed and as shown. @module */

import { usageError } from "./options.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const DURATION_REGEXP = /^(\d{1,12})([smhdw]?)$/;
const RFC_3339_REGEXP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Parses a duration: seconds, or a number with a unit (`90s`, `30m`, `1h`, `7d`, `2w`).
 *
 * @returns Seconds, a positive whole number.
 * @throws {AtiError} `ERR_USAGE` for anything else; names the option.
 */
export function parseDuration(text: string, option: string): number {
  const match = DURATION_REGEXP.exec(text.trim());
  const seconds = Number(match?.[1]) * (UNITS[match?.[2] || "s"] ?? 1);
  if (match === null || seconds <= 0 || !Number.isSafeInteger(seconds)) {
    throw usageError(`${option} is not a duration`, "write seconds or 90s, 30m, 1h, 7d");
  }
  return seconds;
}

/**
 * Parses a point in time: Unix seconds, RFC 3339, or `+` and a duration from now.
 *
 * @returns Unix seconds.
 * @throws {AtiError} `ERR_USAGE` for anything else; names the option.
 */
export function parseTime(text: string, option: string, nowMs: number): number {
  const trimmed = text.trim();
  if (trimmed.startsWith("+")) {
    return Math.floor(nowMs / 1000) + parseDuration(trimmed.slice(1), option);
  }
  if (/^\d{1,11}$/.test(trimmed)) return Number(trimmed);
  const parsed = RFC_3339_REGEXP.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  if (Number.isNaN(parsed)) {
    throw usageError(
      `${option} is not a point in time`,
      "write +5m, Unix seconds or 2026-05-20T10:30:00Z",
    );
  }
  return Math.floor(parsed / 1000);
}

/** Unix seconds as `2026-05-20T10:30:00Z`; as the bare number where no calendar date exists. */
export function formatTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : `${date.toISOString().slice(0, -5)}Z`;
}

/** Seconds as `2h 05m`, under an hour as the reference does: `0h 29m`. */
export function formatRemaining(seconds: number): string {
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}
