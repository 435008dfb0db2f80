/**
 * Metrics as text, in the format that Prometheus reads: version 0.0.4.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/ | Exposition formats}
 *
 * @module
 */

import type { Family, HistogramChild, HistogramFamily } from "./metric.ts";

/** Content type of the text. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Formats families, each with its `HELP` and `TYPE`; a family without series is left out. */
export function formatPrometheus(families: Iterable<Family>): string {
  let text = "";
  for (const family of families) {
    const lines = family.type === "histogram" ? formatHistograms(family) : formatNumbers(family);
    if (lines === "") continue;
    text += `# HELP ${family.name} ${
      escapeHelp(family.help)
    }\n# TYPE ${family.name} ${family.type}\n`;
    text += lines;
  }
  return text;
}

function formatNumbers(family: Exclude<Family, HistogramFamily>): string {
  let lines = "";
  for (const { labels, value } of family.children()) {
    lines += `${family.name}${formatLabels(family.labels, labels)} ${formatNumber(value)}\n`;
  }
  return lines;
}

function formatHistograms(family: HistogramFamily): string {
  let lines = "";
  for (const child of family.children()) lines += formatHistogram(family, child);
  return lines;
}

function formatHistogram({ name, labels, bounds }: HistogramFamily, child: HistogramChild): string {
  let lines = "";
  let count = 0;
  child.counts.forEach((own, index) => {
    count += own;
    const bound = bounds[index];
    const le = `le="${bound === undefined ? "+Inf" : formatNumber(bound)}"`;
    lines += `${name}_bucket${formatLabels(labels, child.labels, le)} ${formatNumber(count)}\n`;
  });
  const set = formatLabels(labels, child.labels);
  return `${lines}${name}_sum${set} ${formatNumber(child.sum)}\n` +
    `${name}_count${set} ${formatNumber(count)}\n`;
}

function formatLabels(
  names: readonly string[] = [],
  values: readonly string[],
  last?: string,
): string {
  const pairs = names.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`);
  if (last !== undefined) pairs.push(last);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
