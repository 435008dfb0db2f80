/** Spans as OTLP has them. @module */

import { encodeAttributes, encodeScope, encodeTime } from "./_otlp_values.ts";
import type { Attributes, OtlpSource } from "./_otlp_values.ts";

/** Numbers of `Span.SpanKind`. */
const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** `SpanFlags`: whether the parent is remote is known, and that it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** A span that has ended. */
export interface Span {
  /** What was done. */
  readonly name: string;
  /** `server` for a request that came in, `client` for one that went out. */
  readonly kind: keyof typeof KINDS;
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Span it belongs under; absent at the root of a trace. */
  readonly parentId?: string | undefined;
  /** True when the parent is another program's. */
  readonly isParentRemote: boolean;
  /** Flags of the trace. */
  readonly flags: number;
  /** `tracestate` as it came. */
  readonly traceState?: string | undefined;
  /** Unix milliseconds. */
  readonly startMs: number;
  /** Unix milliseconds. */
  readonly endMs: number;
  /** Facts. No secret, query or header value. */
  readonly attributes: Attributes;
  /** True when what was done failed. */
  readonly hasFailed: boolean;
}

/** Encodes spans as the JSON text of an `ExportTraceServiceRequest`. */
export function encodeSpans(spans: readonly Span[], source: OtlpSource): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: encodeAttributes(source.resource) },
      scopeSpans: [{ scope: encodeScope(source), spans: spans.map(encodeSpan) }],
    }],
  });
}

function encodeSpan(span: Span): Record<string, unknown> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: span.traceState,
    parentSpanId: span.parentId,
    flags: span.flags | HAS_IS_REMOTE | (span.isParentRemote ? IS_REMOTE : 0),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: encodeTime(span.startMs),
    endTimeUnixNano: encodeTime(Math.max(span.startMs, span.endMs)),
    attributes: encodeAttributes(span.attributes),
    status: span.hasFailed ? { code: STATUS_ERROR } : {},
  };
}
