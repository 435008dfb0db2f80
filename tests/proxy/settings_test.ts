import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../lib/errors.ts";
import {
  DEFAULT_EXEMPT_PATHS,
  examineProxySettings,
  parseProxySettings,
  resolveAtiDirectory,
} from "../../lib/proxy/settings.ts";
import type { ProxyFlags, ProxySettings } from "../../lib/proxy/settings.ts";
import type { Env } from "../../lib/ports.ts";

function createEnv(variables: Readonly<Record<string, string>>): Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

function parse(variables: Record<string, string> = {}, flags: ProxyFlags = {}): ProxySettings {
  return parseProxySettings({ env: createEnv(variables), flags });
}

test("parseProxySettings() has the defaults of the reference", () => {
  assert.deepEqual(parseProxySettings({ env: createEnv({ HOME: "/home/a" }) }), {
    port: 8090,
    bind: "127.0.0.1",
    atiDir: "/home/a/.ati",
    envKeys: false,
    enablePassthrough: false,
    signature: {
      mode: "log",
      driftSeconds: 60,
      minVersion: 1,
      exemptPaths: DEFAULT_EXEMPT_PATHS,
    },
    watch: false,
    privateAddresses: "allow",
    metricsToken: undefined,
    telemetry: undefined,
    logLevel: "info",
  });
});

test("parseProxySettings() takes everything from the environment", () => {
  const settings = parse({
    PORT: "9000",
    ATI_BIND: "[::1]",
    ATI_DIR: "/var/lib/ati/",
    ATI_ENV_KEYS: "true",
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
    ATI_SIG_DRIFT_SECONDS: "5",
    ATI_SIG_MIN_VERSION: "2",
    ATI_SIG_EXEMPT_PATHS: " /a , ,/b/*",
    ATI_WATCH: "on",
    ATI_SSRF_PROTECTION: "1",
    ATI_LOG_LEVEL: "debug",
  });
  assert.deepEqual(settings, {
    port: 9000,
    bind: "::1",
    atiDir: "/var/lib/ati",
    envKeys: true,
    enablePassthrough: true,
    signature: { mode: "enforce", driftSeconds: 5, minVersion: 2, exemptPaths: ["/a", "/b/*"] },
    watch: true,
    privateAddresses: "block",
    metricsToken: undefined,
    telemetry: undefined,
    logLevel: "debug",
  });
});

test("parseProxySettings() lets a flag win over its variable", () => {
  const variables = {
    PORT: "1",
    ATI_BIND: "0.0.0.0",
    ATI_DIR: "/env",
    ATI_ENV_KEYS: "1",
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_SIG_VERIFY_MODE: "enforce",
    ATI_SIG_DRIFT_SECONDS: "1",
    ATI_SIG_MIN_VERSION: "2",
    ATI_SIG_EXEMPT_PATHS: "/env",
    ATI_WATCH: "1",
    ATI_LOG_LEVEL: "error",
  };
  const flags: ProxyFlags = {
    port: 2,
    bind: "::",
    atiDir: "/flag",
    envKeys: false,
    enablePassthrough: false,
    sigVerifyMode: "warn",
    sigDriftSeconds: 2,
    sigMinVersion: 1,
    sigExemptPaths: "/flag",
    watch: false,
    logLevel: "warn",
  };
  assert.deepEqual(parse(variables, flags), {
    port: 2,
    bind: "::",
    atiDir: "/flag",
    envKeys: false,
    enablePassthrough: false,
    signature: { mode: "warn", driftSeconds: 2, minVersion: 1, exemptPaths: ["/flag"] },
    watch: false,
    privateAddresses: "allow",
    metricsToken: undefined,
    telemetry: undefined,
    logLevel: "warn",
  });
});

test("parseProxySettings() counts a blank variable as not set", () => {
  const settings = parse({ PORT: " ", ATI_BIND: "", ATI_SIG_EXEMPT_PATHS: "", ATI_ENV_KEYS: "" });
  assert.equal(settings.port, 8090);
  assert.equal(settings.bind, "127.0.0.1");
  assert.equal(settings.envKeys, false);
  assert.equal(settings.signature.exemptPaths, DEFAULT_EXEMPT_PATHS);
});

test("parseProxySettings() exempts nothing for an empty --sig-exempt-paths", () => {
  assert.deepEqual(parse({}, { sigExemptPaths: "" }).signature.exemptPaths, []);
});

test("parseProxySettings() takes the boundaries of numbers", () => {
  assert.equal(parse({ PORT: "0" }).port, 0);
  assert.equal(parse({ PORT: "65535" }).port, 65_535);
  assert.equal(parse({ ATI_SIG_DRIFT_SECONDS: "0" }).signature.driftSeconds, 0);
});

