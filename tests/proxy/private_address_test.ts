import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { test } from "node:test";
import { isPrivateAddress } from "../../lib/private_addresses.ts";
import type { AddressPolicy, Upstream } from "../../lib/ports.ts";
import { createAddressNotice } from "../../lib/proxy/address_notice.ts";
import { parseProxySettings } from "../../lib/proxy/settings.ts";
import { createConnectFailure } from "../../lib/upstream_failures.ts";
import { createTestProxy, CREDENTIAL, readProblem } from "./_proxy.ts";
import { exchange } from "./_faults.ts";
import {
  createAtiDirectory,
  removeDirectory,
  runServer,
  startServer,
  upstreamManifest,
} from "./_server.ts";

const TEST_MS = 60_000;

function parsePolicy(value: string | undefined): AddressPolicy {
  const env = { get: (name: string) => name === "ATI_SSRF_PROTECTION" ? value : undefined };
  return parseProxySettings({ env: { ...env, names: () => [] } }).privateAddresses;
}

test("parseProxySettings() reads ATI_SSRF_PROTECTION", () => {
  const cases: readonly (readonly [string | undefined, AddressPolicy])[] = [
    [undefined, "allow"],
    ["", "allow"],
    ["0", "allow"],
    ["false", "allow"],
    ["OFF", "allow"],
    ["no", "allow"],
    ["warn", "warn"],
    ["WARN", "warn"],
    ["1", "block"],
    ["True", "block"],
    ["yes", "block"],
    ["on", "block"],
    ["block", "block"],
  ];
  for (const [value, policy] of cases) assert.equal(parsePolicy(value), policy, value);
  for (const value of ["2", "deny", "warning", "blocked", "enforce"]) {
    assert.throws(() => parsePolicy(value), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_CONFIG");
      assert.match(error.message, /ATI_SSRF_PROTECTION: not one of .*block.*warn/);
      return true;
    });
  }
});

const BARE = `[provider]
name = "bare"
description = "Bare"
handler = "passthrough"
base_url = "http://127.0.0.1:1"
path_prefix = "/bare"
auth_type = "none"`;

test("the policy is in force for routes with a credential only", async () => {
  const seen: Record<string, unknown> = {};
  const upstream: Upstream = ({ url, privateAddresses }) => {
    seen[url] = privateAddresses;
    return Promise.reject(createConnectFailure("refused"));
  };
  for (const policy of ["allow", "warn", "block"] as const) {
    const { send } = await createTestProxy({
      manifests: [upstreamManifest("up", "http://up.example"), BARE],
      entries: { up_key: CREDENTIAL },
      upstream,
      config: { privateAddresses: policy },
    });
    await send("/up/a");
    await send("/bare/a");
    assert.deepEqual(seen, { "http://up.example/a": policy, "http://127.0.0.1:1/a": "allow" });
  }
});

test("a refused address is a 502 that names no address", async () => {
  const { send, requests } = await createTestProxy({
    manifests: [upstreamManifest("up", "http://up.example")],
    entries: { up_key: CREDENTIAL },
    upstream: () => Promise.reject(createConnectFailure("private_address")),
    config: { privateAddresses: "block" },
  });
  const response = await send("/up/a");
  assert.equal(response.status, 502);
  const problem = await readProblem(response);
  assert.equal(problem["reason"], "upstream_unreachable");
  assert.doesNotMatch(JSON.stringify(problem), /private|address|example/);
  const { route, status, error_code, error_reason } = requests()[0]!;
  assert.deepEqual({ route, status, error_code, error_reason }, {
    route: "up",
    status: 502,
    error_code: "ERR_UPSTREAM_CONNECT",
    error_reason: "private_address",
  });
});

test("createProxy() refuses a credentialed base_url that is bound to be blocked", async () => {
  const hosts = ["127.0.0.1", "0x7f.1", "[::1]", "10.1.2.3:8080", "LOCALHOST", "db.internal"];
  for (const host of hosts) {
    const manifests = [upstreamManifest("up", `http://${host}`)];
    const entries = { up_key: CREDENTIAL };
    const make = (policy: AddressPolicy, keys: Record<string, string> = entries) =>
      createTestProxy({ manifests, entries: keys, config: { privateAddresses: policy } });
    await assert.rejects(make("block"), (error: Error & { code?: string; reason?: string }) => {
      assert.deepEqual([error.code, error.reason], ["ERR_CONFIG", "private_address"]);
      assert.match(error.message, /provider "up"/);
      return true;
    }, host);
    await make("warn");
    await make("allow");
    // Without its key the route carries nothing that could leak.
    await make("block", {});
  }
});

test("a reload that would bring a blocked base_url keeps the last good state", async () => {
  const options = { entries: { up_key: CREDENTIAL }, manifests: [] as string[] };
  const { proxy, records } = await createTestProxy({
    ...options,
    get manifests() {
      return options.manifests;
    },
    config: { privateAddresses: "block" },
  });
  options.manifests = [upstreamManifest("up", "http://169.254.169.254")];
  const result = await proxy.reload();
  assert.equal(result.ok, false);
  assert.equal(records().at(-1)?.["reason"], "private_address");
});

