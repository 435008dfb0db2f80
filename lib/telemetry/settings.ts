/**
 * What OpenTelemetry's own variables say about export. Nothing is exported unless an endpoint is named.
 *
 * @see {@link https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ | SDK variables}
 * @see {@link https://opentelemetry.io/docs/specs/otel/protocol/exporter/ | Exporter variables}
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import {
  DEFAULT_EXPORT_TIMEOUT_MS,
  DEFAULT_METRIC_INTERVAL_MS,
  DEFAULT_SPAN_DELAY_MS,
  MAX_TIMER_MS,
} from "../limits.ts";
import type { Env, HeaderList } from "../ports.ts";

/** Name of a sampler, as `OTEL_TRACES_SAMPLER` spells it. */
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** Where and how one kind of telemetry is sent. */
export interface SignalSettings {
  /** Absolute URL that is posted to. */
  readonly url: string;
  /** Header fields of each export, names in lower case. May hold credentials. */
  readonly headers: HeaderList;
  /** How long an answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** What is exported, and how. */
export interface TelemetrySettings {
  /** Export of spans; absent: none. */
  readonly traces?: SignalSettings | undefined;
  /** Export of metrics; absent: none. */
  readonly metrics?: SignalSettings | undefined;
  /** Attributes of this program, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>;
  /** Which traces are recorded. */
  readonly sampler: SamplerName;
  /** Part of the traces that a `traceidratio` sampler records, from 0 to 1. */
  readonly ratio: number;
  /** How long spans are gathered, in milliseconds. */
  readonly spanDelayMs: number;
  /** Time between two exports of metrics, in milliseconds. */
  readonly metricIntervalMs: number;
  /** True: Protocol Buffers were asked for. JSON is sent, which collectors take on the same port. */
  readonly wantsProtobuf: boolean;
}

type Signal = "TRACES" | "METRICS";

const SAMPLER_NAMES: readonly SamplerName[] = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
];
const SIGNALS: readonly Signal[] = ["TRACES", "METRICS"];
const PREFIX = "OTEL_EXPORTER_OTLP_";
const DEFAULT_SERVICE_NAME = "ati-proxy";
const HEADER_NAME_REGEXP = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110 §5.5, without what is not ASCII: `fetch` of some runtimes takes nothing else.
const HEADER_VALUE_REGEXP = /^[\t\x20-\x7e]*$/;
const DIGITS_REGEXP = /^[0-9]{1,10}$/;
const RATIO_REGEXP = /^(?:0(?:\.[0-9]{1,17})?|1(?:\.0{1,17})?|\.[0-9]{1,17})$/;

/**
 * Parses the settings of telemetry.
 *
 * @param env Environment variables.
 * @returns The settings; `undefined` when no endpoint is named, when `OTEL_SDK_DISABLED` is `true`, or
 * when neither traces nor metrics go to OTLP.
 * @throws {ConfigError} `ERR_CONFIG` naming the variable, never its value: a protocol that is not
 * spoken here (`grpc`), a malformed URL, header list, number or attribute list.
 */
export function parseTelemetrySettings(env: Env): TelemetrySettings | undefined {
  if (read(env, "OTEL_SDK_DISABLED")?.toLowerCase() === "true") return undefined;
  const traces = parseSignal(env, "TRACES");
  const metrics = parseSignal(env, "METRICS");
  if (traces === undefined && metrics === undefined) return undefined;
  return {
    traces,
    metrics,
    resource: parseResource(env),
    sampler: parseSampler(env),
    ratio: parseRatio(env),
    spanDelayMs: parseMs(env, "OTEL_BSP_SCHEDULE_DELAY", DEFAULT_SPAN_DELAY_MS),
    metricIntervalMs: parseMs(env, "OTEL_METRIC_EXPORT_INTERVAL", DEFAULT_METRIC_INTERVAL_MS),
    wantsProtobuf: checkProtocols(env),
  };
}

function parseSignal(env: Env, signal: Signal): SignalSettings | undefined {
  // Programs export elsewhere too: what does not name `otlp` is not ours to send.
  const exporters = read(env, `OTEL_${signal}_EXPORTER`)?.toLowerCase().split(",");
  if (exporters?.some((name) => name.trim() === "otlp") === false) return undefined;
  const url = parseEndpoint(env, signal);
  if (url === undefined) return undefined;
  const timeout = `${PREFIX}TIMEOUT`;
  const common = parseMs(env, timeout, DEFAULT_EXPORT_TIMEOUT_MS);
  return {
    url,
    headers: parseHeaders(env, signal),
    timeoutMs: parseMs(env, `${PREFIX}${signal}_TIMEOUT`, common),
  };
}

