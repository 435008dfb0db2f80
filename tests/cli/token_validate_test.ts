import assert from "node:assert/strict";
import { test } from "node:test";
import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { type IssueInput, issueToken } from "../../lib/jwt/issue.ts";
import { importSecret, importSigningKey } from "../../lib/jwt/keys.ts";
import { encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { errorOf, type FakeInput, runFake } from "./_fake_runtime.ts";

const SECRET = generateHs256Secret();

async function issue(input: Partial<IssueInput> = {}, nowMs: number = Date.now()): Promise<string> {
  const { signingKey } = await importSecret(SECRET);
  return await issueToken({ sub: "agent-1", scope: "tool:x:* help", ...input }, signingKey, {
    now: () => nowMs,
  });
}

test("token inspect prints the claims as JSON in a pipe, null where there is none", async () => {
  const token = await issue({ jti: "id", rate: { "tool:x:*": "5/min" } }, 1_779_269_400_000);
  const run = await runFake(["token", "inspect", token]);
  assert.equal(run.code, 0);
  assert.deepEqual(JSON.parse(run.stdout), {
    ati: { rate: { "tool:x:*": "5/min" }, v: 1 },
    aud: "ati-proxy",
    exp: 1_779_271_200,
    iat: 1_779_269_400,
    iss: null,
    job_id: null,
    jti: "id",
    nbf: null,
    sandbox_id: null,
    scope: "tool:x:* help",
    scopes: ["tool:x:*", "help"],
    sub: "agent-1",
  });
  assert.deepEqual(Object.keys(JSON.parse(run.stdout)), Object.keys(JSON.parse(run.stdout)).sort());
});

test("token inspect takes the token from argument, dash, pipe and session", async (t) => {
  const token = await issue();
  const cases: readonly (readonly [string, string[], FakeInput])[] = [
    ["argument", [token], {}],
    ["dash", ["-"], { input: `${token}\n` }],
    ["pipe", [], { input: token }],
    ["pipe before session", [], { input: token, env: { ATI_SESSION_TOKEN: "other" } }],
    ["session", [], { env: { ATI_SESSION_TOKEN: token } }],
    ["session file", [], {
      env: { ATI_SESSION_TOKEN_FILE: "/t" },
      files: { "/t": token },
      terminals: ["stdin"],
    }],
    ["default file", [], { files: { "/run/ati/session_token": token } }],
  ];
  for (const [name, args, input] of cases) {
    await t.test(name, async () => {
      const run = await runFake(["token", "inspect", ...args], input);
      assert.equal(run.code, 0, run.stderr);
      assert.equal(JSON.parse(run.stdout).sub, "agent-1");
    });
  }
  const none = await runFake(["token", "inspect"]);
  assert.deepEqual([none.code, errorOf(none)["code"]], [2, "input.missing_arg"]);
  const emptyDash = await runFake(["token", "inspect", "-"], { env: { ATI_SESSION_TOKEN: token } });
  assert.equal(emptyDash.code, 2);
});

test("token inspect shows no escape sequence of a token to the terminal", async () => {
  const token = await issue({ sub: "\u001b[2J\u202eevil\nroot" });
  for (const flags of [["--json"], ["--output", "text"], ["--output", "table"]]) {
    const { stdout } = await runFake(["token", "inspect", token, ...flags]);
    assert.ok(!stdout.includes("\u001b") && !stdout.includes("\u202e"), flags.join(" "));
    assert.ok(!stdout.includes("\nroot"));
  }
});

test("token validate says VALID on standard error and nothing on standard output", async () => {
  const token = await issue();
  const run = await runFake(["token", "validate", token, "--secret", SECRET]);
  assert.deepEqual([run.code, run.stdout], [0, ""]);
  assert.match(run.stderr, /^✓ VALID sub=agent-1 scope=tool:x:\* help exp=\d+\n$/);
});

test("token validate --json prints the claims, and VALID still on standard error", async () => {
  const run = await runFake(["token", "validate", await issue(), "--secret", SECRET, "--json"]);
  assert.equal(JSON.parse(run.stdout).sub, "agent-1");
  assert.match(run.stderr, /VALID/);
});

test("token validate verifies with every kind of key and never across algorithms", async (t) => {
  const pair = await generateEs256KeyPair();
  const files = {
    "/pub.pem": pair.publicPem,
    "/priv.pem": pair.privatePem,
    "/jwks.json": JSON.stringify({ keys: [pair.publicJwk] }),
    "/other.pem": (await generateEs256KeyPair()).publicPem,
  };
  const signingKey = await importSigningKey(pair.privatePem);
  const es256 = await issueToken({ sub: "a", scope: "help" }, signingKey);
  const hs256 = await issue();
  const confused = await signWithText(pair.publicPem);
  const cases: readonly (readonly [string, string, string[], Record<string, string>, number])[] = [
    ["public PEM", es256, ["--key", "/pub.pem"], {}, 0],
    ["private PEM", es256, ["--key", "/priv.pem"], {}, 0],
    ["JWKS", es256, ["--key", "/jwks.json"], {}, 0],
    ["environment", es256, [], { ATI_JWT_PUBLIC_KEY: "/pub.pem" }, 0],
    ["private key in the environment", es256, [], { ATI_JWT_PRIVATE_KEY: "/priv.pem" }, 0],
    ["HS256 environment", hs256, [], { ATI_JWT_SECRET: SECRET }, 0],
    ["another key", es256, ["--key", "/other.pem"], {}, 1],
    ["HS256 against PEM", hs256, ["--key", "/pub.pem"], {}, 1],
    ["ES256 against secret", es256, ["--secret", SECRET], {}, 1],
    ["HS256 signed with the PEM", confused, ["--key", "/pub.pem"], {}, 1],
    ["tampered", `${es256.slice(0, -4)}AAAA`, ["--key", "/pub.pem"], {}, 1],
    ["none", unsigned(), ["--key", "/pub.pem"], {}, 1],
  ];
  for (const [name, token, args, env, code] of cases) {
    await t.test(name, async () => {
      const run = await runFake(["token", "validate", token, ...args], { files, env });
      assert.equal(run.code, code, run.stderr);
      if (code === 1) assert.match(String(errorOf(run)["message"]), /^INVALID — /);
    });
  }
});

test("token validate checks lifetime, audience and issuer", async (t) => {
  const now = Date.now();
  const cases:
    readonly (readonly [string, string, string[], Record<string, string>, string | 0])[] = [
      ["expired", await issue({}, now - 1_861_000), [], {}, "expired"],
      ["within the leeway", await issue({}, now - 1_830_000), [], {}, 0],
      [
        "not yet valid",
        await issue({ nbf: Math.floor(now / 1000) + 300 }),
        [],
        {},
        "not_yet_valid",
      ],
      ["wrong audience", await issue({ aud: "other" }), [], {}, "audience_mismatch"],
      ["prefix of the audience", await issue({ aud: "ati" }), [], {}, "audience_mismatch"],
      ["audience in the list", await issue({ aud: "b" }), [], {
        ATI_JWT_ACCEPTED_AUDIENCES: "a, b",
      }, 0],
      [
        "--audience",
        await issue({ aud: "other" }),
        ["--audience", "x", "--audience", "other"],
        {},
        0,
      ],
      ["no issuer", await issue(), [], { ATI_JWT_ISSUER: "me" }, "missing_iss"],
      ["other issuer", await issue({ iss: "you" }), ["--issuer", "me"], {}, "issuer_mismatch"],
      ["right issuer", await issue({ iss: "me" }), [], { ATI_JWT_ISSUER: "me" }, 0],
    ];
  for (const [name, token, args, env, expected] of cases) {
    await t.test(name, async () => {
      const run = await runFake(["token", "validate", token, "--secret", SECRET, ...args], { env });
      assert.equal(run.code, expected === 0 ? 0 : 1, run.stderr);
      if (expected !== 0) assert.equal(errorOf(run)["reason"], expected);
    });
  }
});

test("token validate refuses an audience list without an entry instead of accepting any", async () => {
  const run = await runFake(["token", "validate", await issue(), "--secret", SECRET], {
    env: { ATI_JWT_ACCEPTED_AUDIENCES: " , " },
  });
  assert.deepEqual([run.code, errorOf(run)["reason"]], [2, "audiences_empty"]);
});

/** An HS256 token whose secret is the public PEM: the algorithm confusion attack. */
async function signWithText(text: string): Promise<string> {
  const input = `${segment({ alg: "HS256", typ: "JWT" })}.${segment(claims())}`;
  const key = await crypto.subtle.importKey(
    "raw",
    encodeUtf8(text),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const mac = await crypto.subtle.sign("HMAC", key, encodeUtf8(input));
  return `${input}.${encodeBase64Url(new Uint8Array(mac))}`;
}

function unsigned(): string {
  return `${segment({ alg: "none", typ: "JWT" })}.${segment(claims())}.`;
}

function segment(value: unknown): string {
  return encodeBase64Url(encodeUtf8(JSON.stringify(value)));
}

function claims(): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000);
  return { sub: "evil", aud: "ati-proxy", iat, exp: iat + 600, scope: "*" };
}

test("token validate refuses an empty audience or issuer instead of leaving the check out", async () => {
  for (const flag of ["--audience=", "--issuer="]) {
    const run = await runFake(["token", "validate", await issue(), "--secret", SECRET, flag]);
    assert.deepEqual([run.code, errorOf(run)["code"]], [2, "input.missing_arg"]);
  }
});
