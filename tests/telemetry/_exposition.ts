/** A reader of the text format 0.0.4, written from its description alone. It refuses what is not in it. @module */

/** One line of a metric. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its lines. */
export interface Metric {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LINE_REGEXP = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, "s");
const LABEL_REGEXP = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;

/** Reads a text; throws for everything that Prometheus would not take, and checks histograms. */
export function readExposition(text: string): ReadonlyMap<string, Metric> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const metrics = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let current:
    | { name: string; metric: { help: string; type: string; samples: Sample[] } }
    | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        if (metrics.has(name)) throw new Error(`${name} comes twice`);
        const metric = { help: unescape(rest), type: "", samples: [] };
        current = { name, metric };
        metrics.set(name, metric);
      } else {
        if (current?.name !== name) throw new Error(`${name}: TYPE away from its HELP`);
        current.metric.type = rest;
      }
      continue;
    }
    const sample = readSample(line);
    if (current === undefined || !belongs(sample.name, current.name, current.metric.type)) {
      throw new Error(`${sample.name} stands under ${current?.name}`);
    }
    current.metric.samples.push(sample);
  }
  for (const [name, metric] of metrics) check(name, metric);
  return metrics;
}

/** The value of the one line with this name and these labels; `undefined` where there is none. */
export function valueOf(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = name.replace(/_(?:bucket|sum|count)$/, "");
  const metrics = readExposition(text);
  const { samples = [] } = metrics.get(name) ?? metrics.get(family) ?? {};
  return samples.find((sample) => sample.name === name && isSame(sample.labels, labels))?.value;
}

function readSample(line: string): Sample {
  const match = LINE_REGEXP.exec(line);
  if (match === null) throw new Error(`not a line: ${line}`);
  const [, name = "", list = "", value = ""] = match;
  const labels: Record<string, string> = {};
  LABEL_REGEXP.lastIndex = 0;
  while (LABEL_REGEXP.lastIndex < list.length) {
    const pair = LABEL_REGEXP.exec(list);
    if (pair === null) throw new Error(`not labels: ${list}`);
    const [, label = "", content = ""] = pair;
    if (Object.hasOwn(labels, label)) throw new Error(`label ${label} comes twice`);
    labels[label] = unescape(content);
  }
  return { name, labels, value: readNumber(value) };
}

function readNumber(text: string): number {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  if (text === "NaN") return NaN;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) {
    throw new Error(`no number: ${text}`);
  }
  return Number(text);
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, unit: string) => unit === "n" ? "\n" : unit);
}

function belongs(sample: string, name: string, type: string): boolean {
  if (type !== "histogram") return sample === name;
  return [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample);
}

function check(name: string, { type, samples }: Metric): void {
  if (!["counter", "gauge", "histogram"].includes(type)) throw new Error(`${name}: type ${type}`);
  if (type === "counter" && !name.endsWith("_total")) throw new Error(`${name} is a counter`);
  const keys = samples.map((one) =>
    JSON.stringify([one.name, Object.entries(one.labels).toSorted()])
  );
  if (new Set(keys).size !== keys.length) throw new Error(`${name}: a series comes twice`);
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const counts = samples.filter((sample) => sample.name === `${name}_count`);
  for (const { labels, value } of counts) {
    const buckets = samples.filter((sample) => {
      const { le, ...others } = sample.labels;
      return le !== undefined && isSame(others, labels);
    });
    const bounds = buckets.map((bucket) => readNumber(bucket.labels["le"] ?? ""));
    if (bounds.at(-1) !== Infinity) throw new Error(`${name}: no bucket for everything`);
    if (buckets.at(-1)?.value !== value) throw new Error(`${name}: count and buckets differ`);
    buckets.forEach((bucket, index) => {
      const before = buckets[index - 1];
      if (before === undefined) return;
      if (bucket.value < before.value) throw new Error(`${name}: buckets fall`);
      if ((bounds[index] ?? 0) <= (bounds[index - 1] ?? 0)) throw new Error(`${name}: bounds fall`);
    });
  }
}

function isSame(
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