test("createFetchUpstream() does not take on a check that no fetch can keep", async () => {
  const { send, requests, sent } = await createTestProxy({
    manifests: [upstreamManifest("up", "http://up.example")],
    entries: { up_key: CREDENTIAL },
    config: { privateAddresses: "block" },
  });
  assert.equal((await send("/up/a")).status, 502);
  assert.equal(requests()[0]?.["error_reason"], "address_check_not_supported");
  assert.deepEqual(sent, []);
});

test("createAddressNotice() says it once a host and minute", () => {
  const said: unknown[] = [];
  let now = 0;
  const notice = createAddressNotice(
    (level, _message, fields) => void said.push([level, fields?.["upstream_host"]]),
    () => now,
  );
  for (const host of ["a", "a", "b", "a"]) notice(host);
  now = 59_999;
  notice("a");
  assert.deepEqual(said, [["warn", "a"], ["warn", "b"]]);
  now = 60_000;
  notice("a");
  assert.equal(said.length, 3);
  for (let host = 0; host < 3000; host++) notice(String(host));
  assert.equal(said.length, 3003);
});

/** A name of this machine that is private only when it is looked up. */
async function findOwnName(): Promise<string | undefined> {
  for (const name of [hostname(), "ip6-localhost", "localhost.localdomain"]) {
    const found = await lookup(name).catch(() => undefined);
    if (found !== undefined && isPrivateAddress(found.address) && /^[a-z0-9.-]+$/i.test(name)) {
      return name;
    }
  }
  return undefined;
}

/** Starts server.ts under a policy, in front of one upstream under three names. */
async function withPolicy(
  policy: string,
  use: (server: Awaited<ReturnType<typeof startServer>>, hits: () => number) => Promise<void>,
): Promise<void> {
  let hits = 0;
  const upstream = createServer((_request, response) => {
    hits++;
    response.end("private data");
  });
  // On every interface, for the machine's own name may stand for any of them.
  await new Promise<void>((done) => upstream.listen(0, done));
  const { port } = upstream.address() as AddressInfo;
  const own = await findOwnName();
  const bare = BARE.replace("http://127.0.0.1:1", `http://localhost:${port}`);
  const directory = createAtiDirectory({
    "manifests/bare.toml": bare,
    "manifests/own.toml": upstreamManifest(
      "own",
      `http://${own ?? "no.invalid"}:${port}`,
      "forward_websockets = true\n",
    ),
    "credentials": JSON.stringify({ own_key: CREDENTIAL, gone_key: "" }),
  });
  const server = await startServer({
    ATI_DIR: directory,
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SSRF_PROTECTION: policy,
    // What the check sees must be the upstream, not a forward proxy.
    HTTP_PROXY: `http://127.0.0.1:${port}`,
    http_proxy: `http://127.0.0.1:${port}`,
    NO_PROXY: "localhost",
  });
  try {
    if (own !== undefined) await use(server, () => hits);
  } finally {
    await server.kill();
    await new Promise((done) => {
      upstream.close(done);
      upstream.closeAllConnections();
    });
    removeDirectory(directory);
  }
}

test("server.ts under block dials no private address with a credential", {
  timeout: TEST_MS,
}, () =>
  withPolicy("block", async (server, hits) => {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${server.url}/own/a`, { method });
      assert.equal(response.status, 502);
      assert.doesNotMatch(await response.text(), /127\.|::1|private data/);
    }
    const upgrade = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const request = `GET /own/socket HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`;
    assert.equal((await exchange(server.port, request)).status, 502);
    assert.equal(hits(), 0);
    // Without a credential there is nothing to protect.
    assert.equal(await (await server.get("/bare/a")).text(), "private data");
    const record = await server.findRecord(({ path }) => path === "/own/a");
    assert.deepEqual([record["route"], record["error_reason"]], ["own", "private_address"]);
    assert.doesNotMatch(server.output(), new RegExp(CREDENTIAL));
  }));

test(
  "server.ts under warn lets it through and says so once",
  { timeout: TEST_MS },
  () =>
    withPolicy("warn", async (server, hits) => {
      for (let turn = 0; turn < 3; turn++) {
        assert.equal(await (await server.get("/own/a")).text(), "private data");
      }
      assert.equal(hits(), 3);
      await server.waitFor("a credential goes to a private address");
      const said = server.records().filter(({ upstream_host: host }) => host !== undefined);
      assert.equal(said.length, 1);
    }),
);

test("server.ts does not start with a blocked base_url, or a word it does not know", {
  timeout: TEST_MS,
}, async () => {
  const directory = createAtiDirectory({
    "manifests/up.toml": upstreamManifest("up", "http://2130706433:1"),
    "credentials": JSON.stringify({ up_key: CREDENTIAL }),
  });
  const env = { ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" };
  const blocked = runServer({ ...env, ATI_SSRF_PROTECTION: "true" });
  const unknown = runServer({ ...env, ATI_SSRF_PROTECTION: "maybe" });
  try {
    assert.notEqual(await blocked.exited, 0);
    assert.match(blocked.output(), /provider "up".*ATI_SSRF_PROTECTION/s);
    assert.notEqual(await unknown.exited, 0);
    assert.match(unknown.output(), /ATI_SSRF_PROTECTION/);
  } finally {
    blocked.child.kill("SIGKILL");
    unknown.child.kill("SIGKILL");
    removeDirectory(directory);
  }
});
