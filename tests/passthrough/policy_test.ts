import assert from "node:assert/strict";
import { test } from "node:test";

import { resolvePath } from "../../lib/passthrough/policy.ts";
import type { PathVerdict } from "../../lib/passthrough/policy.ts";
import type { PassthroughProvider } from "../../lib/passthrough/route_table.ts";
import { makeRoute, makeTarget } from "./_provider.ts";

function resolve(parts: Partial<PassthroughProvider>, rawTarget: string): PathVerdict {
  return resolvePath(makeRoute(parts), makeTarget(rawTarget));
}

function readUrl(parts: Partial<PassthroughProvider>, rawTarget: string): string {
  const verdict = resolve(parts, rawTarget);
  return verdict.allowed ? verdict.url : verdict.reason;
}

test("resolvePath() strips the prefix and puts the base path before", () => {
  const base = "http://upstream.example/base";
  assert.equal(readUrl({}, "/x/v1/a"), `${base}/v1/a`);
  assert.equal(readUrl({}, "/x"), `${base}/`);
  assert.equal(readUrl({}, "/x/"), `${base}/`);
  assert.equal(readUrl({ strip_prefix: false }, "/x/v1"), `${base}/x/v1`);
  assert.equal(readUrl({ path_prefix: "/" }, "/v1"), `${base}/v1`);
  assert.equal(
    readUrl({ base_url: "https://u.example:8443" }, "/x/v1?q"),
    "https://u.example:8443/v1",
  );
});

test("resolvePath() replaces a leading text once, after stripping", () => {
  const path_replace = ["/v1", "/api/v1"] as const;
  assert.equal(readUrl({ path_replace }, "/x/v1/v1"), "http://upstream.example/base/api/v1/v1");
  assert.equal(readUrl({ path_replace }, "/x/v2/v1"), "http://upstream.example/base/v2/v1");
  // As the reference: a plain prefix, without regard to segments.
  assert.equal(readUrl({ path_replace }, "/x/v1beta"), "http://upstream.example/base/api/v1beta");
});

test("resolvePath() refuses what a replacement glues together", () => {
  for (
    const [from, to, path] of [
      ["/a", "", "/x/a../b"],
      ["/a", "/", "/x/a../secret"],
      ["/a", "/", "/x/a/b"],
      ["/a", "/b/.", "/x/a./c"],
      ["/a", "/b?", "/x/a/c"],
      ["/a", "/b#", "/x/a/c"],
      ["/a", "/b\\", "/x/a/c"],
      ["/a", "/../", "/x/a"],
      ["/a", "@evil.example/", "/x/a"],
      ["/a", "/%6", "/x/a1"],
    ] as const
  ) {
    const verdict = resolve({ path_replace: [from, to] }, path);
    assert.deepEqual(verdict, { allowed: false, code: "ERR_PATH_INVALID", reason: "rewrite" }, to);
  }
});

test("resolvePath() tells of a denied path too whether the client's own authorization is kept", () => {
  const parts = { forward_authorization_paths: ["/v1/*"], deny_paths: ["/v1/keys", "/admin"] };
  for (const [path, keepsAuthorization] of [["/x/v1/keys", true], ["/x/admin", false]] as const) {
    assert.deepEqual(resolve(parts, path), {
      allowed: false,
      code: "ERR_PATH_DENIED",
      reason: "deny_paths",
      keepsAuthorization,
    });
  }
});

test("resolvePath() lets %2F and // through only where the route opts in", () => {
  const refused = { allowed: false, code: "ERR_PATH_INVALID" };
  assert.deepEqual(resolve({}, "/x/a%2fb"), { ...refused, reason: "encoded_slash" });
  assert.deepEqual(resolve({}, "/x/a//b"), { ...refused, reason: "empty_segment" });
  const base = "http://upstream.example/base";
  assert.equal(readUrl({ allow_encoded_slash: true }, "/x/a%2fb"), `${base}/a%2Fb`);
  assert.equal(readUrl({ allow_empty_segments: true }, "/x/a//b"), `${base}/a//b`);
  assert.equal(
    readUrl({ allow_empty_segments: true }, "/x//evil.example/a"),
    `${base}//evil.example/a`,
  );
});

test("resolvePath() denies by the rewritten path", () => {
  const deny = { deny_paths: ["/config/*"] };
  const denied = {
    allowed: false,
    code: "ERR_PATH_DENIED",
    reason: "deny_paths",
    keepsAuthorization: false,
  };
  for (const path of ["/x/config/y", "/x/config", "/x/CONFIG/y"]) {
    assert.deepEqual(resolve(deny, path), denied, path);
  }
  assert.equal(resolve(deny, "/x/v1/config").allowed, true);
  assert.deepEqual(resolve({ ...deny, path_prefix: "/" }, "/config/y"), denied);
  assert.deepEqual(resolve({ ...deny, path_replace: ["/c/", "/config/"] }, "/x/c/y"), denied);
});

test("resolvePath() tells where the client's own authorization is kept", () => {
  const parts = { forward_authorization_paths: ["/v1/*"] };
  for (const [path, keeps] of [["/x/v1/chat", true], ["/x/v2/chat", false]] as const) {
    const verdict = resolve(parts, path);
    assert.equal(verdict.allowed && verdict.keepsAuthorization, keeps, path);
  }
});

test("resolvePath() refuses a URL that a parser reads differently", () => {
  const route = { ...makeRoute(), origin: "http://upstream.example/../evil" };
  const target = makeTarget("/x/a;b");
  assert.deepEqual(resolvePath(route, target), {
    allowed: false,
    code: "ERR_PATH_INVALID",
    reason: "url_mismatch",
  });
});
