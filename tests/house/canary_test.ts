import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { encodeBase64, encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import * as errors from "../../lib/errors.ts";
import * as library from "../../mod.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";

/** What must never come out again, and the ways in which it could. */
const CANARY = "canary-5f2b9c1d-never-to-be-seen";
const DISGUISES: readonly string[] = [
  CANARY,
  encodeHex(encodeUtf8(CANARY)),
  // Base64 of text in the middle of other bytes: the part that does not depend on its neighbours.
  ...[0, 1, 2].map((offset) => encodeBase64(encodeUtf8(CANARY.slice(offset))).slice(0, 36)),
];
const HEX_CANARY = encodeHex(encodeUtf8(CANARY));
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);

/** Every way in which an error gets into a log, a response or a terminal. */
function assertSilent(value: unknown, label: string): void {
  const forms = [
    String(value),
    JSON.stringify(value) ?? "",
    JSON.stringify({ ...Object(value) }),
    inspect(value, { depth: 10, showHidden: true, getters: true, maxStringLength: null }),
    value instanceof Error ? value.stack ?? "" : "",
  ];
  for (const form of forms) {
    for (const disguise of DISGUISES) {
      assert.ok(!form.includes(disguise), `${label}: ${form.replaceAll(disguise, "<CANARY>")}`);
    }
  }
  if (value instanceof Error && value.cause !== undefined) {
    assertSilent(value.cause, `${label}: cause`);
  }
}

function envOf(variables: Record<string, string>): library.Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

/** A token whose header, claims and signature are the given values, not signed by anybody. */
function forge(header: unknown, claims: unknown, signature: string = CANARY): string {
  const encode = (part: unknown) => encodeBase64Url(encodeUtf8(JSON.stringify(part)));
  return `${encode(header)}.${encode(claims)}.${encodeBase64Url(encodeUtf8(signature))}`;
}

async function validate(token: string, policy: Partial<library.ValidationPolicy> = {}) {
  const { verificationKey } = await library.importSecret(SECRET);
  const base = { keys: [verificationKey], audiences: ["ati-proxy"], issuer: "issuer" };
  return await library.validateToken(token, { ...base, ...policy });
}

/** Signed, so that the claims are looked at. */
async function sign(input: Partial<library.IssueInput>, now?: library.Clock): Promise<string> {
  const { signingKey } = await library.importSecret(SECRET);
  const base = { sub: CANARY, scope: `tool:${CANARY}`, iss: "issuer", jti: CANARY };
  return await library.issueToken({ ...base, ...input }, signingKey, now && { now });
}

function soon(): number {
  return Math.floor(Date.now() / 1000) + 3600;
}

async function loadJwt(variables: Record<string, string>, content = CANARY): Promise<unknown> {
  const files = createMemoryFiles({ "/key.pem": content });
  return await library.loadJwtConfig({ env: envOf(variables), files });
}

async function loadRing(content: Record<string, string | Uint8Array>): Promise<never> {
  const files = createMemoryFiles(content);
  const { error } = await library.loadKeyring({ atiDir: "/ati" }, { env: envOf({}), files });
  throw error;
}

function pem(label: string): string {
  return `-----BEGIN ${label}-----\n${encodeBase64(encodeUtf8(CANARY))}\n-----END ${label}-----\n`;
}

function manifest(line: string): string {
  return `[provider]\nname = "x"\ndescription = "y"\nhandler = "passthrough"\n` +
    `base_url = "https://upstream.example"\npath_prefix = "/x"\n${line}\n`;
}

const CLAIMS = { sub: CANARY, aud: "ati-proxy", iat: 1, exp: 4e9, scope: CANARY };
const EC_JWK = { kty: "EC", crv: "P-256", x: CANARY, y: CANARY, d: CANARY };
const SEALING_KEY = new Uint8Array(32).fill(7);

