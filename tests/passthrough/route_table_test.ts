import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  createRouteTable,
  findHiddenRoutes,
  matchRoute,
} from "../../lib/passthrough/route_table.ts";
import type { PassthroughProvider } from "../../lib/passthrough/route_table.ts";
import { KEYRING, makeProvider, makeRoute, SECRET } from "./_provider.ts";

function find(
  providers: readonly Partial<PassthroughProvider>[],
  host: string,
  path: string,
): string | undefined {
  const table = createRouteTable(providers.map(makeProvider), KEYRING);
  return matchRoute(table, { host, path })?.name;
}

test("createRouteTable() sorts hosts first, then longer prefixes, then manifest order", () => {
  const { routes } = createRouteTable([
    makeProvider({ name: "root", path_prefix: "/" }),
    makeProvider({ name: "short", path_prefix: "/a" }),
    makeProvider({ name: "long", path_prefix: "/a/b" }),
    makeProvider({ name: "host", host_match: "h.example", path_prefix: undefined }),
    makeProvider({ name: "short2", path_prefix: "/c" }),
    makeProvider({ name: "host-long", host_match: "h.example", path_prefix: "/a" }),
  ], KEYRING);
  assert.deepEqual(
    routes.map((route) => route.name),
    ["host-long", "host", "long", "short", "short2", "root"],
  );
});

test("createRouteTable() leaves providers of other handlers out", () => {
  const providers = [makeProvider({ handler: "http" }), makeProvider({ name: "pass" })];
  assert.deepEqual(createRouteTable(providers, KEYRING).routes.map(({ name }) => name), ["pass"]);
  assert.deepEqual(createRouteTable([], KEYRING).routes, []);
});

test("matchRoute() matches a prefix at a segment boundary and with its case", () => {
  const api = [{ path_prefix: "/api" }];
  for (const path of ["/api", "/api/", "/api/x"]) assert.equal(find(api, "h", path), "api", path);
  for (const path of ["/", "/apix", "/API", "/ap", "/x/api", "/api%2Fx", "//api"]) {
    assert.equal(find(api, "h", path), undefined, path);
  }
});

test("matchRoute() takes every path without a prefix and with a root prefix", () => {
  for (const path_prefix of ["/", undefined]) {
    const any = [{ path_prefix, host_match: path_prefix === undefined ? "h" : undefined }];
    for (const path of ["/", "/x", "/x/y"]) assert.equal(find(any, "h", path), "api");
  }
});

test("matchRoute() compares hosts without case, port, or trailing dot", () => {
  const route = [{ host_match: "API.example.com", path_prefix: undefined }];
  for (const host of ["api.example.com", "Api.Example.Com:8090", "api.example.com.:80"]) {
    assert.equal(find(route, host, "/"), "api", host);
  }
  for (
    const host of [
      "",
      "example.com",
      "xapi.example.com",
      "api.example.com.evil",
      "api.example.com/x",
    ]
  ) {
    assert.equal(find(route, host, "/"), undefined, host);
  }
});

test("matchRoute() compares the port where the manifest names one", () => {
  const route = [{ host_match: "h.example:8443", path_prefix: undefined }];
  assert.equal(find(route, "h.example:8443", "/"), "api");
  for (const host of ["h.example", "h.example:443", "h.example:84430"]) {
    assert.equal(find(route, host, "/"), undefined, host);
  }
});

test("matchRoute() matches IPv6 literals, however they are written", () => {
  for (const host_match of ["[::1]", "::1", "0:0:0:0:0:0:0:1"]) {
    const route = [{ host_match, path_prefix: undefined }];
    assert.equal(find(route, "[::1]:8090", "/"), "api", host_match);
    assert.equal(find(route, "[::2]:8090", "/"), undefined, host_match);
  }
  const withPort = [{ host_match: "[::1]:80", path_prefix: undefined }];
  assert.equal(find(withPort, "[::1]:80", "/"), "api");
  assert.equal(find(withPort, "[::1]:81", "/"), undefined);
});

test("matchRoute() wants both host and prefix where both are given", () => {
  const route = [{ host_match: "h", path_prefix: "/a" }];
  assert.equal(find(route, "h", "/a/b"), "api");
  assert.equal(find(route, "h", "/b"), undefined);
  assert.equal(find(route, "g", "/a"), undefined);
});

test("createRouteTable() puts prefixes into canonical form", () => {
  assert.equal(makeRoute({ path_prefix: "/%61pi//" }).pathPrefix, "/api");
  assert.equal(makeRoute({ path_prefix: "/" }).pathPrefix, undefined);
});

