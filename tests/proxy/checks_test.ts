import assert from "node:assert/strict";
import { test } from "node:test";
import { chatManifest, createTestProxy, readSources } from "./_proxy.ts";
import type { LogRecord, TestProxyOptions } from "./_proxy.ts";

const SECRET_ENTRY = { sandbox_signing_shared_secret: "b2".repeat(32) };

/** The loud records of a start, as message and the field named. */
async function noticesOf(options: TestProxyOptions): Promise<LogRecord[]> {
  const { records } = await createTestProxy(options);
  return records().filter(({ level }) => level === "WARN" || level === "ERROR");
}

function find(records: readonly LogRecord[], message: RegExp): LogRecord | undefined {
  return records.find((record) => message.test(String(record["message"])));
}

test("createProxy() refuses to enforce signatures without the secret, and says how to mend it", async () => {
  await assert.rejects(
    createTestProxy({ signature: { mode: "enforce" } }),
    (error: Error & { code?: string; reason?: string; hint?: string }) => {
      assert.deepEqual([error.code, error.reason], ["ERR_CONFIG", "no_signing_secret"]);
      assert.match(error.message, /sandbox_signing_shared_secret/);
      assert.match(error.message, /enforce/);
      assert.match(error.message, /ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET/);
      assert.match(error.hint ?? "", /ati key set sandbox_signing_shared_secret`/);
      return true;
    },
  );
});

test("createProxy() refuses a blank signing secret in every mode", async () => {
  for (const mode of ["log", "warn", "enforce"] as const) {
    const entries = { sandbox_signing_shared_secret: "  " };
    await assert.rejects(createTestProxy({ signature: { mode }, entries }), {
      code: "ERR_SIGNATURE_SECRET",
    });
  }
});

test("createProxy() refuses an empty audience list", async () => {
  const sources = await readSources({});
  assert.ok(sources.jwt);
  const load = () => Promise.resolve({ ...sources, jwt: { ...sources.jwt!, audiences: [] } });
  await assert.rejects(createTestProxy({ config: { load } }), {
    code: "ERR_CONFIG",
    reason: "empty_audience_list",
  });
});

test("createProxy() refuses to serve others without any authentication", async () => {
  for (const bind of ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1"]) {
    for (const mode of ["log", "warn"] as const) {
      const options = { jwt: false, config: { bind }, signature: { mode } };
      await assert.rejects(createTestProxy(options), {
        code: "ERR_CONFIG",
        reason: "no_authentication",
      }, bind);
    }
  }
});

test("createProxy() serves others with tokens, or with enforced signatures", async () => {
  await createTestProxy({ jwt: true, config: { bind: "0.0.0.0" } });
  await createTestProxy({
    jwt: false,
    config: { bind: "0.0.0.0" },
    signature: { mode: "enforce" },
    entries: SECRET_ENTRY,
  });
});

const KEYLESS: readonly (readonly [auth: string, hasSecret: boolean, reason: string])[] = [
  ["jwt", true, "no_token_keys"],
  ["jwt", false, "no_token_keys"],
  ["signature+jwt", true, "no_token_keys"],
  ["signature+jwt", false, "no_token_keys"],
  ["any", false, "no_route_keys"],
];

test("createProxy() refuses a route whose callers nothing could verify, and says how to mend it", async () => {
  for (const [auth, hasSecret, reason] of KEYLESS) {
    const options = {
      jwt: false,
      manifests: [chatManifest(`auth = "${auth}"`)],
      entries: hasSecret ? SECRET_ENTRY : {},
    };
    await assert.rejects(
      createTestProxy(options),
      (error: Error & { code?: string; reason?: string; hint?: string }) => {
        assert.deepEqual([error.code, error.reason], ["ERR_CONFIG", reason], auth);
        assert.match(error.message, /"chat".*auth = ".*ATI_JWT_PUBLIC_KEY.*ATI_JWT_SECRET/);
        assert.match(error.hint ?? "", /ati init --proxy --es256/);
        return true;
      },
    );
    await createTestProxy({ ...options, passthrough: false });
    await createTestProxy({ ...options, jwt: true });
  }
});

test("createProxy() serves a route that takes either with one of the two", async () => {
  const manifests = [chatManifest('auth = "any"')];
  await createTestProxy({ manifests, jwt: false, entries: SECRET_ENTRY });
  await createTestProxy({ manifests, jwt: true });
});

test("reload() refuses to take the token keys away from a route that needs them", async () => {
  const before = await readSources({ manifests: [chatManifest('auth = "jwt"')] });
  let sources = before;
  const { proxy } = await createTestProxy({ config: { load: () => Promise.resolve(sources) } });
  sources = { ...before, jwt: undefined };
  const result = await proxy.reload();
  assert.ok(!result.ok);
  assert.equal(result.error.reason, "no_token_keys");
});

test("reload() lets the signing secret go, also where a route takes either", async () => {
  const options = { jwt: false, manifests: [chatManifest('auth = "any"')] };
  let sources = await readSources({ ...options, entries: SECRET_ENTRY });
  const { proxy, send } = await createTestProxy({
    config: { load: () => Promise.resolve(sources) },
  });
  sources = await readSources(options);
  assert.equal((await proxy.reload()).ok, true);
  assert.equal((await send("/chat/a")).status, 401);
});

test("createProxy() serves this machine without authentication, and says so", async () => {
  for (const bind of ["127.0.0.1", "::1", "127.8.8.8"]) {
    const notices = await noticesOf({ jwt: false, config: { bind } });
    assert.ok(find(notices, /authentication is disabled/), bind);
  }
});

test("createProxy() passes on what the loader refuses", async () => {
  const load = () => Promise.reject(new TypeError("broken"));
  await assert.rejects(createTestProxy({ config: { load } }), TypeError);
});

test("a quiet configuration raises no notice", async () => {
  const notices = await noticesOf({
    manifests: [chatManifest()],
    entries: { ...SECRET_ENTRY, chat_key: "k" },
    signature: { mode: "enforce" },
  });
  assert.deepEqual(notices, []);
});

test("passthrough without a signing secret is an error in the log, but runs", async () => {
  const notices = await noticesOf({ manifests: [chatManifest()], entries: { chat_key: "k" } });
  assert.equal(find(notices, /no signing secret/)?.["level"], "ERROR");
});

test("credentialed routes under log and warn are warned about by name", async () => {
  for (const mode of ["log", "warn"] as const) {
    const notices = await noticesOf({
      manifests: [chatManifest()],
      entries: { ...SECRET_ENTRY, chat_key: "k" },
      signature: { mode },
    });
    assert.deepEqual(find(notices, /inject credentials/)?.["routes"], ["chat"]);
  }
});

test("a route whose callers show a token is not warned about", async () => {
  for (const auth of ["jwt", "signature+jwt", "any"]) {
    const notices = await noticesOf({
      manifests: [chatManifest(`auth = "${auth}"`)],
      entries: { ...SECRET_ENTRY, chat_key: "k" },
      signature: { mode: "log", exemptPaths: ["/chat/*"] },
    });
    assert.deepEqual(notices, [], auth);
  }
});

test("no signing secret is missed where every route asks for a token", async () => {
  for (
    const [auth, isMissed] of [["jwt", false], ["signature+jwt", true], ["any", true]] as const
  ) {
    const manifests = [chatManifest(`auth = "${auth}"`)];
    const notices = await noticesOf({ manifests, entries: { chat_key: "k" } });
    assert.equal(find(notices, /no signing secret/) !== undefined, isMissed, auth);
  }
});

test("a route that another one hides is warned about by name", async () => {
  const notices = await noticesOf({
    manifests: [chatManifest(), chatManifest().replace('name = "chat"', 'name = "talk"')],
    entries: { ...SECRET_ENTRY, chat_key: "k" },
    signature: { mode: "enforce" },
  });
  assert.equal(notices.length, 1);
  const notice = find(notices, /^route talk can never be reached: route chat takes/);
  assert.deepEqual([notice?.["level"], notice?.["route"], notice?.["hidden_by"]], [
    "WARN",
    "talk",
    "chat",
  ]);
  assert.match(String(notice?.["hint"]), /host_match or path_prefix/);
});

test("a token secret that is passed over is warned about", async () => {
  const sources = await readSources({ entries: SECRET_ENTRY });
  const quiet = await noticesOf({ config: { load: () => Promise.resolve(sources) } });
  assert.equal(find(quiet, /ATI_JWT_SECRET/), undefined);
  const load = () => Promise.resolve({ ...sources, isSecretUnread: true });
  const notice = find(await noticesOf({ config: { load } }), /^ATI_JWT_SECRET is not in force/);
  assert.equal(notice?.["level"], "WARN");
  assert.match(String(notice?.["hint"]), /unset ATI_JWT_SECRET/);
});

/** Which exempt globs can be reached under a route, by its prefix. */
const OVERLAPS: readonly (readonly [prefix: string, glob: string, overlaps: boolean])[] = [
  ["/npm", "/npm/*", true],
  ["/npm", "/npm", true],
  ["/npm", "/npm/a/b", true],
  ["/npm", "/n*", true],
  ["/npm", "*", true],
  ["/npm", "/**", true],
  ["/npm", "/npm/a/*", true],
  ["/npm/a", "/npm/*", true],
  ["/npm", "/npmx/*", false],
  ["/npm", "/npmx", false],
  ["/npm", "/otel/*", false],
  ["/npm", "/health", false],
  ["/", "/otel/*", true],
  ["/", "/healthz", true],
  ["/", "/health", false],
];

test("exempt paths that overlap a credentialed route are warned about", async () => {
  for (const [prefix, glob, overlaps] of OVERLAPS) {
    const notices = await noticesOf({
      manifests: [chatManifest().replace("/chat", prefix)],
      entries: { ...SECRET_ENTRY, chat_key: "k" },
      signature: { mode: "enforce", exemptPaths: [glob] },
    });
    const notice = find(notices, /exempt paths overlap/);
    assert.deepEqual(notice?.["exempt_paths"], overlaps ? [glob] : undefined, `${prefix} ${glob}`);
  }
});

test("an exempt path over a route without credential is nobody's concern", async () => {
  const manifest = chatManifest().replace('auth_type = "bearer"', 'auth_type = "none"')
    .replace('auth_key_name = "chat_key"', "");
  const notices = await noticesOf({
    manifests: [manifest],
    entries: SECRET_ENTRY,
    signature: { mode: "enforce", exemptPaths: ["/chat/*"] },
  });
  assert.deepEqual(notices, []);
});

test("JWT keys in config.toml are warned about while none are in force, by name only", async () => {
  for (const jwt of [true, false]) {
    const sources = await readSources({ jwt });
    const load = () => Promise.resolve({ ...sources, unreadJwtKeys: ["algorithm", "secret"] });
    const notice = find(await noticesOf({ config: { load }, passthrough: false }), /config\.toml/);
    const expected = jwt ? undefined : ["proxy.jwt.algorithm", "proxy.jwt.secret"];
    assert.deepEqual(notice?.["keys"], expected);
  }
});

test("passthrough manifests that are not served are warned about", async () => {
  const notices = await noticesOf({ manifests: [chatManifest()], passthrough: false });
  assert.deepEqual(find(notices, /not served/)?.["providers"], ["chat"]);
});

test("a route without its credential is warned about with the name of the entry", async () => {
  const notices = await noticesOf({
    manifests: [chatManifest()],
    entries: SECRET_ENTRY,
    signature: { mode: "enforce" },
  });
  assert.equal(find(notices, /lacks its credential/)?.["keyring_entry"], "chat_key");
});

test("warnings of manifests are logged with file and key", async () => {
  const sources = await readSources({});
  const warnings = [{ file: "a.toml", line: 3, path: "provider.colour", message: "Is unknown" }];
  const load = () => Promise.resolve({ ...sources, warnings });
  const notices = await noticesOf({ config: { load }, passthrough: false });
  assert.deepEqual(
    notices.map(({ file, line, key, issue }) => ({ file, line, key, issue })),
    [{ file: "a.toml", line: 3, key: "provider.colour", issue: "Is unknown" }],
  );
});