/** Refusals, each of something that holds the canary. */
const REFUSALS: Readonly<Record<string, () => unknown>> = {
  "a token that is none": () => validate(CANARY),
  "three parts of nonsense": () => validate(`${CANARY}.${CANARY}.${CANARY}`),
  "a token nobody signed": () => validate(forge({ alg: "HS256", typ: "JWT" }, CLAIMS)),
  "an algorithm": () => validate(forge({ alg: CANARY }, CLAIMS)),
  "a type": () => validate(forge({ alg: "HS256", typ: CANARY }, CLAIMS)),
  "a token too long": () => validate(CANARY.repeat(2000)),
  "an audience": async () => await validate(await sign({ aud: CANARY })),
  "an issuer": async () => await validate(await sign({ iss: CANARY })),
  "an expired token": async () => await validate(await sign({}, () => 1e12)),
  "a token of the future": async () =>
    await validate(await sign({ nbf: soon(), ttlSeconds: 7200 })),
  "an inspected token": () => library.inspectToken(`e30.${CANARY}.x`),
  "claims that are no object": () => library.inspectToken(forge({ alg: "HS256" }, CANARY)),
  "a private key": () => library.importSigningKey(pem("PRIVATE KEY")),
  "a SEC1 key": () => library.importSigningKey(pem("EC PRIVATE KEY")),
  "a public key": () => library.importVerificationKeys(pem("PUBLIC KEY")),
  "a key that is no PEM": () => library.importSigningKey(CANARY),
  "a private JWK": () => library.importSigningKey(EC_JWK),
  "a JWK set": () => library.importVerificationKeys(JSON.stringify({ keys: [EC_JWK] })),
  "a secret that is not hex": () => library.importSecret(CANARY),
  "a secret too short": () => library.importSecret(HEX_CANARY.slice(0, 40)),
  "rates to issue": () => sign({ rate: { [CANARY]: [CANARY] as never } }),
  "a JWT secret in the environment": () => loadJwt({ ATI_JWT_SECRET: CANARY }),
  "a short JWT secret": () => loadJwt({ ATI_JWT_SECRET: HEX_CANARY.slice(0, 40) }),
  "a public key file": () => loadJwt({ ATI_JWT_PUBLIC_KEY: "/key.pem" }),
  "a public key file in PEM": () => loadJwt({ ATI_JWT_PUBLIC_KEY: "/key.pem" }, pem("PUBLIC KEY")),
  "a private key file": () => loadJwt({ ATI_JWT_PRIVATE_KEY: "/key.pem" }),
  "a port": () => library.parseProxySettings({ env: envOf({ PORT: CANARY }) }),
  "a mode": () => library.parseProxySettings({ env: envOf({ ATI_SIG_VERIFY_MODE: CANARY }) }),
  "a bind address": () => library.parseProxySettings({ env: envOf({ ATI_BIND: CANARY }) }),
  "a rate": () => library.parseRate(CANARY),
  "a scope not held": () => library.narrowScopes([`tool:${CANARY}`], ["tool:other"]),
  "an empty signing secret": () => library.parseSigningSecret(""),
  "a session token file that is a folder": () => {
    const files = createMemoryFiles({ [`/run/${CANARY}`]: CANARY });
    const env = envOf({ ATI_SESSION_TOKEN_FILE: "/run" });
    return library.resolveToken("ATI_SESSION_TOKEN", { env, files });
  },
  "a session token too long": () => {
    const files = createMemoryFiles({ "/run/ati/session_token": CANARY.repeat(10_000) });
    return library.resolveToken("ATI_SESSION_TOKEN", { env: envOf({}), files });
  },
  "credentials that are no JSON": () => library.parseCredentials(`{"a": "${CANARY}`),
  "a credential that is no text": () => library.parseCredentials(`{"a": ["${CANARY}"]}`),
  "dotenv without a name": () => library.parseEntries(`=${CANARY}\n${CANARY}`),
  "a 1Password item": () => library.parseOnePasswordItem(`{"fields": "${CANARY}"`),
  "a sealing key": () => library.parseSealingKey(CANARY),
  "a sealed keyring": () => library.openKeyring(encodeUtf8(CANARY.repeat(4)), SEALING_KEY),
  "a missing reference": () =>
    library.resolveReferences({ a: CANARY, b: "@file:/gone" }, createMemoryFiles()),
  "a keyring file and its key": () =>
    loadRing({ "/ati/keyring.enc": CANARY.repeat(4), "/ati/.keyring-key": CANARY }),
  "a credentials file": () => loadRing({ "/ati/credentials": `{"a": "${CANARY}"` }),
  "a manifest that is no TOML": () => library.parseManifest(`x = "${CANARY}`, { file: "x.toml" }),
  "a manifest's handler": () =>
    library.parseManifest(`[provider]\nname="x"\ndescription="y"\nhandler="${CANARY}"`, {
      file: "x.toml",
    }),
  "a manifest's base URL": () =>
    library.parseManifest(`[provider]\nname="x"\ndescription="y"\nbase_url="${CANARY}"`, {
      file: "x.toml",
    }),
  "a manifest's list": () =>
    library.parseManifest(manifest(`deny_paths = "${CANARY}"`), { file: "x.toml" }),
  "a glob": () => library.compileGlob(`/[${CANARY}`),
};

