/**
 * The log as JSON lines: one object a line, flat fields, nothing that makes the writer wait.
 *
 * @module
 */

import type { Clock, LineSink, Log, LogLevel } from "../ports.ts";

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
// JSON leaves these as they are; a terminal would act on C1 controls, a viewer would break the line.
const UNPRINTABLE_REGEXP = /[\u007f-\u009f\u2028\u2029]/g;

// Nothing that JSON, a terminal or a viewer would read as anything but itself.
const PLAIN_REGEXP = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** Options of {@link createJsonLog}. */
export interface JsonLogOptions {
  /** Lowest level that is written; default `info`. */
  readonly level?: LogLevel | undefined;
  /** Clock of the `timestamp` field; default `Date.now`. */
  readonly now?: Clock | undefined;
}

/**
 * Makes a log that writes JSON lines: `timestamp` (RFC 3339, UTC), `level` (upper case, as the
 * reference), `message`, then the record's own fields, but for those of these three names.
 *
 * Lines the sink had to drop are counted; the count is written as a line of its own (`dropped`
 * since the last such line, `dropped_total`) as soon as the sink takes lines again.
 *
 * Values are written as they are: what must not be in a log must not be handed to it.
 *
 * @param sink Where lines go; never blocks.
 * @param options Level and clock.
 * @returns The log. It never throws, whatever the fields hold.
 *
 * @example Usage
 * ```ts
 * import { createJsonLog } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const lines: string[] = [];
 * const sink = {
 *   write: (line: string) => lines.push(line) > 0,
 *   dropped: () => 0,
 *   flush: () => Promise.resolve(),
 * };
 * createJsonLog(sink, { now: () => 0 })("info", "ready", { port: 8090 });
 * assert.equal(
 *   lines[0],
 *   '{"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"ready","port":8090}',
 * );
 * ```
 */
export function createJsonLog(sink: LineSink, options: JsonLogOptions = {}): Log {
  const { level: lowest = "info", now = Date.now } = options;
  const stampTime = createTimeStamps();
  let reported = 0;

  function write(level: LogLevel, message: string, fields?: LogFields): boolean {
    const timestamp = stampTime(now());
    return sink.write(formatLine({ timestamp, level: level.toUpperCase(), message }, fields));
  }

  function reportDropped(): void {
    const total = sink.dropped();
    if (total === reported) return;
    const fields = { dropped: total - reported, dropped_total: total };
    if (write("warn", "log lines dropped", fields)) reported = total;
  }

  return (level, message, fields) => {
    if (SEVERITY[level] < SEVERITY[lowest]) return;
    if (write(level, message, fields)) reportDropped();
  };
}

type LogFields = Readonly<Record<string, unknown>>;

const HEAD_NAMES: ReadonlySet<string> = new Set(["timestamp", "level", "message"]);

interface LineHead {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
}

/** Formats times; many lines of a busy proxy share a millisecond. */
function createTimeStamps(): (timeMs: number) => string {
  let lastMs = Number.NaN;
  let last = "";
  return (timeMs) => {
    if (timeMs !== lastMs) {
      lastMs = timeMs;
      last = new Date(timeMs).toISOString();
    }
    return last;
  };
}

function formatLine(head: LineHead, fields: LogFields | undefined): string {
  const { timestamp, level, message } = head;
  const start = `{"timestamp":${quote(timestamp)},"level":${quote(level)},"message":${
    quote(message)
  }`;
  try {
    return `${start}${formatFields(fields ?? {})}}`;
  } catch {
    // A value that JSON cannot hold (a cycle, a bigint, a throwing `toJSON`) costs the fields, never
    // the line: its text may be anything, so it is not looked at.
    return `${start},"unloggable":true}`;
  }
}

// By hand: the engine's own writer takes four times as long over a record of twenty members, most of
// them absent.
function formatFields(fields: LogFields): string {
  let text = "";
  for (const name of Object.keys(fields)) {
    const json = HEAD_NAMES.has(name) ? undefined : formatValue(fields[name]);
    if (json !== undefined) text += `,${quote(name)}:${json}`;
  }
  return text;
}

function formatValue(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return Number.isFinite(value) ? String(value) : "null";
    case "undefined":
      return undefined;
    default:
      return JSON.stringify(value)?.replace(UNPRINTABLE_REGEXP, escapeUnit);
  }
}

function quote(text: string): string {
  if (PLAIN_REGEXP.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(UNPRINTABLE_REGEXP, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
