import assert from "node:assert/strict";
import { test } from "node:test";
import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { inspectToken } from "../../lib/jwt/inspect.ts";
import { importSecret, importVerificationKeys } from "../../lib/jwt/keys.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { createFakeRuntime, errorOf, type FakeInput, runFake, runOn } from "./_fake_runtime.ts";

const SECRET = generateHs256Secret();
const BASE = ["token", "issue", "--sub", "agent-1", "--scope", "tool:x:* help"];
const WITH_SECRET = [...BASE, "--secret", SECRET];

test("token keygen prints the private PEM, a blank line, the public PEM, a blank line", async () => {
  const run = await runFake(["token", "keygen"]);
  assert.match(
    run.stdout,
    /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n\n-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n\n$/,
  );
});

test("token keygen takes the algorithm as word or option, in either case", async () => {
  for (const args of [["HS256"], ["hs256"], ["--algorithm", "HS256"], ["--algorithm=hs256"]]) {
    const run = await runFake(["token", "keygen", ...args]);
    assert.match(run.stdout, /^[0-9a-f]{64}\n$/);
  }
  assert.match((await runFake(["token", "keygen", "es256"])).stdout, /BEGIN PRIVATE KEY/);
});

test("token keygen refuses another algorithm, and two of them", async () => {
  for (const args of [["RS256"], ["--algorithm", "none"], ["ES256", "--algorithm", "HS256"]]) {
    assert.equal((await runFake(["token", "keygen", ...args])).code, 2);
  }
});

test("token keygen writes files with their modes, prints nothing, and never overwrites", async () => {
  const fake = createFakeRuntime();
  const args = ["token", "keygen", "--out-private", "/k.pem", "--out-public", "/p.pem"];
  const run = await runOn(fake, args);
  assert.deepEqual([run.code, run.stdout], [0, ""]);
  assert.deepEqual([fake.files.mode("/k.pem"), fake.files.mode("/p.pem")], [0o600, 0o644]);
  const before = fake.files.text("/k.pem");
  const again = await runOn(fake, args);
  assert.equal(again.code, 1);
  assert.equal(fake.files.text("/k.pem"), before);
  assert.ok(!again.stderr.includes("BEGIN"));
});

test("token keygen --out-private alone still prints the public key", async () => {
  const run = await runFake(["token", "keygen", "--out-private", "/k.pem"]);
  assert.match(run.stdout, /^-----BEGIN PUBLIC KEY-----/);
});

test("token keygen --jwk and --json print keys that import", async () => {
  const jwk = await runFake(["token", "keygen", "--jwk", "--out-private", "/k.json"]);
  assert.equal((await importVerificationKeys(jwk.stdout)).length, 1);
  const json = JSON.parse((await runFake(["token", "keygen", "--json"])).stdout);
  assert.deepEqual(Object.keys(json), ["algorithm", "kid", "private_key", "public_key"]);
  assert.equal((await importVerificationKeys(json.public_key))[0]?.kid, json.kid);
});

