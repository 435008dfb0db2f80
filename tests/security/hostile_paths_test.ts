import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isAtiError } from "../../lib/errors.ts";
import { canonicalizeTarget } from "../../lib/passthrough/canonical_path.ts";
import { forward } from "../../lib/passthrough/forward.ts";
import { compileGlobs } from "../../lib/passthrough/glob.ts";
import { createRouteTable, matchRoute } from "../../lib/passthrough/route_table.ts";
import type { PassthroughProvider } from "../../lib/passthrough/route_table.ts";
import type { UpstreamRequest } from "../../lib/ports.ts";
import { KEYRING, makeProvider, SECRET } from "../passthrough/_provider.ts";
import { serve, SERVER_MODELS } from "./_servers.ts";

const PROTECTED: Partial<PassthroughProvider> = {
  auth_type: "bearer",
  auth_key_name: "api_key",
  deny_paths: ["/config/*"],
  forward_authorization_paths: ["/v1/*"],
};

interface Outcome {
  /** What was sent upstream; absent when nothing was. */
  readonly sent?: UpstreamRequest | undefined;
  /** Why nothing was sent. */
  readonly refusal?: string | undefined;
}

/** Takes a raw target the whole way, as the proxy does: canonical path, route, forward. */
async function attempt(
  rawTarget: string,
  providers: readonly Partial<PassthroughProvider>[] = [PROTECTED],
  host = "localhost",
): Promise<Outcome> {
  const result = canonicalizeTarget(rawTarget);
  if (!result.ok) return { refusal: result.reason };
  const table = createRouteTable(providers.map(makeProvider), KEYRING);
  const route = matchRoute(table, { host, path: result.target.path });
  if (route === undefined) return { refusal: "no_route" };
  let sent: UpstreamRequest | undefined;
  const headers = { authorization: "Bearer caller" };
  const request = new Request("http://localhost/", { headers });
  try {
    await forward({ route, request, target: result.target }, {
      upstream: (one) => {
        sent = one;
        return Promise.resolve({
          status: 200,
          statusText: "",
          headers: [],
          respond: () => new Response(),
          cancel: () => {},
        });
      },
    });
  } catch (error) {
    if (!isAtiError(error)) throw error;
    assert.equal(sent, undefined, "it was refused after it was sent");
    return { refusal: error.reason };
  }
  return { sent };
}

function pathOf(sent: UpstreamRequest): string {
  return new URL(sent.url).pathname;
}

function injects(sent: UpstreamRequest): boolean {
  return JSON.stringify(sent.headers).includes(SECRET) || sent.url.includes(SECRET);
}

