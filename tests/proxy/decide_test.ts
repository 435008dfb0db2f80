import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifest } from "../../lib/manifest/parse.ts";
import { createRouteTable } from "../../lib/passthrough/route_table.ts";
import { decideRoute, isAdminPath, isNamedPath, labelNamedPath } from "../../lib/proxy/decide.ts";

const ANY_HOST = `[provider]
name = "all"
description = "All"
handler = "passthrough"
base_url = "http://upstream.test"
path_prefix = "/"`;
const { manifest } = parseManifest(ANY_HOST, { file: "all.toml" });
const TABLE = createRouteTable([manifest.provider], { get: () => undefined });
const EMPTY = createRouteTable([], { get: () => undefined });

function kindOf(path: string, table = TABLE): string {
  return decideRoute({ host: "h", path }, table).kind;
}

test("decideRoute() lets public and named paths win over a route that takes everything", () => {
  for (const path of ["/health", "/.well-known/jwks.json"]) assert.equal(kindOf(path), "public");
  const named = [
    "/whoami",
    "/call",
    "/help",
    "/mcp",
    "/tools",
    "/tools/a",
    "/skills",
    "/skills/resolve",
    "/skills/bundle",
    "/skills/x/y",
    "/skillati/catalog",
    "/skillati/x",
    "/admin/keys",
    "/admin/keys/issue",
  ];
  for (const path of named) assert.equal(kindOf(path), "named", path);
});

test("decideRoute() takes no path for named that only looks like one", () => {
  const others = [
    "/",
    "/healthz",
    "/health/",
    "/Health",
    "/healthy",
    "/whoami/",
    "/toolsy",
    "/skillati",
    "/admin",
    "/admin/keysx",
    "/admin/other",
    "/x/health",
  ];
  for (const path of others) {
    assert.equal(kindOf(path), "passthrough", path);
    assert.equal(kindOf(path, EMPTY), "unknown", path);
    assert.equal(isNamedPath(path), false, path);
  }
});

test("decideRoute() hands on the route it chose", () => {
  const decision = decideRoute({ host: "h", path: "/v1" }, TABLE);
  assert.ok(decision.kind === "passthrough" && decision.route === TABLE.routes[0]);
});

test("isAdminPath() ends at a segment boundary", () => {
  assert.deepEqual(
    ["/admin/keys", "/admin/keys/", "/admin/keys/x", "/admin/key", "/admin/keys-x"].map(
      isAdminPath,
    ),
    [true, true, true, false, false],
  );
});

test("labelNamedPath() has a handful of labels, whatever is asked for", () => {
  for (
    const [path, label] of [
      ["/health", "/health"],
      ["/metrics", "/metrics"],
      ["/tools", "/tools"],
      ["/tools/anything", "/tools/*"],
      ["/skills/resolve", "/skills/resolve"],
      ["/skills/a/b", "/skills/*"],
      ["/skillati/a", "/skillati/*"],
      ["/admin/keys", "/admin/keys"],
      ["/admin/keys/7", "/admin/keys"],
    ] as const
  ) {
    assert.ok(isNamedPath(path));
    assert.equal(labelNamedPath(path), label);
  }
});
