import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { encodeBase64 } from "../../lib/encoding/base64.ts";
import { sealKeyring } from "../../lib/keyring/seal.ts";
import { createFakeRuntime, errorOf, type FakeInput, runFake, runOn } from "./_fake_runtime.ts";
import type { Run } from "./_fake_runtime.ts";
import { ati, makeFolder } from "./_spawn.ts";

const CANARY = "canary-7c1f-never-to-be-seen";
const SECRET = "b2".repeat(32);
const CREDENTIALS = {
  chat_key: CANARY,
  org: `${CANARY}-org`,
  sandbox_signing_shared_secret: SECRET,
};

function manifest(name: string, extra: string): string {
  return `[provider]\nname = "${name}"\ndescription = "Test"\nhandler = "passthrough"\n${extra}`;
}

const CHAT = manifest(
  "chat",
  `base_url = "https://api.example.com/v1/"
path_prefix = "/chat"
auth_type = "bearer"
auth_key_name = "chat_key"
allow_methods = ["GET", "POST"]
auth = "signature+jwt"
forward_websockets = true
[provider.extra_headers]
X-Org = "\${org} literal-${CANARY}"
`,
);
const SEARCH = manifest(
  "search",
  `base_url = "https://search.example.com:8443"
host_match = "Search.example"
auth_type = "query"
auth_key_name = "search_key"
`,
);

/** A machine with two routes that would start: signatures enforced, tokens by HS256. */
function machine(changes: FakeInput = {}): FakeInput {
  const { files, env, ...others } = changes;
  return {
    files: {
      "/ati/manifests/chat.toml": CHAT,
      "/ati/manifests/search.toml": SEARCH,
      "/ati/credentials": JSON.stringify(CREDENTIALS),
      ...files,
    },
    env: {
      ATI_DIR: "/ati",
      ATI_ENABLE_PASSTHROUGH: "1",
      ATI_SIG_VERIFY_MODE: "enforce",
      ATI_SIG_EXEMPT_PATHS: "/health",
      ATI_JWT_SECRET: "a1".repeat(32),
      ...env,
    },
    ...others,
  };
}

async function check(changes: FakeInput = {}, args: readonly string[] = []): Promise<Run> {
  return await runFake(["proxy", "check", ...args], machine(changes));
}

async function checkJson(changes: FakeInput = {}) {
  const run = await check(changes, ["--json"]);
  return { ...run, data: JSON.parse(run.stdout) as Record<string, unknown> };
}

test("proxy check shows what would be served, within 80 columns and without colour", async () => {
  const { code, stdout, stderr } = await check();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    `✓ the proxy would start

  Address     127.0.0.1:8090
  State       /ati
  Keyring     credentials (plaintext)
  Tokens      HS256, 1 key, audience ati-proxy, any issuer
  Signatures  mode enforce, with a secret, 60 s of drift, version 1 and newer
  Exempt      /health
  Providers   2, of which 2 served as passthrough routes
  Upstreams   at private addresses too
  Metrics     for callers on this machine
  Telemetry   nothing is exported
  Reload      on SIGHUP

  search  search.example → https://search.example.com:8443
          signature; query api_key from search_key (missing); every method

  chat    /chat → https://api.example.com/v1
          signature and token with scope passthrough:chat; bearer from chat_key,
          sets x-org; GET POST; WebSockets

warning: a route lacks its credential
  route: search
  keyring_entry: search_key
  hint: run \`ati key set search_key\`

`,
  );
});

