/** Which traces are recorded: the samplers of OpenTelemetry. @module */

import type { SamplerName } from "./settings.ts";
import { SAMPLED_FLAG } from "./trace_context.ts";
import type { TraceParent } from "./trace_context.ts";

/** Decides whether a trace is recorded, from its id and the caller's part of it. */
export type Sampler = (traceId: string, parent: TraceParent | undefined) => boolean;

/** Digits of a trace id that are compared: 52 bits, as many as a number holds exactly. */
const COMPARED_DIGITS = 13;
// W3C Trace Context level 2 §3.2.2.3.2: the last 14 digits are the random ones.
const FIRST_RANDOM_DIGIT = 18;

/**
 * Makes a sampler.
 *
 * @param name Which one. `parentbased_*` does as the caller did and decides alone only where a trace
 * begins here.
 * @param ratio For `*traceidratio`: which part of the traces, from 0 to 1. The same traces as other
 * OpenTelemetry samplers of that ratio choose.
 */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  const isParentBased = name.startsWith("parentbased_");
  const root = createRoot(name, ratio);
  if (!isParentBased) return root;
  return (traceId, parent) =>
    parent === undefined ? root(traceId, parent) : (parent.flags & SAMPLED_FLAG) !== 0;
}

function createRoot(name: SamplerName, ratio: number): Sampler {
  if (name.endsWith("always_on")) return () => true;
  if (name.endsWith("always_off")) return () => false;
  const threshold = (1 - ratio) * 16 ** COMPARED_DIGITS;
  const end = FIRST_RANDOM_DIGIT + COMPARED_DIGITS;
  return (traceId) => Number.parseInt(traceId.slice(FIRST_RANDOM_DIGIT, end), 16) >= threshold;
}