test("token issue prints the token alone, whatever ATI_OUTPUT says", async () => {
  for (const env of [{}, { ATI_OUTPUT: "json" }, { ATI_OUTPUT: "table" }]) {
    const run = await runFake(WITH_SECRET, { env });
    assert.match(run.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    assert.equal(run.stderr, "");
  }
});

const ISSUE = ["token", "issue", "--sub", "agent-1", "--secret", SECRET, "--scope"];

/** Narrowed scopes that were meant and allow nothing, and what they probably mean. */
const DEAD: readonly (readonly [scope: string, meant: string])[] = [
  ["passthrough:mine:get:/repos/*", "passthrough:mine:GET:/repos/*"],
  ["passthrough:mine:GET:repos", "passthrough:mine:GET:/repos"],
  ["passthrough:mine:GET:REPOS", "passthrough:mine:GET:/REPOS"],
  ["passthrough:mine:Post", "passthrough:mine:POST"],
  ["passthrough:mine:/repos/*", "passthrough:mine:GET:/repos/*"],
  ["passthrough:mine:fetch:/repos/a:b", "passthrough:mine:GET:/repos/a:b"],
  ["passthrough:mine:GET:", "passthrough:mine:GET"],
];

test("token issue refuses a narrowed scope that would allow nothing, and says how to write it", async () => {
  for (const [scope, meant] of DEAD) {
    const run = await runFake([...ISSUE, `help ${scope}`]);
    assert.equal(run.stdout, "", scope);
    assert.notEqual(run.code, 0, scope);
    const error = errorOf(run);
    assert.equal(error["reason"], "narrowing", scope);
    assert.ok(String(error["message"]).includes(`"${scope}"`), scope);
    assert.match(String(error["message"]), /would allow nothing$/);
    assert.ok(String(error["hint"]).endsWith(`: ${meant}`), String(error["hint"]));
  }
});

test("token issue takes narrowed scopes, and those that only a manifest knows, without a word", async () => {
  for (
    const scope of [
      "passthrough:mine",
      "passthrough:GET",
      "passthrough:mine:GET",
      "passthrough:mine:*:/v1/*",
      "passthrough:mine:PURGE:/a:b:get",
      "passthrough:mine:read",
      "passthrough:*",
      "tool:x:get:/repos",
      "billing:read",
      "*",
    ]
  ) {
    const run = await runFake([...ISSUE, scope]);
    assert.deepEqual([run.code, run.stderr], [0, ""], scope);
  }
});

test("token issue warns of a scope that looks misspelt, and issues it all the same", async () => {
  for (
    const [scope, meant] of [
      ["passthrogh:mine", "passthrough:mine"],
      ["tol:x", "tool:x"],
      ["Tool:x", "tool:x"],
      ["skills:a:b", "skill:a:b"],
      ["hepl", "help"],
    ] as const
  ) {
    const run = await runFake([...ISSUE, scope]);
    assert.equal(run.code, 0);
    assert.equal(inspectToken(run.stdout.trim()).claims.scope, scope);
    assert.equal(run.stderr, `warning: unknown scope "${scope}": did you mean ${meant}?\n`);
  }
});

test("token issue --json prints an object", async () => {
  const run = await runFake([...WITH_SECRET, "--json"]);
  const { token, expires_at: expiresAt } = JSON.parse(run.stdout);
  assert.equal(Date.parse(expiresAt) / 1000, inspectToken(token).claims.exp);
});

test("token issue tells a person on standard error until when it is valid", async () => {
  const run = await runFake([...WITH_SECRET, "--no-color"], { terminals: ["stderr"] });
  assert.match(run.stderr, /^✓ valid until \d{4}-/);
  assert.match(run.stdout, /^[\w.-]+\n$/);
});

test("token issue sets the claims that are asked for and leaves the others out", async () => {
  const plain = inspectToken((await runFake(WITH_SECRET)).stdout.trim()).claims;
  assert.deepEqual(Object.keys(plain), ["sub", "aud", "iat", "exp", "jti", "scope", "ati"]);
  assert.deepEqual([plain.aud, plain.exp - plain.iat, plain.ati], ["ati-proxy", 1800, { v: 1 }]);
  const full = await runFake([
    ...WITH_SECRET,
    ...["--ttl", "2h", "--aud", "other", "--iss", "me", "--jti", "id-1", "--not-before", "+5m"],
    ...["--job-id", "j", "--sandbox-id", "s", "--customer-id", "c"],
    ...["--rate", "tool:x:*=10/hour", "--rate=help=5/min"],
  ]);
  const { iat, exp, nbf, ...claims } = inspectToken(full.stdout.trim()).claims;
  assert.equal(exp - iat, 7200);
  assert.equal((nbf ?? 0) - iat, 300);
  assert.deepEqual(claims, {
    iss: "me",
    sub: "agent-1",
    aud: "other",
    jti: "id-1",
    scope: "tool:x:* help",
    ati: { v: 1, rate: { "tool:x:*": "10/hour", help: "5/min" }, customer_id: "c" },
    job_id: "j",
    sandbox_id: "s",
  });
});

test("token issue takes the issuer from ATI_JWT_ISSUER unless --iss says otherwise", async () => {
  const env = { ATI_JWT_ISSUER: "env" };
  const issuerOf = async (args: string[]) =>
    inspectToken((await runFake([...WITH_SECRET, ...args], { env })).stdout.trim()).claims.iss;
  assert.equal(await issuerOf([]), "env");
  assert.equal(await issuerOf(["--iss", "flag"]), "flag");
});

test("token issue signs with --key, --secret, standard input, and the environment", async (t) => {
  const pair = await generateEs256KeyPair();
  const [es256] = await importVerificationKeys(pair.publicPem);
  const { verificationKey: hs256 } = await importSecret(SECRET);
  assert.ok(es256 !== undefined);
  const files = { "/k.pem": pair.privatePem, "/k.json": JSON.stringify(pair.privateJwk) };
  const cases: readonly (readonly [string, string[], FakeInput, typeof hs256])[] = [
    ["--key PEM", ["--key", "/k.pem"], { files }, es256],
    ["--key JWK", ["--key", "/k.json"], { files }, es256],
    ["--secret", ["--secret", SECRET], {}, hs256],
    ["--secret -", ["--secret", "-"], { input: `${SECRET}\n` }, hs256],
    ["private key alone", [], { files, env: { ATI_JWT_PRIVATE_KEY: "/k.pem" } }, es256],
    ["ATI_JWT_SECRET", [], { env: { ATI_JWT_SECRET: SECRET } }, hs256],
    [
      "--key over ATI_JWT_SECRET",
      ["--key", "/k.pem"],
      { files, env: { ATI_JWT_SECRET: SECRET } },
      es256,
    ],
  ];
  for (const [name, args, input, key] of cases) {
    await t.test(name, async () => {
      const run = await runFake([...BASE, ...args], input);
      assert.equal(run.code, 0, run.stderr);
      await validateToken(run.stdout.trim(), { keys: [key], audiences: ["ati-proxy"] });
    });
  }
});

test("token issue refuses what cannot be meant", async (t) => {
  const files = { "/k.pem": "no key", "/p.pem": (await generateEs256KeyPair()).publicPem };
  const cases: readonly (readonly [string, string[], string])[] = [
    ["two keys", ["--secret", SECRET, "--key", "/k.pem"], "invalid_value"],
    ["a file that is no key", ["--key", "/k.pem"], "key_malformed"],
    ["a public key", ["--key", "/p.pem"], "key_unsupported"],
    ["a short secret", ["--secret", "00".repeat(31)], "secret_too_short"],
    ["a rate without =", ["--secret", SECRET, "--rate", "tool:x"], "invalid_value"],
    ["a rate without pattern", ["--secret", SECRET, "--rate", "=1/s"], "invalid_value"],
    ["a bad rate", ["--secret", SECRET, "--rate", "tool:x=1/fortnight"], "unit"],
    ["a bad ttl", ["--secret", SECRET, "--ttl", "soon"], "invalid_value"],
    ["an empty claim", ["--secret", SECRET, "--job-id", ""], "missing_argument"],
    ["a ttl beyond all dates", ["--secret", SECRET, "--ttl", "999999999999d"], "invalid_value"],
    ["nbf after the end", ["--secret", SECRET, "--not-before", "+31m"], "invalid_value"],
  ];
  for (const [name, args, reason] of cases) {
    await t.test(name, async () => {
      const run = await runFake([...BASE, ...args], { files });
      assert.deepEqual([run.code, run.stdout], [2, ""]);
      assert.equal(errorOf(run)["reason"], reason);
    });
  }
});

test("token issue --export prints a line for eval", async () => {
  const run = await runFake([...WITH_SECRET, "--export", "--json"]);
  assert.match(run.stdout, /^export ATI_SESSION_TOKEN=[\w.-]+\n$/);
});

test("token issue without a key names the one that init made", async () => {
  const run = await runFake(["token", "issue", "--sub", "a", "--scope", "help", "--json"], {
    files: { "/home/u/.ati/jwt-private.pem": "x" },
  });
  assert.equal(run.code, 3);
  assert.equal(
    errorOf(run)["hint"],
    "the key is there: export ATI_JWT_PRIVATE_KEY=/home/u/.ati/jwt-private.pem",
  );
});