test("proxy check is coloured on a terminal and wraps at its width", async () => {
  const terminals = ["stdout", "stderr"] as const;
  const { stdout } = await check({ terminals, columns: 60 });
  // deno-lint-ignore no-control-regex
  const plain = stdout.replace(/\u001b\[\d+m/g, "");
  assert.notEqual(plain, stdout);
  for (const line of plain.split("\n")) assert.ok(line.length <= 60, line);
  const quiet = await check({ terminals, columns: 60, env: { NO_COLOR: "1" } });
  assert.equal(quiet.stdout, plain);
});

test("proxy check tells programs the same as data", async () => {
  const { code, data } = await checkJson({ env: { ATI_WATCH: "1" } });
  assert.equal(code, 0);
  assert.deepEqual(Object.keys(data), [
    "errors",
    "metrics",
    "ok",
    "private_addresses",
    "routes",
    "signature",
    "startup",
    "telemetry",
    "tokens",
    "warnings",
  ]);
  assert.deepEqual([data["ok"], data["errors"], data["private_addresses"]], [true, [], "allow"]);
  assert.deepEqual([data["metrics"], data["telemetry"]], [{ token: false }, null]);
  assert.deepEqual(data["routes"], [
    {
      name: "search",
      host: "search.example",
      path_prefix: null,
      upstream: "https://search.example.com:8443",
      auth: "signature",
      scope: null,
      credential: { type: "query", name: "api_key", entry: "search_key", present: false },
      extra_headers: [],
      methods: null,
      websockets: false,
    },
    {
      name: "chat",
      host: null,
      path_prefix: "/chat",
      upstream: "https://api.example.com/v1",
      auth: "signature+jwt",
      scope: "passthrough:chat",
      credential: { type: "bearer", name: "authorization", entry: "chat_key", present: true },
      extra_headers: ["x-org"],
      methods: ["GET", "POST"],
      websockets: true,
    },
  ]);
  assert.deepEqual(data["tokens"], {
    algorithm: "HS256",
    keys: 1,
    audiences: ["ati-proxy"],
    issuer: null,
  });
  assert.deepEqual(data["signature"], {
    mode: "enforce",
    drift_seconds: 60,
    min_version: 1,
    exempt_paths: ["/health"],
  });
  const startup = data["startup"] as Record<string, unknown>;
  assert.deepEqual([startup["passthrough"], startup["watch"], startup["addr"]], [
    2,
    true,
    "127.0.0.1:8090",
  ]);
  assert.deepEqual(data["warnings"], [{
    level: "warn",
    message: "a route lacks its credential",
    route: "search",
    keyring_entry: "search_key",
    hint: "run `ati key set search_key`",
  }]);
});

test("proxy check tells of exempt paths, private addresses, metrics and telemetry, and no secret", async () => {
  const env = {
    ATI_SIG_EXEMPT_PATHS: "/health,/npm/*",
    ATI_SSRF_PROTECTION: "block",
    ATI_METRICS_TOKEN: CANARY,
    OTEL_EXPORTER_OTLP_ENDPOINT: `https://otel.example.com/base?key=${CANARY}`,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${CANARY}`,
    OTEL_METRICS_EXPORTER: "none",
  };
  const { stdout } = await check({ env });
  assert.match(stdout, /\n {2}Exempt +\/health \/npm\/\*\n/);
  assert.match(stdout, /\n {2}Upstreams +not at private addresses where a credential is sent\n/);
  assert.match(stdout, /\n {2}Metrics +for whoever shows the token that is set\n/);
  assert.match(
    stdout,
    /\n {2}Telemetry +spans to https:\/\/otel\.example\.com\/base\/v1\/traces\n/,
  );
  const { data, stdout: json } = await checkJson({ env });
  assert.ok(!`${stdout}${json}`.includes(CANARY));
  assert.deepEqual([data["private_addresses"], data["metrics"], data["telemetry"]], [
    "block",
    { token: true },
    { traces: "https://otel.example.com/base/v1/traces", metrics: null },
  ]);
});

test("proxy check says none where there is no keyring", async () => {
  const { stdout } = await runFake(["proxy", "check"], {
    files: { "/ati/manifests/search.toml": SEARCH },
    env: { ATI_DIR: "/ati", ATI_SIG_EXEMPT_PATHS: "," },
  });
  assert.match(stdout, /\n {2}Keyring +none\n/);
  assert.match(stdout, /\n {2}Exempt +no path\n/);
});

test("proxy check draws the routes as a table when asked to", async () => {
  const { stdout } = await check({}, ["--output", "table"]);
  assert.match(stdout, /│ ROUTE +┆ TAKES +┆ UPSTREAM .* WEBSOCKETS │/);
  assert.match(stdout, /│ chat +┆ \/chat +┆ https:\/\/api\.example\.com\/v1 +┆ signature\+jwt /);
});

test("proxy check takes the flags of the proxy, before and after its name", async () => {
  for (const args of [["proxy", "--port", "1", "check"], ["proxy", "check", "--port=1"]]) {
    const { code, stdout } = await runFake([...args, "--watch"], machine());
    assert.equal(code, 0);
    assert.match(stdout, /Address +127\.0\.0\.1:1\n/);
    assert.match(stdout, /Reload +on SIGHUP and when files change\n/);
  }
});

test("proxy check --strict fails for warnings", async () => {
  const strict = await check({}, ["--strict"]);
  assert.deepEqual([strict.code, errorOf(strict)["reason"]], [2, "warnings"]);
  assert.match(strict.stdout, /^✓ the proxy would start\n/);
  const files = { "/ati/manifests/search.toml": SEARCH.replace("search_key", "chat_key") };
  assert.equal((await check({ files }, ["--strict"])).code, 0);
});

test("proxy check tells everything that a start would refuse, and ends as it would", async () => {
  const files = {
    "/ati/manifests/chat.toml": CHAT.replace("base_url", "base_ulr"),
    "/ati/manifests/search.toml": "[provider",
    "/ati/credentials": "{",
  };
  const env = { ATI_JWT_SECRET: "", ATI_JWT_PUBLIC_KEY: "/gone.pem" };
  const { code, data, stderr } = await checkJson({ files, env });
  assert.equal(code, 2);
  assert.equal(data["ok"], false);
  const errors = data["errors"] as { code: string; message: string; issues: { file: string }[] }[];
  assert.deepEqual(errors.map((error) => error.code), [
    "ERR_CONFIG",
    "ERR_MANIFEST",
    "ERR_KEYRING_FORMAT",
  ]);
  assert.deepEqual(
    new Set(errors[1]?.issues.map(({ file }) => file)),
    new Set([
      "/ati/manifests/chat.toml",
      "/ati/manifests/search.toml",
    ]),
  );
  assert.match(JSON.parse(stderr).error.message, /^The proxy would not start: 3 errors$/);

  const { stdout } = await check({ files, env });
  assert.match(stdout, /^✗ the proxy would not start\n\nerror: Cannot use ATI_JWT_PUBLIC_KEY: /);
  assert.match(stdout, /\n {2}\/ati\/manifests\/chat\.toml(?::\d+)*: provider\.base_url: /);
  assert.match(stdout, /\n {2}\/ati\/manifests\/search\.toml:1/);
  assert.match(stdout, /\nerror: Cannot read \/ati\/credentials: not a JSON object\n/);
});

test("proxy check tells every setting that cannot be used, before it looks at files", async () => {
  const env = { PORT: "x", ATI_WATCH: "maybe" };
  const files = { "/ati/credentials": "{" };
  const { data, stderr } = await checkJson({ env, files });
  const errors = data["errors"] as { message: string }[];
  assert.deepEqual(errors.map(({ message }) => /(PORT|ATI_WATCH):/.exec(message)?.[1]), [
    "PORT",
    "ATI_WATCH",
  ]);
  assert.match(JSON.parse(stderr).error.message, /2 errors$/);
});

test("proxy check ends with the exit code of the start", async () => {
  const cases: readonly FakeInput[] = [
    { env: { PORT: "x" } },
    { env: { ATI_JWT_SECRET: "short" } },
    { files: { "/ati/credentials": "{}" } },
    { files: { "/ati/keyring.enc": "x".repeat(64) } },
    { files: { "/ati/manifests/chat.toml": "" } },
    { files: { "/ati/credentials": JSON.stringify({ ...CREDENTIALS, chat_key: "a\nb" }) } },
  ];
  for (const input of cases) {
    // Refused before anything is opened, so that the machine in memory is enough.
    const machineOf = () => {
      const fake = createFakeRuntime(machine(input));
      const upstream = () => Promise.reject(new Error("not called"));
      const opened = { upstream, close: () => Promise.resolve() };
      const sink = { write: () => true, dropped: () => 0, flush: () => Promise.resolve() };
      const openUpstream = () => Promise.resolve(opened);
      Object.assign(fake.runtime, { openLog: () => sink, openUpstream });
      return fake;
    };
    const started = await runOn(machineOf(), ["proxy"]);
    const checked = await runOn(machineOf(), ["proxy", "check"]);
    assert.notEqual(started.code, 0);
    assert.equal(checked.code, started.code, JSON.stringify(input));
    const told = String(errorOf(started)["message"]).split("\n")[0]!;
    assert.ok(checked.stdout.replace(/\n\s+/g, " ").includes(told), `${told} in ${checked.stdout}`);
  }
});

test("proxy check shows each route that cannot be built", async () => {
  const { code, data } = await checkJson({
    files: {
      "/ati/manifests/chat.toml": CHAT.replace("org}", "gone}"),
      "/ati/manifests/search.toml": `${SEARCH}[provider.extra_headers]\nX-A = "\${lost}"\n`,
    },
  });
  const errors = data["errors"] as { message: string }[];
  assert.equal(code, 2);
  assert.equal(errors.length, 2);
  assert.match(errors.map(({ message }) => message).join("\n"), /"chat"[^]*"search"/);
});

test("proxy check leaves a one-shot sealing key where it is, and writes nothing", async () => {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const files = {
    "/ati/keyring.enc": await sealKeyring(CREDENTIALS, key),
    "/run/key": encodeBase64(key),
  };
  const fake = createFakeRuntime(machine({ files, env: { ATI_KEY_FILE: "/run/key" } }));
  fake.files.onOperation = (operation) => {
    assert.ok(["read", "list", "stat"].includes(operation), operation);
  };
  const run = await runOn(fake, ["proxy", "check"]);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /Keyring +keyring\.enc \(sealed key\)\n/);
  assert.equal(fake.files.text("/run/key"), encodeBase64(key));
});

test("proxy check shows no secret, whatever is right or wrong", async () => {
  const cases: readonly FakeInput[] = [
    {},
    { files: { "/ati/credentials": `{"a": "${CANARY}` } },
    { files: { "/ati/credentials": `{"chat_key": "${CANARY}\\n"}` } },
    { files: { "/ati/manifests/chat.toml": `x = "${CANARY}` } },
    { files: { "/ati/config.toml": `[proxy.jwt]\nsecret = "${CANARY}"\n` } },
    { files: { "/ati/keyring.enc": CANARY.repeat(4), "/ati/.keyring-key": CANARY } },
    { env: { ATI_JWT_SECRET: CANARY } },
    { env: { ATI_METRICS_TOKEN: CANARY.repeat(2) } },
    { env: { PORT: CANARY } },
  ];
  for (const input of cases) {
    for (const args of [[], ["--json"], ["--output", "table"], ["--verbose"]]) {
      const { stdout, stderr } = await check(input, args);
      assert.ok(!`${stdout}${stderr}`.includes(CANARY), `${args}: ${stdout}${stderr}`);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${args}: ${stdout}${stderr}`);
    }
  }
});

test("proxy check does not listen, and leaves everything as it is", async (t) => {
  const folder = await makeFolder(t);
  await mkdir(join(folder, "manifests"));
  await writeFile(join(folder, "manifests/chat.toml"), CHAT.replace("signature+jwt", "signature"));
  await writeFile(join(folder, "credentials"), JSON.stringify(CREDENTIALS), { mode: 0o600 });
  const before = await stat(join(folder, "credentials"));
  // An address that cannot be listened on does not matter.
  const args = ["proxy", "check", "--enable-passthrough", "--bind", "127.255.255.255", "--port=1"];
  const { code, stdout } = await ati(args, { env: { ATI_DIR: folder } });
  assert.equal(code, 0);
  assert.match(stdout, /^✓ the proxy would start\n/);
  assert.match(stdout, /chat +\/chat → https:\/\/api\.example\.com\/v1\n/);
  assert.equal((await stat(join(folder, "credentials"))).mtimeMs, before.mtimeMs);
  assert.deepEqual(JSON.parse(await readFile(join(folder, "credentials"), "utf8")), CREDENTIALS);

  await writeFile(join(folder, "manifests/bad.toml"), "[provider");
  const bad = await ati(args, { env: { ATI_DIR: folder } });
  assert.equal(bad.code, 2);
  assert.match(bad.stdout, /bad\.toml:1/);
});
