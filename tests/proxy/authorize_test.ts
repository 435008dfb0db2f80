import assert from "node:assert/strict";
import { test } from "node:test";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSecret } from "../../lib/jwt/keys.ts";
import { MAX_SCOPES } from "../../lib/limits.ts";
import {
  bearer,
  chatManifest,
  createTestProxy,
  CREDENTIAL,
  issueTestToken,
  JWT_SECRET,
  NOW_MS,
  readProblem,
  signed,
  SIGNING_SECRET,
} from "./_proxy.ts";
import type { TestProxy } from "./_proxy.ts";

const AUTHS = ["signature", "jwt", "signature+jwt", "any"] as const;
const MODES = ["log", "warn", "enforce"] as const;
const SIGNATURES = ["none", "valid", "invalid"] as const;
const TOKENS = ["none", "valid", "expired", "foreign", "narrow", "basic"] as const;

type Auth = typeof AUTHS[number];
type Mode = typeof MODES[number];
type Signature = typeof SIGNATURES[number];
type Token = typeof TOKENS[number];

/** Status and reason: `200`, or what a refusal is told. */
type Answer = readonly [status: number, reason?: string];

const SERVED: Answer = [200];
const BY_TOKEN: Readonly<Record<Token, Answer>> = {
  none: [401, "missing_credentials"],
  valid: SERVED,
  expired: [401, "invalid_token"],
  foreign: [401, "invalid_token"],
  narrow: [403, "insufficient_scope"],
  basic: [401, "unsupported_scheme"],
};

const BY_SIGNATURE: Readonly<Record<Signature, Answer>> = {
  none: [403, "missing_signature"],
  valid: SERVED,
  invalid: [403, "hmac_mismatch"],
};

const CHALLENGES: Readonly<Record<number, RegExp>> = {
  401: /^Bearer realm="ati"(?:, error="invalid_token"|$)/,
  403:
    /^$|^Bearer realm="ati", error="insufficient_scope", scope="passthrough:chat:GET:\/v1\/models"$/,
};

/** What must come of it: said once more, apart from the code that decides. */
function expectAnswer(auth: Auth, mode: Mode, signature: Signature, token: Token): Answer {
  const bySignature = mode === "enforce" ? BY_SIGNATURE[signature] : SERVED;
  switch (auth) {
    case "signature":
      return bySignature;
    case "jwt":
      return BY_TOKEN[token];
    case "signature+jwt":
      return bySignature === SERVED ? BY_TOKEN[token] : bySignature;
    case "any":
      if (signature === "valid") return SERVED;
      return token === "none" ? [401, "signature_or_token_required"] : BY_TOKEN[token];
  }
}

const PATH = "/chat/v1/models";
const SCOPE = "passthrough:chat:GET:/v1/*";
const OTHER_SCOPES = "passthrough:chat:POST passthrough:chat:GET:/v2/* passthrough:cha tool:*";

async function issueExpired(): Promise<string> {
  const { signingKey } = await importSecret(JWT_SECRET);
  const now = (): number => NOW_MS - 7_200_000;
  return await issueToken({ sub: "agent-7", scope: SCOPE, ttlSeconds: 3600 }, signingKey, { now });
}

const AUTHORIZATIONS: Readonly<Record<Token, Readonly<Record<string, string>>>> = {
  none: {},
  valid: await bearer({ scope: SCOPE }),
  expired: { authorization: `Bearer ${await issueExpired()}` },
  foreign: { authorization: `Bearer ${await issueTestToken({ scope: SCOPE }, "c3".repeat(32))}` },
  narrow: await bearer({ scope: OTHER_SCOPES }),
  basic: { authorization: "Basic dTpw" },
};

const SIGNED: Readonly<Record<Signature, Readonly<Record<string, string>>>> = {
  none: {},
  valid: await signed(PATH),
  invalid: await signed("/chat/v1/other"),
};

interface Gate extends TestProxy {
  /** Header fields of the requests that came through. */
  readonly received: Headers[];
}

async function createGate(
  extra: string,
  mode: Mode = "log",
  exemptPaths: readonly string[] = [],
): Promise<Gate> {
  const received: Headers[] = [];
  const proxy = await createTestProxy({
    manifests: [chatManifest(extra)],
    entries: { chat_key: CREDENTIAL, sandbox_signing_shared_secret: SIGNING_SECRET },
    signature: { mode, exemptPaths },
    fetch: (_, init) => {
      received.push(new Headers(init?.headers));
      return Promise.resolve(new Response("ok"));
    },
  });
  return { ...proxy, received };
}

for (const auth of AUTHS) {
  for (const mode of MODES) {
    test(`auth ${auth} in mode ${mode}: every signature with every token`, async () => {
      const gate = await createGate(`auth = "${auth}"`, mode);
      for (const signature of SIGNATURES) {
        for (const token of TOKENS) await checkAnswer(gate, [auth, mode, signature, token]);
      }
    });
  }
}

