/** How the outcome of `ati proxy check` is drawn for people. @module */

import type { AtiError } from "../errors.ts";
import type { KeyringSource } from "../keyring/load.ts";
import type { AddressPolicy } from "../ports.ts";
import type { CheckedTokens, CheckResult } from "../proxy/check.ts";
import type { CheckedRoute } from "../proxy/checked_route.ts";
import type { Notice } from "../proxy/checks.ts";
import type { ProxySettings } from "../proxy/settings.ts";
import { printable, type Table, wrapText } from "./format.ts";
import type { Style } from "./style.ts";

const MAX_WIDTH = 100;
const NO_KEYRING: KeyringSource = "empty (no auth)";
const PRIVATE_ADDRESSES: Readonly<Record<AddressPolicy, string>> = {
  allow: "at private addresses too",
  warn: "at private addresses too, logged where a credential is sent",
  block: "not at private addresses where a credential is sent",
};
// deno-lint-ignore no-control-regex
const COLOR_REGEXP = /\u001b\[\d+m/g;

/** What was checked, and what came of it. */
export interface Checked {
  /** The settings; `undefined` when they could not be read. */
  readonly settings: ProxySettings | undefined;
  /** What came of it. */
  readonly result: CheckResult;
}

/** How the report is drawn. */
export interface ReportLook {
  /** Colours, or none. */
  readonly style: Style;
  /** Columns to wrap at. */
  readonly columns: number;
}

type Served = Extract<CheckResult, { ok: true }>;

/** The lines of the report: what would be served and what is odd, or everything that is wrong. */
export function renderCheck({ settings, result }: Checked, look: ReportLook): string[] {
  const { style } = look;
  if (!result.ok || settings === undefined) {
    const errors = result.ok ? [] : result.errors;
    const title = `${style.red("✗")} ${style.bold("the proxy would not start")}`;
    return [title, "", ...errors.flatMap((error) => [...renderError(error, look), ""])];
  }
  const facts = listFacts(settings, result);
  const width = Math.max(...facts.map(([label]) => label.length));
  return [
    `${style.green("✓")} ${style.bold("the proxy would start")}`,
    "",
    ...facts.flatMap(([label, text]) =>
      indent(text, { head: `  ${style.cyan(label.padEnd(width))}  `, hang: width + 4 }, look)
    ),
    "",
    ...renderRoutes(result.routes, look),
    ...result.notices.flatMap((notice) => [...renderNotice(notice, look), ""]),
  ];
}

/** The routes as a table. */
export function tabulateRoutes(result: CheckResult): Table {
  const routes = result.ok ? result.routes : [];
  return {
    head: ["ROUTE", "TAKES", "UPSTREAM", "AUTH", "SCOPE", "CREDENTIAL", "METHODS", "WEBSOCKETS"],
    rows: routes.map((route) => [
      route.name,
      formatMatch(route),
      route.upstream,
      route.auth,
      route.scope ?? "",
      formatCredential(route),
      formatMethods(route),
      route.websockets ? "yes" : "no",
    ]),
  };
}

function listFacts(
  settings: ProxySettings,
  { startup, tokens, routes }: Served,
): readonly (readonly [label: string, text: string])[] {
  const { mode, driftSeconds, minVersion, exemptPaths } = settings.signature;
  const secret = startup.sig_verify_secret ? "with a secret" : "without a secret";
  return [
    ["Address", startup.addr],
    ["State", startup.ati_dir],
    ["Keyring", startup.keyring === NO_KEYRING ? "none" : startup.keyring],
    ["Tokens", formatTokens(tokens)],
    [
      "Signatures",
      `mode ${mode}, ${secret}, ${driftSeconds} s of drift, version ${minVersion ?? 1} and newer`,
    ],
    ["Exempt", exemptPaths.length === 0 ? "no path" : exemptPaths.join(" ")],
    ["Providers", `${startup.providers}, of which ${routes.length} served as passthrough routes`],
    ["Upstreams", PRIVATE_ADDRESSES[settings.privateAddresses]],
    [
      "Metrics",
      settings.metricsToken === undefined
        ? "for callers on this machine"
        : "for whoever shows the token that is set",
    ],
    ["Telemetry", formatTelemetry(settings)],
    ["Reload", settings.watch ? "on SIGHUP and when files change" : "on SIGHUP"],
  ];
}

/** Where telemetry would go; `null` where none would. A query may hold a key and is left out. */
export function describeTelemetry(
  { telemetry }: ProxySettings,
): Readonly<Record<"traces" | "metrics", string | null>> | null {
  if (telemetry?.traces === undefined && telemetry?.metrics === undefined) return null;
  return { traces: nameTarget(telemetry.traces), metrics: nameTarget(telemetry.metrics) };
}

function nameTarget(signal: { readonly url: string } | undefined): string | null {
  if (signal === undefined) return null;
  const { origin, pathname } = new URL(signal.url);
  return `${origin}${pathname}`;
}

function formatTelemetry(settings: ProxySettings): string {
  const { traces = null, metrics = null } = describeTelemetry(settings) ?? {};
  const targets = [
    ...traces === null ? [] : [`spans to ${traces}`],
    ...metrics === null ? [] : [`metrics to ${metrics}`],
  ];
  return targets.join(", ") || "nothing is exported";
}

function formatTokens(tokens: CheckedTokens | null): string {
  if (tokens === null) return "no keys: token authentication is disabled";
  const { algorithm, keys, audiences, issuer } = tokens;
  const count = keys === 1 ? "1 key" : `${keys} keys`;
  const from = issuer === null ? "any issuer" : `issuer ${issuer}`;
  return `${algorithm}, ${count}, audience ${audiences.join(" or ")}, ${from}`;
}

function renderRoutes(routes: readonly CheckedRoute[], look: ReportLook): string[] {
  if (routes.length === 0) return [];
  const { style } = look;
  const width = Math.max(...routes.map(({ name }) => name.length));
  const hang = width + 4;
  return routes.flatMap((route) => {
    const name = style.bold(printable(route.name));
    const head = `  ${name}${" ".repeat(width - route.name.length)}  `;
    const details = [formatCaller(route), formatCredential(route), formatMethods(route)];
    if (route.websockets) details.push("WebSockets");
    return [
      ...indent(`${formatMatch(route)} → ${route.upstream}`, { head, hang }, look),
      ...indent(details.join("; "), { head: " ".repeat(hang), hang }, look),
      "",
    ];
  });
}

function formatMatch({ host, path_prefix: prefix }: CheckedRoute): string {
  return host === null && prefix === null ? "every path" : `${host ?? ""}${prefix ?? ""}`;
}

function formatCaller({ auth, scope }: CheckedRoute): string {
  const token = `token with scope ${scope}`;
  switch (auth) {
    case "signature":
      return "signature";
    case "jwt":
      return token;
    case "signature+jwt":
      return `signature and ${token}`;
    case "any":
      return `signature or ${token}`;
  }
}

function formatCredential({ credential, extra_headers: extra }: CheckedRoute): string {
  const others = extra.length === 0 ? "" : `, sets ${extra.join(", ")}`;
  if (credential === null) return `no credential${others}`;
  const { type, name, entry, present } = credential;
  const way = type === "header" || type === "query" ? `${type} ${name}` : type;
  return `${way} from ${entry}${present ? "" : " (missing)"}${others}`;
}

function formatMethods({ methods }: CheckedRoute): string {
  return methods === null ? "every method" : methods.join(" ");
}

function renderNotice({ level, message, fields }: Notice, look: ReportLook): string[] {
  const { style } = look;
  const { hint, ...others } = fields;
  const color = level === "error" ? style.red : style.yellow;
  const details = Object.entries({ ...others, hint }).filter(([, value]) => value !== undefined);
  return [
    ...indent(message, { head: `${color("warning:")} `, hang: 2 }, look),
    ...details.flatMap(([name, value]) =>
      indent(toText(value), { head: `  ${style.cyan(`${name}:`)} `, hang: 4 }, look)
    ),
  ];
}

function renderError(error: AtiError, look: ReportLook): string[] {
  const { style } = look;
  const [first = "", ...more] = error.message.split("\n");
  return [
    ...indent(first, { head: `${style.red("error:")} `, hang: 2 }, look),
    ...more.flatMap((line) => indent(line, { head: "  ", hang: 4 }, look)),
    ...(error.hint === undefined
      ? []
      : indent(error.hint, { head: `  ${style.cyan("hint:")} `, hang: 4 }, look)),
  ];
}

function toText(value: unknown): string {
  if (Array.isArray(value)) return value.map(toText).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function indent(
  text: string,
  { head, hang }: { readonly head: string; readonly hang: number },
  { columns }: ReportLook,
): string[] {
  const width = Math.min(columns, MAX_WIDTH);
  // Colours take no room on the screen. The first line begins behind the head, the others where they
  // hang: what the head is longer is made part of the first word.
  const lead = head.replace(COLOR_REGEXP, "").length;
  const excess = Math.max(lead - hang, 0);
  const [first = "", ...rest] = wrapText("x".repeat(excess) + printable(text), width - hang);
  return [head + first.slice(excess), ...rest.map((line) => " ".repeat(hang) + line)];
}