const thrown = new Set<unknown>();

test("no refusal shows what it refused", async (t) => {
  for (const [what, refuse] of Object.entries(REFUSALS)) {
    await t.test(what, async () => {
      await assert.rejects(async () => await refuse(), (error: unknown) => {
        const isMisuse = error instanceof TypeError || error instanceof RangeError;
        assert.ok(isMisuse || library.isAtiError(error), inspect(error));
        assertSilent(error, what);
        thrown.add(Object(error).constructor);
        return true;
      });
    });
  }
});

test("no failure of the upstream call shows what fetch said", async () => {
  const failing = () => Promise.reject(new TypeError(`fetch failed: https://u/?key=${CANARY}`));
  const upstream = library.createFetchUpstream(failing);
  const deadlines = { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0 };
  const exchange = upstream({
    method: "GET",
    url: `https://upstream.example/?key=${CANARY}`,
    headers: [["authorization", `Bearer ${CANARY}`]],
    incoming: new Request("http://localhost/"),
    deadlines,
    keepAliveMs: 0,
    maxRequestBytes: 0,
    maxResponseBytes: 0,
  });
  await assert.rejects(exchange, (error: unknown) => {
    assertSilent(error, "upstream");
    thrown.add(Object(error).constructor);
    return library.isAtiError(error);
  });
});

test("every error class was among them", () => {
  const classes = Object.values(errors).filter((value) =>
    typeof value === "function" && value.prototype instanceof errors.AtiError
  ) as readonly { name: string }[];
  assert.ok(classes.length > 8);
  // Made by lib/runtime, which names paths only, and by decoders that every area wraps.
  const elsewhere = ["FileError", "EncodingError", "SignatureError"];
  const missing = classes.filter((one) => !thrown.has(one)).map(({ name }) => name);
  assert.deepEqual(missing.filter((name) => !elsewhere.includes(name)), []);
});

test("what holds secrets does not print them", async () => {
  const keyring = new library.Keyring({ github_token: CANARY });
  assert.equal(keyring.get("github_token"), CANARY);
  assertSilent(keyring, "keyring");
  assertSilent({ nested: [keyring] }, "keyring in an object");
  assertSilent(`${keyring}`, "keyring in a text");
  const { signingKey, verificationKey } = await library.importSecret(HEX_CANARY);
  assertSilent({ signingKey, verificationKey }, "keys");
  const text = manifest('auth_type = "query"\nauth_key_name = "github_token"');
  const { manifest: parsed } = library.parseManifest(text, { file: "x.toml" });
  assertSilent(library.createRouteTable([parsed.provider], keyring), "route table");
});

test("a verdict on a signature does not repeat it", async () => {
  const secret = library.parseSigningSecret(SECRET);
  for (const header of [CANARY, `t=1,s=${HEX_CANARY}`, `t=${CANARY},s=x`, `t=1,s=${CANARY}`]) {
    const input = { header, method: "GET", path: `/${CANARY}` };
    const verdict = await library.verifySandboxSignature(input, { secret, now: () => 1000 });
    assert.equal(verdict.valid, false);
    assertSilent(verdict, header.slice(0, 3));
  }
});

test("the search would find a canary in any disguise", () => {
  const leaks: readonly unknown[] = [
    new Error(CANARY),
    new Error("quiet", { cause: new Error(CANARY) }),
    Object.assign(new Error("quiet"), { payload: { sub: CANARY } }),
    Object.defineProperty(new Error("quiet"), "hidden", { value: CANARY, enumerable: false }),
    { bytes: encodeBase64(encodeUtf8(`x${CANARY}`)) },
    { hex: HEX_CANARY },
  ];
  for (const leak of leaks) assert.throws(() => assertSilent(leak, "leak"), inspect(leak));
});