/** Asserts that no server behind the proxy could serve what is denied, or what lies outside. */
function assertHarmless(rawTarget: string, { sent }: Outcome): void {
  if (sent === undefined) return;
  const path = pathOf(sent);
  assert.equal(new URL(sent.url).origin, "http://upstream.example");
  for (const model of SERVER_MODELS) {
    const served = serve(path, model);
    const about = `${JSON.stringify(rawTarget)} -> ${path} -> ${served}`;
    assert.ok(served === "/base" || served.startsWith("/base/"), `left the base: ${about}`);
    assert.doesNotMatch(served, /^\/base\/config(?:\/|$)/, `denied path: ${about}`);
    // The caller's own key belongs on these paths; ours must never come in its place.
    if (/^\/base\/v1\//.test(served)) assert.ok(!injects(sent), `credential: ${about}`);
  }
}

// Spec 8.11 and its neighbours; `sent` gives the path the upstream sees.
const ROWS: readonly (readonly [rawTarget: string, outcome: { sent: string } | string])[] = [
  ["/x/v1/../config/y", "dot_segment"],
  ["/x/v1/%2e%2e/config/y", "dot_segment"],
  ["/x/v1/.%2E/config/y", "dot_segment"],
  ["/x/../admin", "dot_segment"],
  ["/x/%2e%2e/%2e%2e/admin", "dot_segment"],
  ["/x/./config/y", "dot_segment"],
  ["/x/%2e/config/y", "dot_segment"],
  ["/x/v1/..;/config/y", "dot_segment"],
  ["/x/v1/..;a=b/config/y", "dot_segment"],
  ["/x/v1/..%3ba=b/config/y", "dot_segment"],
  ["/x/v1/.;/../config", "dot_segment"],
  ["/x/v1/%252e%252e/config/y", "dot_segment"],
  ["/x/v1/%25252e%25252e/config/y", "dot_segment"],
  ["/x/v1/..%252fconfig/y", "dot_segment"],
  ["/x/v1/..%255cconfig/y", "dot_segment"],
  ["/x/v1/..%2fconfig/y", "dot_segment"],
  ["/x/..", "dot_segment"],
  ["/x/v1/..", "dot_segment"],
  ["/x/..%20/admin", "dot_segment"],
  ["/x/..%2500/admin", "dot_segment"],
  ["/x/\\..\\admin", "backslash"],
  ["/x/..\\admin", "backslash"],
  ["/x\\config\\y", "backslash"],
  ["/x/..%5cadmin", "backslash"],
  ["/x/%5c..%5cadmin", "backslash"],
  ["/x/config%00/y", "encoded_control"],
  ["/x/config%0a/y", "encoded_control"],
  ["/x/v1%0d%0aHost:%20evil/y", "encoded_control"],
  ["/x/\0config/y", "forbidden_byte"],
  ["/x/con\tfig/y", "forbidden_byte"],
  ["/x/con\nfig/y", "forbidden_byte"],
  ["/x/\u00a0config/y", "forbidden_byte"],
  ["/x/v1#/config/y", "fragment"],
  ["/x/%c0%ae%c0%ae/admin", "invalid_utf8"],
  ["/x/%e0%80%ae%e0%80%ae/admin", "invalid_utf8"],
  ["/x/v1%c0%afconfig", "invalid_utf8"],
  ["/x/%zzconfig/y", "invalid_escape"],
  ["/x/%u002e%u002e/admin", "invalid_escape"],
  ["/x/config/y", "deny_paths"],
  ["/x/config", "deny_paths"],
  ["/x/config/", "deny_paths"],
  ["/x/%63onfig/y", "deny_paths"],
  ["/x/%63%6f%6e%66%69%67/y", "deny_paths"],
  ["/x/%2563onfig/y", "deny_paths"],
  ["/x/%252563onfig/y", "deny_paths"],
  ["/x/CONFIG/y", "deny_paths"],
  ["/x/Config", "deny_paths"],
  ["/x/%43onfig/y", "deny_paths"],
  ["/x/config;a=b/y", "deny_paths"],
  ["/x/config;/y", "deny_paths"],
  ["/x/config%3ba=b/y", "deny_paths"],
  ["/x/config./y", "deny_paths"],
  ["/x/config%20/y", "deny_paths"],
  ["/x/config%3f/y", "deny_paths"],
  ["/x/config%23/y", "deny_paths"],
  ["/x/config%252fy", "deny_paths"],
  ["/x/config%255cy", "deny_paths"],
  ["/x/%EF%BD%83onfig/y", "deny_paths"],
  ["http://evil.example/x/config/y", "deny_paths"],
  ["http://localhost/x/%63onfig", "deny_paths"],
  ["/x//config/y", "empty_segment"],
  ["/x///config/y", "empty_segment"],
  ["/x/config//y", "empty_segment"],
  ["/x//", "empty_segment"],
  ["/x/config%2fy", "encoded_slash"],
  ["/x%2fconfig/y", "no_route"],
  ["//x/config/y", "no_route"],
  ["//upstream.example/x/config", "no_route"],
  ["/X/config/y", "no_route"],
  ["/xconfig/y", "no_route"],
  ["/x;a=b/config/y", "no_route"],
  ["*", "not_a_path"],
  ["", "not_a_path"],
  ["x/config/y", "not_a_path"],
  ["upstream.example:80", "not_a_path"],
  ["http://evil.example\\@localhost/x/config", "not_a_path"],
  ["file:///x/config", "not_a_path"],
  ["/x/a", { sent: "/base/a" }],
  ["/x", { sent: "/base/" }],
  ["/x/configuration", { sent: "/base/configuration" }],
  ["/x/a?/../config/y", { sent: "/base/a" }],
  ["/x/a%252fb", { sent: "/base/a%252fb" }],
  ["/x/...", { sent: "/base/..." }],
  ["/x/a..b/c", { sent: "/base/a..b/c" }],
  ["http://evil.example/x/a", { sent: "/base/a" }],
  ["/x/@evil.example/a", { sent: "/base/@evil.example/a" }],
  ["/x/http://evil.example", "empty_segment"],
];

describe("hostile paths", () => {
  test("each ends as the table says, and harmless", async () => {
    for (const [rawTarget, expected] of ROWS) {
      const outcome = await attempt(rawTarget);
      const found = outcome.sent === undefined ? outcome.refusal : { sent: pathOf(outcome.sent) };
      assert.deepEqual(found, expected, JSON.stringify(rawTarget));
      assertHarmless(rawTarget, outcome);
    }
  });

  test("a route that takes %2F and // still denies and still stays below its base", async () => {
    const open = [{ ...PROTECTED, allow_encoded_slash: true, allow_empty_segments: true }];
    for (const [rawTarget] of ROWS) assertHarmless(rawTarget, await attempt(rawTarget, open));
    for (
      const rawTarget of [
        "/x//config/y",
        "/x/config%2fy",
        "/x/%2Fconfig",
        "/x/a//../b",
        "/x/..%2fa",
      ]
    ) {
      assert.equal((await attempt(rawTarget, open)).sent, undefined, rawTarget);
    }
    const { sent } = await attempt("/x//upstream.evil/a%2fb", open);
    assert.equal(sent?.url, "http://upstream.example/base//upstream.evil/a%2Fb");
  });

  test("a root prefix with stripping keeps its deny rules", async () => {
    const root = [{ ...PROTECTED, path_prefix: "/" }];
    for (const rawTarget of ["/config/y", "/config", "/%63onfig/y", "/CONFIG"]) {
      assert.equal((await attempt(rawTarget, root)).refusal, "deny_paths", rawTarget);
    }
    assert.equal((await attempt("//config/y", root)).refusal, "empty_segment");
  });

  test("an encoded path does not trade the caller's key for ours", async () => {
    for (
      const rawTarget of [
        "/x/v1/chat",
        "/x/%761/chat",
        "/x/v%31/chat",
        "/x/V1/chat",
        "/x/%2576%31/chat",
        "/x/v1;a=b/chat",
        "/x/v1%3ba/chat",
        "/x/v1./chat",
      ]
    ) {
      const { sent } = await attempt(rawTarget);
      assert.ok(sent !== undefined && !injects(sent), rawTarget);
    }
    const other = await attempt("/x/v2/chat");
    assert.ok(other.sent !== undefined && injects(other.sent));
  });

  test("a path out of an exempt prefix is not exempt", async () => {
    const isExempt = compileGlobs(["/otel/*", "/npm/**", "/health"]);
    const hostile = [
      "/otel/../api/v1",
      "/otel/%2e%2e/api/v1",
      "/otel/..;/api/v1",
      "/otel\\..\\api",
      "/otel%2f..%2fapi",
      "/otel/%252e%252e/api",
      "/npm/./../api",
      "/health/../api",
    ];
    for (const rawTarget of hostile) {
      assert.ok(!canonicalizeTarget(rawTarget).ok, rawTarget);
      const catchAll = [{ ...PROTECTED, path_prefix: undefined, host_match: "localhost" }];
      assert.equal((await attempt(rawTarget, catchAll)).sent, undefined, rawTarget);
    }
    for (
      const [rawTarget, expected] of [
        ["/otel/v1/traces", true],
        ["/%6ftel/v1", true],
        ["/OTEL/v1", false],
        ["/otelx", false],
        ["/otel%2fv1", false],
        ["//otel/v1", false],
        ["/health;x", false],
        ["/health/", false],
      ] as const
    ) {
      const result = canonicalizeTarget(rawTarget);
      assert.ok(result.ok);
      assert.equal(isExempt(result.target.path), expected, rawTarget);
    }
  });

  test("a hostile Host reaches no host route", async () => {
    const route = [{ ...PROTECTED, path_prefix: undefined, host_match: "api.example" }];
    for (
      const host of [
        "api.example/",
        "api.example\\",
        "api.example#",
        "api.example@evil.example",
        "evil.example@api.example",
        "api.example,evil.example",
        " api.example",
        "api.example\n",
        "api.example:80:80",
        "api.example:",
        "api%2eexample",
        "",
      ]
    ) {
      assert.equal((await attempt("/a", route, host)).refusal, "no_route", JSON.stringify(host));
    }
    assert.ok((await attempt("/a", route, "API.EXAMPLE.:8090")).sent);
  });

  test("ten thousand mutations of a denied path stay harmless", async () => {
    const swaps: readonly string[] = [
      "/",
      "//",
      "%2f",
      "%252F",
      "\\",
      "%5c",
      "%255c",
      ".",
      "..",
      "%2e",
      "%252e",
      ";",
      ";a=b",
      "%3b",
      "%20",
      "%00",
      "%2500",
      "?",
      "%3f",
      "#",
      "C",
      "%43",
      "%2543",
      "%EF%BD%83",
      "%c0%ae",
      "v1",
    ];
    let seed = 20_260_101;
    const pick = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % limit;
    };
    const open = { ...PROTECTED, allow_encoded_slash: true, allow_empty_segments: true };
    let sent = 0;
    for (let round = 0; round < 10_000; round++) {
      let rawTarget = ["/x/config/y", "/x/v1/config", "/x/a/b"][pick(3)]!;
      for (let change = pick(4); change >= 0; change--) {
        const at = 2 + pick(rawTarget.length - 1);
        const removed = pick(2);
        rawTarget = rawTarget.slice(0, at) + swaps[pick(swaps.length)]! +
          rawTarget.slice(at + removed);
      }
      const outcome = await attempt(rawTarget, [round % 2 === 0 ? PROTECTED : open]);
      assertHarmless(rawTarget, outcome);
      if (outcome.sent !== undefined) sent++;
    }
    assert.ok(sent > 500, `only ${sent} got through: the walk proves little`);
  });
});