async function checkAnswer(
  gate: Gate,
  facts: readonly [auth: Auth, mode: Mode, signature: Signature, token: Token],
): Promise<void> {
  const [auth, mode, signature, token] = facts;
  const isJudged = auth !== "jwt" || signature !== "none";
  const what = facts.join(", ");
  const [status, reason] = expectAnswer(...facts);
  const response = await gate.send(PATH, {
    headers: { ...SIGNED[signature], ...AUTHORIZATIONS[token] },
  });
  assert.equal(response.status, status, what);
  assert.equal(response.headers.has("x-signature-status"), isJudged && mode === "warn", what);
  const sent = gate.received.splice(0);
  if (status === 200) {
    assert.equal(await response.text(), "ok");
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.get("authorization"), `Bearer ${CREDENTIAL}`, what);
    assert.equal(sent[0]?.get("x-sandbox-signature"), null, what);
  } else {
    assert.equal((await readProblem(response))["reason"], reason, what);
    assert.deepEqual(sent, [], what);
    assert.match(response.headers.get("www-authenticate") ?? "", CHALLENGES[status] ?? /^$/, what);
  }
  const record = gate.requests().at(-1);
  assert.deepEqual([record?.["status"], record?.["route"]], [status, "chat"], what);
  assert.equal(record?.["valid"], isJudged ? signature === "valid" : undefined, what);
}

test("a token that was verified is named in the log, served or not, and no other", async () => {
  const gate = await createGate('auth = "jwt"');
  for (
    const [token, sub] of [["valid", "agent-7"], ["narrow", "agent-7"], [
      "foreign",
      undefined,
    ]] as const
  ) {
    await (await gate.send(PATH, { headers: AUTHORIZATIONS[token] })).text();
    assert.equal(gate.requests().at(-1)?.["sub"], sub, token);
  }
  const denied = gate.requests()[1];
  assert.deepEqual(
    [denied?.["error_code"], denied?.["error_reason"], denied?.["missing_scope"]],
    ["ERR_SCOPE_DENIED", "insufficient_scope", "passthrough:chat:GET:/v1/models"],
  );
});

test("an exempt path counts as unsigned where either is asked for, and needs no signature else", async () => {
  const exempt = ["/chat/*"];
  const valid = { headers: SIGNED.valid };
  const any = await createGate('auth = "any"', "enforce", exempt);
  assert.equal((await any.send(PATH)).status, 401);
  assert.equal((await any.send(PATH, valid)).status, 401);
  assert.equal((await any.send(PATH, { headers: AUTHORIZATIONS.valid })).status, 200);
  const both = await createGate('auth = "signature+jwt"', "enforce", exempt);
  assert.equal((await both.send(PATH)).status, 401);
  assert.equal((await both.send(PATH, { headers: AUTHORIZATIONS.valid })).status, 200);
});

test("a denial names the missing scope and the route's", async () => {
  for (
    const [path, init, named] of [
      ["/chat/v1/models", {}, "passthrough:chat:GET:/v1/models"],
      ["/chat/v1/a:b%22?scope=x", { method: "POST" }, "passthrough:chat:POST:/v1/a:b%22"],
      ["/chat", { method: "HEAD" }, "passthrough:chat:HEAD:/"],
      [`/chat/${"a".repeat(2000)}`, {}, "passthrough:chat"],
    ] as const
  ) {
    const { send } = await createGate('auth = "jwt"');
    const response = await send(path, { ...init, headers: await bearer({ scope: "tool:*" }) });
    assert.equal(response.status, 403);
    assert.equal(
      response.headers.get("www-authenticate"),
      `Bearer realm="ati", error="insufficient_scope", scope="${named}"`,
    );
    if (response.body === null) continue;
    const problem = await readProblem(response);
    assert.equal(
      problem["detail"],
      `forbidden: this request needs scope "${named}" or a wider one`,
    );
  }
});

test("a scope that the manifest made up takes the place of the route's own", async () => {
  const { send } = await createGate('auth = "jwt"\nscope = "team:llm"');
  for (
    const [scope, status] of [
      ["team:llm", 200],
      ["team:*", 200],
      ["team:llm:GET:/v1/*", 200],
      ["team:llm:POST", 403],
      ["team", 403],
      ["passthrough:chat", 403],
      ["", 403],
    ] as const
  ) {
    const response = await send(PATH, { headers: await bearer({ scope }) });
    assert.equal(response.status, status, scope);
    await response.text();
  }
});

test("a token with more scopes than are looked at holds none", async () => {
  const { send } = await createGate('auth = "jwt"');
  const scope = "* ".repeat(MAX_SCOPES + 1);
  assert.equal((await send(PATH, { headers: await bearer({ scope }) })).status, 403);
});
