/** One request while it is served: what the gates found, and how it ended. Types, and one word. @module */

import type { StreamEnd } from "../ports.ts";
import type { Decision } from "./decide.ts";
import type { Refusal } from "./problems.ts";
import type { SignatureOutcome } from "./signature_gate.ts";

/** A path that was refused is not repeated: it is whatever the caller wanted to see in the log. */
export const REFUSED_PATH = "(refused)";

/** Where a request stands in its trace (W3C Trace Context). */
export interface ExchangeTrace {
  /** The trace: the caller's, or a new one. */
  readonly traceId: string;
  /** Our part of it. */
  readonly spanId: string;
  /** The caller's part of it; absent where the trace begins here. */
  readonly parentId: string | undefined;
  /** Flags that go on. */
  readonly flags: number;
  /** `tracestate` that goes on. */
  readonly state: string | undefined;
}

/** What was sent to an upstream, for its span. */
export interface ForwardedTrace {
  /** The id the upstream was told as its parent. */
  readonly spanId: string;
  /** When, in Unix milliseconds. */
  readonly startedMs: number;
}

/** One request on its way through the gates. Each gate fills in what it decided. */
export interface Exchange {
  /** Id of the request in answers and log. */
  readonly requestId: string;
  /** Request method. */
  readonly method: string;
  /** When it came, in Unix milliseconds. */
  readonly startedMs: number;
  /** Where it stands in its trace. */
  readonly context: ExchangeTrace;
  /** Canonical path, once there is one. */
  path: string;
  /** Who serves it, once that is decided. */
  decision?: Decision | undefined;
  /** Name of the route that serves it: a provider, or a path pattern of our own. */
  route?: string | undefined;
  /** Subject of the caller's token. */
  subject?: string | undefined;
  /** What the signature gate found; absent where none was looked at. */
  signature?: SignatureOutcome | undefined;
  /** Why it was refused or failed. */
  refusal?: Refusal | undefined;
  /** Set when it goes to an upstream. */
  forwarded?: ForwardedTrace | undefined;
  /** True once an upstream's answer is on its way: the line is then written when it ends. */
  relayed?: boolean | undefined;
  /** Where an unforeseen error came from: function names and lines, never its message. */
  trace?: string | undefined;
}

/** How a request ended. */
export interface ExchangeEnd {
  /** Status of the answer; 101 for a WebSocket. */
  readonly status: number;
  /** When, in Unix milliseconds. */
  readonly endedMs: number;
  /** Label of the route in metrics and spans. */
  readonly label: string;
  /** How the relayed body ended. */
  readonly stream: StreamEnd | undefined;
}