test("createRouteTable() converts units and keeps limits", () => {
  const route = makeRoute({
    connect_timeout_seconds: 0.5,
    read_timeout_seconds: 2,
    total_timeout_seconds: 9_999_999_999,
    idle_timeout_seconds: 60,
  });
  assert.deepEqual(route.deadlines, {
    connectMs: 500,
    headersMs: 2000,
    idleMs: 2000,
    totalMs: 2_147_483_647,
  });
  assert.equal(route.keepAliveMs, 60_000);
  assert.equal(route.maxRequestBytes, 1000);
  assert.equal(route.maxResponseBytes, 2000);
});

test("createRouteTable() splits the base URL", () => {
  for (
    const [base_url, origin, basePath] of [
      ["http://u.example", "http://u.example", ""],
      ["https://u.example/", "https://u.example", ""],
      ["https://u.example:8443/v1//", "https://u.example:8443", "/v1"],
      ["http://[::1]:80/a/b", "http://[::1]", "/a/b"],
    ] as const
  ) {
    const route = makeRoute({ base_url });
    assert.equal(route.origin, origin);
    assert.equal(route.basePath, basePath);
  }
});

test("createRouteTable() names provider and field of what it refuses", () => {
  const cases: [Partial<PassthroughProvider>, RegExp][] = [
    [{ base_url: "" }, /route "api": base_url/],
    [{ base_url: "/relative" }, /base_url/],
    [{ base_url: "ftp://u.example" }, /base_url/],
    [{ base_url: "ws://u.example" }, /base_url/],
    [{ base_url: "http://user:canary@u.example" }, /base_url/],
    [{ base_url: "http://u.example/?key=canary" }, /base_url/],
    [{ base_url: "http://u.example/#canary" }, /base_url/],
    [{ host_match: "a b" }, /host_match/],
    [{ host_match: "" }, /host_match/],
    [{ host_override: "u.example/x" }, /host_override/],
    [{ host_override: "u\r\nx: y" }, /host_override/],
    [{ path_prefix: "api" }, /path_prefix/],
    [{ path_prefix: "/a/../b" }, /path_prefix/],
    [{ path_prefix: "/a//b" }, /path_prefix/],
    [{ path_prefix: "/a?b" }, /path_prefix/],
    [{ deny_paths: ["/["] }, /deny_paths/],
    [{ forward_authorization_paths: ["/{"] }, /forward_authorization_paths/],
    [{ auth_type: "bearer" }, /credential/],
  ];
  for (const [parts, message] of cases) {
    assert.throws(() => makeRoute(parts), (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /canary/);
      return (error as { code?: string }).code === "ERR_CONFIG";
    }, JSON.stringify(parts));
  }
});

test("createRouteTable() makes tables that show no secret", () => {
  const table = createRouteTable([
    makeProvider({ auth_type: "basic", auth_key_name: "api_key" }),
    makeProvider({ auth_type: "query", auth_key_name: "api_key" }),
    makeProvider({ extra_headers: { "x-key": "${api_key}" } }),
  ], KEYRING);
  const shown = inspect(table, { depth: null, showHidden: true }) + JSON.stringify(table);
  assert.ok(!shown.includes(SECRET) && !shown.includes(btoa(SECRET)));
  assert.ok(table.routes.every((route) => route.injectsCredential));
});

type Match = readonly [host: string | undefined, prefix: string | undefined];

/** Of two routes in this order of manifests: which is hidden. */
const PAIRS: readonly (readonly [first: Match, second: Match, hidden: string | undefined])[] = [
  [[undefined, "/a"], [undefined, "/a"], "second"],
  [[undefined, "/"], [undefined, undefined], "second"],
  [["h", "/a"], ["H", "/a"], "second"],
  [["h", undefined], ["h:8443", "/"], "second"],
  [["h:8443", "/a"], ["h", "/a"], undefined],
  [["h", "/a"], ["i", "/a"], undefined],
  [["h", "/a"], [undefined, "/a"], undefined],
  [[undefined, "/a"], ["h", "/a"], undefined],
  [[undefined, "/a"], [undefined, "/a/b"], undefined],
  [[undefined, "/a/b"], [undefined, "/a"], undefined],
  [[undefined, "/a"], [undefined, "/ab"], undefined],
  [["h", undefined], ["h", "/a"], undefined],
];

test("findHiddenRoutes() finds the routes whose requests an earlier one takes", () => {
  for (const [[host, prefix], [host2, prefix2], expected] of PAIRS) {
    const table = createRouteTable([
      makeProvider({ name: "first", host_match: host, path_prefix: prefix }),
      makeProvider({ name: "second", host_match: host2, path_prefix: prefix2 }),
    ], KEYRING);
    const hidden = findHiddenRoutes(table);
    assert.deepEqual(
      hidden.map(({ route, behind }) => [route.name, behind.name]),
      expected === undefined ? [] : [[expected, "first"]],
      `${host}${prefix} ${host2}${prefix2}`,
    );
  }
});