const BAD:
  readonly (readonly [named: string, variables: Record<string, string>, flags: ProxyFlags])[] = [
    ["PORT", { PORT: "65536" }, {}],
    ["PORT", { PORT: "80x" }, {}],
    ["PORT", { PORT: "-1" }, {}],
    ["PORT", { PORT: "1e3" }, {}],
    ["--port", {}, { port: "" }],
    ["--port", {}, { port: 1.5 }],
    ["ATI_BIND", { ATI_BIND: "localhost" }, {}],
    ["--bind", {}, { bind: "127.0.0.1:80" }],
    ["--bind", {}, { bind: "" }],
    ["ATI_SIG_VERIFY_MODE", { ATI_SIG_VERIFY_MODE: "enforced" }, {}],
    ["--sig-verify-mode", {}, { sigVerifyMode: "" }],
    ["ATI_SIG_DRIFT_SECONDS", { ATI_SIG_DRIFT_SECONDS: "-1" }, {}],
    ["--sig-drift-seconds", {}, { sigDriftSeconds: "60s" }],
    ["ATI_SIG_MIN_VERSION", { ATI_SIG_MIN_VERSION: "3" }, {}],
    ["--sig-min-version", {}, { sigMinVersion: 0 }],
    ["--sig-exempt-paths", {}, { sigExemptPaths: "/a,/[" }],
    ["ATI_ENV_KEYS", { ATI_ENV_KEYS: "maybe" }, {}],
    ["ATI_ENABLE_PASSTHROUGH", { ATI_ENABLE_PASSTHROUGH: "2" }, {}],
    ["ATI_LOG_LEVEL", { ATI_LOG_LEVEL: "loud" }, {}],
    ["--ati-dir", {}, { atiDir: "" }],
  ];

test("parseProxySettings() refuses a bad value and names where it came from, not the value", () => {
  for (const [named, variables, flags] of BAD) {
    assert.throws(() => parse(variables, flags), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_CONFIG");
      assert.ok(error.message.includes(named), error.message);
      assert.doesNotMatch(error.message, /65536|80x|localhost|enforced|60s|maybe|loud/);
      return true;
    }, named);
  }
});

test("parseProxySettings() reads a level for us in RUST_LOG and passes over the rest", () => {
  const levels: readonly (readonly [text: string, level: string])[] = [
    ["warn", "warn"],
    ["hyper=debug,ati=error", "error"],
    ["hyper=debug", "info"],
    ["TRACE", "debug"],
    ["off", "error"],
    ["ati::core=debug, info", "info"],
    ["nonsense", "info"],
    ["", "info"],
  ];
  for (const [text, level] of levels) assert.equal(parse({ RUST_LOG: text }).logLevel, level, text);
  assert.equal(parse({ RUST_LOG: "debug", ATI_LOG_LEVEL: "warn" }).logLevel, "warn");
});

test("resolveAtiDirectory() goes from flag to variable to home to the working folder", () => {
  const env = createEnv({ ATI_DIR: " /env// ", HOME: "/home/a" });
  assert.equal(resolveAtiDirectory(env, "/flag/"), "/flag");
  assert.equal(resolveAtiDirectory(env), "/env");
  assert.equal(resolveAtiDirectory(createEnv({ ATI_DIR: "", HOME: "/home/a" })), "/home/a/.ati");
  assert.equal(resolveAtiDirectory(createEnv({})), ".ati");
  assert.equal(resolveAtiDirectory(createEnv({ ATI_DIR: "/" })), "/");
});

test("parseProxySettings() refuses a database, which would not be used", () => {
  assert.throws(() => parse({ ATI_DB_URL: "postgres://user:canary@db/ati" }), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /ATI_DB_URL/);
    assert.ok(!`${error.message}${error.hint}`.includes("canary"));
    return true;
  });
  assert.equal(parse({ ATI_DB_URL: " " }).port, 8090);
});

test("parseProxySettings() takes a token for the metrics that cannot be guessed, and never shows it", () => {
  assert.equal(parse({ ATI_METRICS_TOKEN: ` ${"x".repeat(16)} ` }).metricsToken, "x".repeat(16));
  assert.equal(parse({ ATI_METRICS_TOKEN: "" }).metricsToken, undefined);
  for (const token of ["canary-is-short", "canary with a blank", "canary-canary-canary-\u00e9"]) {
    assert.throws(() => parse({ ATI_METRICS_TOKEN: token }), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /ATI_METRICS_TOKEN/);
      assert.ok(!`${error.message}${error.hint}`.includes("canary"));
      return true;
    });
  }
});

test("parseProxySettings() reads OpenTelemetry's variables", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" };
  assert.equal(parse(endpoint).telemetry?.traces?.url, "http://c:4318/v1/traces");
  assert.throws(() => parse({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }), ConfigError);
});

test("examineProxySettings() finds every setting that cannot be used, as a start would first", () => {
  const env = createEnv({
    ATI_DB_URL: "sqlite:x",
    PORT: "70000",
    ATI_ENV_KEYS: "maybe",
    ATI_SIG_DRIFT_SECONDS: "-1",
    ATI_METRICS_TOKEN: "short",
  });
  const flags = { bind: "localhost", sigVerifyMode: "strict", sigExemptPaths: "/[" };
  const examined = examineProxySettings({ env, flags });
  assert.ok(!examined.ok);
  const named = examined.errors.map(({ message }) =>
    /^Cannot (?:use|read) ([\w-]+)/.exec(message)?.[1]
  );
  assert.deepEqual(named, [
    "ATI_DB_URL",
    "PORT",
    "--bind",
    "ATI_ENV_KEYS",
    "--sig-verify-mode",
    "ATI_SIG_DRIFT_SECONDS",
    "--sig-exempt-paths",
    "ATI_METRICS_TOKEN",
  ]);
  assert.throws(() => parseProxySettings({ env, flags }), /ATI_DB_URL/);
});
