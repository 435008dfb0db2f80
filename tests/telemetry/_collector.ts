/** A collector on loopback: takes OTLP over HTTP as JSON, keeps it decoded. @module */

import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it came, attributes as a plain object. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number };
}

/** A point of a metric, attributes as a plain object. */
export interface ReceivedPoint {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

/** One post. */
export interface ReceivedPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly atMs: number;
}

/** The collector. */
export interface Collector {
  readonly url: string;
  readonly posts: readonly ReceivedPost[];
  /** Attributes of the program, of the last post. */
  resource(): Readonly<Record<string, unknown>>;
  spans(): ReceivedSpan[];
  /** Points of a metric in the last post that has it. */
  points(name: string): readonly ReceivedPoint[];
  /** Resolves when `isThere` says so; rejects after 20 seconds. */
  waitFor(isThere: () => boolean, what: string): Promise<void>;
  /** Most posts that were open at once. */
  mostOpen(): number;
  close(): Promise<void>;
}

// deno-lint-ignore no-explicit-any
type Json = any;

/** Starts a collector. `answer` may answer otherwise than 200; it returns true when it has. */
export async function startCollector(
  answer: (response: ServerResponse, count: number) => boolean = () => false,
): Promise<Collector> {
  const posts: ReceivedPost[] = [];
  let open = 0;
  let mostOpen = 0;
  const server = createServer((request, response) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.once("close", () => open -= 1);
    void receive(request).then((post) => {
      posts.push(post);
      if (answer(response, posts.length)) return;
      response.setHeader("content-type", "application/json");
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bodies = (path: string): Json[] =>
    posts.filter((post) => post.path === path).map(({ text }) => JSON.parse(text));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    mostOpen: () => mostOpen,
    resource(): Readonly<Record<string, unknown>> {
      const body: Json = JSON.parse(posts.at(-1)?.text ?? "{}");
      const [one] = body.resourceSpans ?? body.resourceMetrics ?? [];
      return readAttributes(one?.resource.attributes ?? []);
    },
    spans: () =>
      bodies("/v1/traces").flatMap((body) =>
        body.resourceSpans.flatMap((resource: Json) =>
          resource.scopeSpans.flatMap((scope: Json) => scope.spans.map(readSpan))
        )
      ),
    points: (name) =>
      bodies("/v1/metrics").flatMap((body) => {
        const metrics: Json[] = body.resourceMetrics[0].scopeMetrics[0].metrics;
        const metric = metrics.find((one) => one.name === name);
        return metric === undefined ? [] : [readPoints(metric)];
      }).at(-1) ?? [],
    async waitFor(isThere, what): Promise<void> {
      const deadline = Date.now() + 20_000;
      while (!isThere()) {
        if (Date.now() > deadline) throw new Error(`No ${what} in ${posts.length} posts`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(request: IncomingMessage): Promise<ReceivedPost> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk;
  return { path: request.url ?? "", headers: request.headers, text, atMs: Date.now() };
}

function readSpan(span: Json): ReceivedSpan {
  for (const time of [span.startTimeUnixNano, span.endTimeUnixNano]) assertInteger(time);
  return { ...span, attributes: readAttributes(span.attributes) };
}

function readPoints(metric: Json): ReceivedPoint[] {
  const { dataPoints, aggregationTemporality } = metric.sum ?? metric.histogram;
  if (aggregationTemporality !== 2) throw new Error("not cumulative");
  if (metric.sum !== undefined && metric.sum.isMonotonic !== true) throw new Error("not monotonic");
  return dataPoints.map((point: Json) => ({
    ...point,
    attributes: readAttributes(point.attributes),
  }));
}

function readAttributes(list: Json[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => {
    const [[type, content] = []] = Object.entries<Json>(value);
    if (type === "intValue") assertInteger(content);
    return [key, type === "intValue" ? Number(content) : content];
  }));
}

/** OTLP's JSON mapping: 64-bit integers are text. */
function assertInteger(value: unknown): void {
  if (typeof value !== "string" || !/^\d+$/.test(value)) throw new Error(`no int64: ${value}`);
}