function parseEndpoint(env: Env, signal: Signal): string | undefined {
  const own = `${PREFIX}${signal}_ENDPOINT`;
  const text = read(env, own);
  // A signal's own endpoint is used as it stands, the common one is a base (OTLP exporter, "Endpoint URLs").
  if (text !== undefined) return parseUrl(text, own).href;
  const common = `${PREFIX}ENDPOINT`;
  const base = read(env, common);
  if (base === undefined) return undefined;
  const url = parseUrl(base, common);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/${signal.toLowerCase()}`;
  return url.href;
}

function parseUrl(text: string, variable: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`Cannot read ${variable}: not an http or https URL`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new ConfigError(`Cannot read ${variable}: a URL with user or password is not taken`, {
      hint: `put credentials into ${PREFIX}HEADERS`,
    });
  }
  url.hash = "";
  return url;
}

/** True when Protocol Buffers are asked for anywhere. */
function checkProtocols(env: Env): boolean {
  const variables = [
    `${PREFIX}PROTOCOL`,
    ...SIGNALS.map((signal) => `${PREFIX}${signal}_PROTOCOL`),
  ];
  const protocols = variables.map((variable) => {
    const protocol = read(env, variable)?.toLowerCase();
    if (protocol === undefined || ["http/json", "http/protobuf"].includes(protocol)) {
      return protocol;
    }
    throw new ConfigError(`Cannot read ${variable}: not one of http/json, http/protobuf`, {
      hint: "collectors take OTLP over HTTP on port 4318; gRPC (port 4317) is not spoken here",
    });
  });
  return protocols.includes("http/protobuf");
}

function parseHeaders(env: Env, signal: Signal): HeaderList {
  const own = `${PREFIX}${signal}_HEADERS`;
  const variable = read(env, own) === undefined ? `${PREFIX}HEADERS` : own;
  return parsePairs(env, variable).map(([name, value]) => {
    if (!HEADER_NAME_REGEXP.test(name) || !HEADER_VALUE_REGEXP.test(value)) {
      throw malformed(variable);
    }
    return [name.toLowerCase(), value];
  });
}

function parseResource(env: Env): Readonly<Record<string, string>> {
  const given = Object.fromEntries(parsePairs(env, "OTEL_RESOURCE_ATTRIBUTES"));
  const name = read(env, "OTEL_SERVICE_NAME") ?? given["service.name"] ?? DEFAULT_SERVICE_NAME;
  return { ...given, "service.name": name };
}

/** `a=b,c=d`, values percent-encoded (W3C Baggage). */
function parsePairs(env: Env, variable: string): (readonly [name: string, value: string])[] {
  const entries = (read(env, variable) ?? "").split(",").map((entry) => entry.trim());
  return entries.filter((entry) => entry !== "").map((entry) => {
    const equals = entry.indexOf("=");
    if (equals < 1) throw malformed(variable);
    return [
      decode(entry.slice(0, equals).trim(), variable),
      decode(entry.slice(equals + 1).trim(), variable),
    ];
  });
}

function decode(text: string, variable: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(variable); // the error of the platform quotes nothing, but says nothing either
  }
}

function malformed(variable: string): ConfigError {
  return new ConfigError(`Cannot read ${variable}: malformed list`, {
    hint: "write name=value,name=value with values percent-encoded",
  });
}

function parseSampler(env: Env): SamplerName {
  const name = read(env, "OTEL_TRACES_SAMPLER")?.toLowerCase() ?? "parentbased_always_on";
  const known = SAMPLER_NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new ConfigError(
    `Cannot read OTEL_TRACES_SAMPLER: not one of ${SAMPLER_NAMES.join(", ")}`,
  );
}

function parseRatio(env: Env): number {
  const text = read(env, "OTEL_TRACES_SAMPLER_ARG");
  if (text === undefined) return 1;
  if (RATIO_REGEXP.test(text)) return Number(text);
  throw new ConfigError("Cannot read OTEL_TRACES_SAMPLER_ARG: not a number from 0 to 1");
}

function parseMs(env: Env, variable: string, otherwise: number): number {
  const text = read(env, variable);
  if (text === undefined) return otherwise;
  const ms = DIGITS_REGEXP.test(text) ? Number(text) : 0;
  if (ms >= 1 && ms <= MAX_TIMER_MS) return ms;
  throw new ConfigError(`Cannot read ${variable}: not a whole number of milliseconds from 1 up`);
}

function read(env: Env, variable: string): string | undefined {
  const value = env.get(variable)?.trim();
  return value === "" ? undefined : value;
}
