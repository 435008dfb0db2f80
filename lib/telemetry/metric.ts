/**
 * Counters, gauges and histograms that cost an addition to update.
 *
 * A family is a name with label names; a child of it is one series, found once by its label values and
 * then kept by whoever counts. Nothing is computed until somebody reads the families.
 *
 * @module
 */

/** What every family says of itself. */
export interface FamilyOptions {
  /** Name as Prometheus has it: letters, digits and `_`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  /** Names of the labels, in the order in which children are asked for. */
  readonly labels?: readonly string[] | undefined;
  /** How the family is exported by OpenTelemetry; absent: not at all. */
  readonly otlp?: OtlpNaming | undefined;
}

/** A family in the words of OpenTelemetry. */
export interface OtlpNaming {
  /** Name of the metric. */
  readonly name: string;
  /** Unit, for example `ms` or `{request}`. */
  readonly unit: string;
  /** Names of the attributes, in the order of the labels. */
  readonly attributes: readonly string[];
  /** What values are multiplied with on their way out, for example 1000 from seconds to `ms`; default 1. */
  readonly scale?: number | undefined;
}

/** A series with one number. */
export interface NumberChild {
  /** Values of the labels. */
  readonly labels: readonly string[];
  /** The number: to be added to by whoever counts. */
  value: number;
}

/** A series that counts observations by size. */
export interface HistogramChild {
  /** Values of the labels. */
  readonly labels: readonly string[];
  /** Observations of each bucket, not added up; the last is everything beyond the bounds. */
  readonly counts: Float64Array;
  /** All observations added up. */
  sum: number;
}

/** A family of counters or gauges. */
export interface NumberFamily extends FamilyOptions {
  /** `counter` only grows, `gauge` goes either way. */
  readonly type: "counter" | "gauge";
  /** The series with these label values, made when it is asked for first. */
  child(...labels: readonly string[]): NumberChild;
  /** Every series, in the order of making. */
  children(): Iterable<NumberChild>;
}

/** A family of histograms. */
export interface HistogramFamily extends FamilyOptions {
  /** The kind of family. */
  readonly type: "histogram";
  /** Upper bounds of the buckets, inclusive, rising; beyond them is one more bucket. */
  readonly bounds: readonly number[];
  /** The series with these label values, made when it is asked for first. */
  child(...labels: readonly string[]): HistogramChild;
  /** Every series, in the order of making. */
  children(): Iterable<HistogramChild>;
}

/** Any family. */
export type Family = NumberFamily | HistogramFamily;

/** Makes a family of counters. */
export function createCounter(options: FamilyOptions): NumberFamily {
  return { ...options, type: "counter", ...createChildren(createNumber) };
}

/** Makes a family of gauges. */
export function createGauge(options: FamilyOptions): NumberFamily {
  return { ...options, type: "gauge", ...createChildren(createNumber) };
}

/** Makes a family with one series whose number is asked for whenever it is read. */
export function createReading(
  type: NumberFamily["type"],
  options: FamilyOptions,
  read: () => number,
): NumberFamily {
  const only: NumberChild = {
    labels: [],
    get value(): number {
      return read();
    },
    set value(_: number) {
      throw new TypeError("Cannot set a reading: it is what it is");
    },
  };
  return { ...options, type, child: () => only, children: () => [only] };
}

/** Makes a family of histograms. */
export function createHistogram(
  options: FamilyOptions & { readonly bounds: readonly number[] },
): HistogramFamily {
  const size = options.bounds.length + 1;
  return {
    ...options,
    type: "histogram",
    ...createChildren((labels) => ({ labels, counts: new Float64Array(size), sum: 0 })),
  };
}

/** Counts an observation. */
export function observe(child: HistogramChild, bounds: readonly number[], value: number): void {
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
  child.counts[bucket]! += 1;
  child.sum += value;
}

function createNumber(labels: readonly string[]): NumberChild {
  return { labels, value: 0 };
}

function createChildren<Child>(
  create: (labels: readonly string[]) => Child,
): { child(...labels: readonly string[]): Child; children(): Iterable<Child> } {
  const known = new Map<string, Child>();
  return {
    child(...labels): Child {
      // JSON keeps ["a,b"] and ["a","b"] apart.
      const key = JSON.stringify(labels);
      let child = known.get(key);
      if (child === undefined) {
        child = create(labels);
        known.set(key, child);
      }
      return child;
    },
    children: () => known.values(),
  };
}
