/**
 * Export of spans and metrics to a collector. Nothing here makes a request wait: spans go into a bounded
 * queue, and what does not fit is dropped and counted.
 *
 * @module
 */

import { EXPORT_FLUSH_MS, MAX_QUEUED_SPANS, MAX_SPAN_BATCH } from "../limits.ts";
import type { Clock, FetchLike, Log } from "../ports.ts";
import { encodeMetrics } from "./otlp_metrics.ts";
import { createSender } from "./otlp_sender.ts";
import type { Sender, SendResult } from "./otlp_sender.ts";
import { encodeSpans } from "./otlp_traces.ts";
import type { Span } from "./otlp_traces.ts";
import { createCounter } from "./metric.ts";
import type { Family } from "./metric.ts";
import type { SignalSettings, TelemetrySettings } from "./settings.ts";

/** What an exporter is made of. */
export interface ExporterInput {
  /** Where to and how. */
  readonly settings: TelemetrySettings;
  /** Version of atikit. */
  readonly version: string;
  /** The families to export; those without an OpenTelemetry name are left out. */
  readonly families: Iterable<Family>;
  /** The runtime's `fetch`. */
  readonly fetch: FetchLike;
  /** Clock. */
  readonly now: Clock;
  /** Told when export begins to fail, and when it works again. */
  readonly log: Log;
}

/** Sends telemetry until it is closed. */
export interface Exporter {
  /** Takes a span that has ended; absent where spans are not exported. */
  readonly record: ((span: Span) => void) | undefined;
  /** Counters of what was exported and dropped. */
  readonly families: readonly Family[];
  /** Sends what is left for at most two seconds, then ends. */
  close(): Promise<void>;
}

/** One kind of telemetry on its way out. */
interface Pipe {
  readonly sender: Sender;
  /** Takes nothing more and sends what is there. */
  finish(): Promise<void>;
}

/** Starts exporting. */
export function createExporter(input: ExporterInput): Exporter {
  const { settings } = input;
  const spans = createCounter({
    name: "ati_telemetry_spans_total",
    help: "Spans by what became of them.",
    labels: ["result"],
  });
  const queue = settings.traces && openSpanQueue(settings.traces, input, {
    exported: spans.child("exported"),
    dropped: spans.child("dropped"),
  });
  const metrics = settings.metrics && openMetricPush(settings.metrics, input);
  const pipes: readonly Pipe[] = [queue, metrics].filter((pipe) => pipe !== undefined);
  return {
    record: queue?.record,
    families: queue === undefined ? [] : [spans],
    async close(): Promise<void> {
      for (const { sender } of pipes) sender.hurry();
      const timer = setTimeout(
        () => pipes.forEach(({ sender }) => sender.abort()),
        EXPORT_FLUSH_MS,
      );
      await Promise.all(pipes.map((pipe) => pipe.finish()));
      clearTimeout(timer);
    },
  };
}

interface SpanCounts {
  readonly exported: { value: number };
  readonly dropped: { value: number };
}

function openSpanQueue(
  signal: SignalSettings,
  input: ExporterInput,
  counts: SpanCounts,
): Pipe & { record(span: Span): void } {
  const { settings } = input;
  const sender = createSender(signal, input);
  const report = createReport("traces", input.log);
  let queue: Span[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;

  async function drain(): Promise<void> {
    stop();
    while (queue.length > 0) {
      const batch = queue.slice(0, MAX_SPAN_BATCH);
      queue = queue.slice(MAX_SPAN_BATCH);
      const result = await sender.send(encodeSpans(batch, describeSource(input)));
      counts[result === "ok" ? "exported" : "dropped"].value += batch.length;
      report(result);
      // One batch that was refused costs a queue's worth of patience; the rest of it is tried later.
      if (result !== "ok") break;
    }
  }

  const flush = shareRun(async () => {
    await drain();
    if (!isStopped && queue.length > 0) arm();
  });

  function arm(): void {
    timer ??= setTimeout(() => void flush(), settings.spanDelayMs);
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    sender,
    async finish(): Promise<void> {
      isStopped = true;
      await flush();
      counts.dropped.value += queue.length;
      queue = [];
    },
    record(span): void {
      if (isStopped || queue.length >= MAX_QUEUED_SPANS) {
        counts.dropped.value += 1;
        return;
      }
      queue.push(span);
      if (flush.isRunning()) return;
      if (queue.length >= MAX_SPAN_BATCH) void flush();
      else arm();
    },
  };
}

function openMetricPush(signal: SignalSettings, input: ExporterInput): Pipe {
  const sender = createSender(signal, input);
  const report = createReport("metrics", input.log);
  const startMs = input.now();
  const flush = shareRun(async () => {
    const times = { startMs, nowMs: input.now() };
    report(await sender.send(encodeMetrics(input.families, times, describeSource(input))));
  });
  const timer = setInterval(() => void flush(), input.settings.metricIntervalMs);
  return {
    sender,
    async finish(): Promise<void> {
      clearInterval(timer);
      // The totals under way are older than the last ones.
      if (flush.isRunning()) await flush();
      await flush();
    },
  };
}

function describeSource({ settings, version }: ExporterInput): {
  resource: Readonly<Record<string, string>>;
  version: string;
} {
  return { resource: settings.resource, version };
}

/** Says when export begins to fail and when it works again, and nothing in between. */
function createReport(signal: "traces" | "metrics", log: Log): (result: SendResult) => void {
  let isFailing = false;
  return (result) => {
    if ((result !== "ok") === isFailing) return;
    isFailing = result !== "ok";
    if (isFailing) log("warn", "telemetry cannot be exported", { signal, reason: result });
    else log("info", "telemetry is exported again", { signal });
  };
}

/** Makes one run of a task be shared by whoever asks for it meanwhile. */
function shareRun(task: () => Promise<void>): (() => Promise<void>) & { isRunning(): boolean } {
  let running: Promise<void> | undefined;
  const run = (): Promise<void> => {
    running ??= task().finally(() => {
      running = undefined;
    });
    return running;
  };
  return Object.assign(run, { isRunning: () => running !== undefined });
}
