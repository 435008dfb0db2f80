/**
 * W3C Trace Context: which trace a request belongs to, as two header fields say it.
 *
 * Both fields are the client's to choose. A trace id says nothing about who is calling; what is taken
 * over is bounded in length and alphabet.
 *
 * @see {@link https://www.w3.org/TR/trace-context-2/ | Trace Context level 2}
 *
 * @module
 */

import { MAX_TRACESTATE_CHARS, MAX_TRACESTATE_MEMBERS } from "../limits.ts";

/** Bit of the flags: the caller may have recorded its part of the trace. */
export const SAMPLED_FLAG = 0x01;
/** Bit of the flags: the trace id is random, so that samplers may decide by its digits. */
export const RANDOM_FLAG = 0x02;

/** The part of a trace that a `traceparent` names. */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** Span of the caller: 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** {@link SAMPLED_FLAG} and {@link RANDOM_FLAG}; bits that mean nothing yet are 0. */
  readonly flags: number;
}

const VERSION_00_CHARS = 55;
const TRACEPARENT_REGEXP = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const NO_TRACE_ID = "0".repeat(32);
const NO_SPAN_ID = "0".repeat(16);
const MEMBER_REGEXP =
  /^([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
/** §3.3.1.5 of the recommendation: members longer than this are the first to go. */
const LONG_MEMBER_CHARS = 128;

/**
 * Parses a `traceparent`.
 *
 * A version that is not known yet is read as far as it is laid out like version 00 (§4.3); of its
 * flags only the sampled bit is taken.
 *
 * @param value The field's value; `null` where there is none. Two fields joined by a comma are none.
 * @returns The parent, or `undefined` where a new trace begins.
 */
export function parseTraceparent(value: string | null): TraceParent | undefined {
  if (value === null) return undefined;
  const match = TRACEPARENT_REGEXP.exec(value);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags] = match as unknown as readonly string[] as [
    string,
    string,
    string,
    string,
    string,
  ];
  const isKnown = version === "00";
  if (version === "ff" || (isKnown && value.length !== VERSION_00_CHARS)) return undefined;
  if (traceId === NO_TRACE_ID || spanId === NO_SPAN_ID) return undefined;
  const known = isKnown ? SAMPLED_FLAG | RANDOM_FLAG : SAMPLED_FLAG;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & known };
}

/** Formats a `traceparent` of version 00. */
export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-0${flags & (SAMPLED_FLAG | RANDOM_FLAG)}`;
}

/**
 * What of a `tracestate` is handed on: the members as they stand, without empty ones. One that cannot
 * be read makes the whole field worth nothing (§3.3.1.1). Beyond 512 characters members are left out:
 * long ones first, then from the end.
 *
 * @param value The field's value, several fields joined by commas; `null` where there is none.
 * @returns The value to send; `undefined` for none.
 */
export function relayTracestate(value: string | null): string | undefined {
  if (value === null || value === "") return undefined;
  // Longer than any state that the recommendation allows: not worth taking apart.
  if (value.length > MAX_TRACESTATE_MEMBERS * (LONG_MEMBER_CHARS * 4 + 4)) return undefined;
  const members = value.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  if (members.length === 0 || members.length > MAX_TRACESTATE_MEMBERS) return undefined;
  const keys = new Set(members.map((member) => MEMBER_REGEXP.exec(member)?.[1]));
  if (keys.has(undefined) || keys.size !== members.length) return undefined;
  return fit(members);
}

function fit(members: readonly string[]): string | undefined {
  let kept = members;
  if (kept.join(",").length > MAX_TRACESTATE_CHARS) {
    kept = kept.filter((member) => member.length <= LONG_MEMBER_CHARS);
  }
  while (kept.join(",").length > MAX_TRACESTATE_CHARS) kept = kept.slice(0, -1);
  return kept.length === 0 ? undefined : kept.join(",");
}
