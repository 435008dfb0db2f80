import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bearer,
  chatManifest,
  createTestProxy,
  CREDENTIAL,
  issueTestToken,
  readProblem,
  signed,
  SIGNING_SECRET,
} from "./_proxy.ts";
import type { TestProxy } from "./_proxy.ts";

const SCOPE = "passthrough:chat:GET:/v1/*";
const KEEPING = 'forward_authorization_paths = ["/own/*"]';

interface Gate extends TestProxy {
  /** Header fields of the requests that came through. */
  readonly received: Headers[];
}

async function createGate(auth: string, extra = ""): Promise<Gate> {
  const received: Headers[] = [];
  const proxy = await createTestProxy({
    manifests: [chatManifest(`auth = "${auth}"\n${extra}`)],
    entries: { chat_key: CREDENTIAL, sandbox_signing_shared_secret: SIGNING_SECRET },
    fetch: (_, init) => {
      received.push(new Headers(init?.headers));
      return Promise.resolve(new Response("ok"));
    },
  });
  return { ...proxy, received };
}

async function reasonOf(response: Response): Promise<readonly [number, unknown]> {
  return [response.status, (await readProblem(response))["reason"]];
}

/** Paths under a route with scope `GET:/v1/*`; the statuses with that scope, and with all scopes. */
const PATHS: readonly (readonly [path: string, status: number, method?: string])[] = [
  ["/chat/v1/x", 200],
  ["/chat/v1/x/y?z=/v2", 200],
  ["/chat/v1/", 200],
  ["/chat/%76%31/x", 200],
  ["/chat/v1/x", 200, "HEAD"],
  ["/chat/v1/x", 403, "POST"],
  ["/chat/v1/x", 403, "OPTIONS"],
  ["/chat/v1", 403],
  ["/chat/v1x", 403],
  ["/chat/V1/x", 403],
  ["/chat/v1%2Ax", 403],
  ["/chat", 403],
  ["/chat/v2/v1/x", 403],
  ["/chat/v1/../admin", 400],
  ["/chat/v1/%2e%2e/admin", 400],
  ["/chat/v1/%252e%252e/admin", 400],
  ["/chat/v1/..;a/admin", 400],
  ["/chat/v1/..%2fadmin", 400],
  ["/chat/v1%2fx", 400],
  ["/chat/v1//x", 400],
  ["/chat//v1/x", 400],
  ["/chat/v1\\x", 400],
];

test("the path of a scope is compared with the path that is sent", async () => {
  const gate = await createGate("jwt");
  const headers = await bearer({ scope: SCOPE });
  for (const [path, status, method = "GET"] of PATHS) {
    const response = await gate.send(path, { headers, method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(gate.received.splice(0).length, status === 200 ? 1 : 0, path);
    await response.text();
  }
});

test("a scope sees the path as it is rewritten, whatever the route does to it", async () => {
  const extra = 'path_replace = ["/v1/", "/api/"]\nallow_encoded_slash = true\n' +
    "allow_empty_segments = true";
  const gate = await createGate("jwt", extra);
  for (
    const [scope, path, status] of [
      ["passthrough:chat:GET:/api/*", "/chat/v1/x", 200],
      ["passthrough:chat:GET:/v1/*", "/chat/v1/x", 403],
      ["passthrough:chat:GET:/api/a%2Fb", "/chat/v1/a%2fb", 200],
      ["passthrough:chat:GET:/api/a/b", "/chat/v1/a%2fb", 403],
      ["passthrough:chat:GET:/api/*", "/chat//api/x", 403],
      ["passthrough:chat:GET:/api/*", "/chat/v1//x", 200],
      ["passthrough:chat:GET:/api/*", "/chat/v1/%2e%2e%2fx", 400],
    ] as const
  ) {
    const response = await gate.send(path, { headers: await bearer({ scope }) });
    assert.equal(response.status, status, `${scope} ${path}`);
    await response.text();
  }
});

test("a request that may mean another method or path needs the scope of the whole route", async () => {
  const gate = await createGate("jwt");
  for (
    const name of [
      "X-HTTP-Method-Override",
      "X-HTTP-Method",
      "X-Method-Override",
      "X-Original-URL",
      "X-Rewrite-URL",
      "X_HTTP_Method_Override",
    ]
  ) {
    for (
      const [scope, status] of [
        [SCOPE, 403],
        ["passthrough:chat:*:/v1/*", 403],
        ["passthrough:chat:GET", 403],
        ["passthrough:chat", 200],
        ["passthrough:chat:*", 200],
        ["passthrough:chat:*:/*", 200],
      ] as const
    ) {
      const headers = { ...await bearer({ scope }), [name]: "/admin" };
      const response = await gate.send("/chat/v1/x", { headers });
      assert.equal(response.status, status, `${name} ${scope}`);
      const challenge = response.headers.get("www-authenticate") ?? "";
      assert.equal(challenge.includes('scope="passthrough:chat:*:/*"'), status === 403);
      await response.text();
    }
  }
});

/** What is refused first: path, caller, deny rule, scope, method. */
test("a caller learns of rules and methods only once it is known", async () => {
  const extra = 'deny_paths = ["/keys"]\nallow_methods = ["GET"]';
  const denied = "/chat/keys";
  for (const auth of ["jwt", "signature+jwt"]) {
    const { send } = await createGate(auth, extra);
    const wide = { headers: await bearer({ scope: "passthrough:chat" }) };
    const narrow = { headers: await bearer({ scope: SCOPE }) };
    const get = async (path: string, init: RequestInit): Promise<unknown> =>
      await reasonOf(await send(path, init));
    assert.deepEqual(await get("/chat/a%2fb", {}), [400, "invalid_path"]);
    assert.deepEqual(await get(denied, {}), [401, "missing_credentials"]);
    assert.deepEqual(await get(denied, { headers: { authorization: "Bearer x" } }), [
      401,
      "invalid_token",
    ]);
    assert.deepEqual(await get(denied, { ...narrow, method: "POST" }), [403, "path_denied"]);
    const forbidden = await get("/chat/v1/x", { ...narrow, method: "DELETE" });
    assert.deepEqual(forbidden, [403, "insufficient_scope"]);
    const wrong = await send("/chat/v1/x", { ...wide, method: "DELETE" });
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "GET"]);
  }
});

test("without a token a denied path cannot be told from another, also where Authorization is kept", async () => {
  const { send } = await createGate("jwt", `${KEEPING}\ndeny_paths = ["/own/keys", "/keys"]`);
  for (const headers of [{}, { authorization: "Bearer x" }, { authorization: "Basic dTpw" }]) {
    for (const [a, b] of [["/chat/own/keys", "/chat/own/a"], ["/chat/keys", "/chat/a"]] as const) {
      const first = await reasonOf(await send(a, { headers }));
      assert.deepEqual(first, await reasonOf(await send(b, { headers })));
      assert.equal(first[0], 401);
    }
  }
});

test("X-Ati-Token takes the token, alone or behind Bearer, wins, and never goes upstream", async () => {
  const gate = await createGate("jwt");
  const token = await issueTestToken({ scope: SCOPE });
  for (
    const headers of [
      { "x-ati-token": token },
      { "x-ati-token": `Bearer ${token}` },
      { "x-ati-token": `bearer  ${token} `, authorization: "Basic dTpw" },
      { "x-ati-token": token, authorization: "Bearer sk-upstream" },
      { "x-ati-token": "", authorization: `Bearer ${token}` },
    ]
  ) {
    assert.equal((await gate.send("/chat/v1/x", { headers })).status, 200);
    const [sent] = gate.received.splice(0);
    assert.equal(sent?.get("authorization"), `Bearer ${CREDENTIAL}`);
    assert.equal(sent?.get("x-ati-token"), null);
    assert.doesNotMatch(JSON.stringify([...sent ?? []]), new RegExp(token));
  }
});

test("a bad X-Ati-Token is not made good by Authorization", async () => {
  const { send } = await createGate("jwt");
  const good = await bearer({ scope: SCOPE });
  const token = await issueTestToken({ scope: SCOPE });
  const values = [
    "x",
    `${token}, ${token}`,
    `Bearer ${token}, Bearer ${token}`,
    "Basic a",
    "Bearer",
  ];
  for (const value of [...values, `Bearer "${token}"`, `${token} x`]) {
    const response = await send("/chat/v1/x", { headers: { ...good, "x-ati-token": value } });
    assert.deepEqual(await reasonOf(response), [401, "invalid_token"], value);
  }
});

test("where the client's own Authorization goes upstream it is no token, and no token goes there", async () => {
  const token = await issueTestToken({ scope: "passthrough:chat" });
  const gate = await createGate("jwt", KEEPING);
  const own = { authorization: "Bearer sk-upstream" };
  const served = await gate.send("/chat/own/x", { headers: { ...own, "x-ati-token": token } });
  assert.equal(served.status, 200);
  const [sent] = gate.received.splice(0);
  assert.equal(sent?.get("authorization"), "Bearer sk-upstream");
  assert.equal(sent?.get("x-ati-token"), null);
  for (const headers of [own, { authorization: `Bearer ${token}` }, {}]) {
    const response = await gate.send("/chat/own/x", { headers });
    assert.deepEqual(await reasonOf(response), [401, "missing_credentials"]);
  }
  assert.deepEqual(gate.received, []);
});

test("a token that is sent in both headers is refused where one of them goes upstream", async () => {
  const token = await issueTestToken({ scope: "passthrough:chat" });
  const twice = { authorization: `Bearer ${token}`, "x-ati-token": `Bearer ${token}` };
  for (const auth of ["jwt", "any"]) {
    const gate = await createGate(auth, KEEPING);
    const signature = auth === "any" ? await signed("/chat/own/x") : {};
    const response = await gate.send("/chat/own/x", { headers: { ...twice, ...signature } });
    assert.deepEqual(await reasonOf(response), [400, "session_token_in_authorization"], auth);
    assert.equal((await gate.send("/chat/v1/x", { headers: twice })).status, 200);
    assert.equal(gate.received.length, 1);
  }
});

test("no session token goes upstream in the Authorization that does, whoever else vouches for the caller", async () => {
  const token = await issueTestToken({ scope: "passthrough:chat" });
  const another = await issueTestToken({ scope: "help" });
  const signature = await signed("/chat/own/x");
  for (
    const [auth, vouched] of [
      ["signature", signature],
      ["any", signature],
      ["any", { "x-ati-token": token }],
      ["jwt", { "x-ati-token": token }],
      ["signature+jwt", { ...signature, "x-ati-token": token }],
    ] as const
  ) {
    const gate = await createGate(auth, KEEPING);
    for (const value of [`Bearer ${another}`, another, `Bearer "${another}"`, `T t=${another}`]) {
      const headers = { ...vouched, authorization: value };
      const response = await gate.send("/chat/own/x", { headers });
      assert.deepEqual(await reasonOf(response), [400, "session_token_in_authorization"], auth);
    }
    // Of the form of a token, and none of ours.
    const foreign = `Bearer ${another.slice(0, -8)}AAAAAAAA`;
    const served = await gate.send("/chat/own/x", {
      headers: { ...vouched, authorization: foreign },
    });
    assert.equal(served.status, 200, auth);
    assert.deepEqual(gate.received.map((sent) => sent.get("authorization")), [foreign]);
  }
});

test("a route that takes either needs no token where the signature is valid, and keeps to it where not", async () => {
  const gate = await createGate("any", `${KEEPING}\ndeny_paths = ["/keys"]`);
  const valid = await signed("/chat/own/x");
  const bad = { authorization: "Bearer sk-upstream", "x-ati-token": "bad" };
  assert.equal((await gate.send("/chat/own/x", { headers: { ...valid, ...bad } })).status, 200);
  assert.equal(gate.received[0]?.get("authorization"), "Bearer sk-upstream");
  assert.equal(gate.received[0]?.get("x-ati-token"), null);
  const unsigned = await gate.send("/chat/own/x", { headers: bad });
  assert.deepEqual(await reasonOf(unsigned), [401, "invalid_token"]);
  const own = await gate.send("/chat/own/x", { headers: { authorization: "Bearer sk-upstream" } });
  assert.deepEqual(await reasonOf(own), [401, "signature_or_token_required"]);
  const denied = await gate.send("/chat/keys", { headers: await signed("/chat/keys") });
  assert.deepEqual(await reasonOf(denied), [403, "path_denied"]);
});

test("a route that takes either asks for the signature alone where no token can be verified", async () => {
  const { send } = await createTestProxy({
    jwt: false,
    manifests: [chatManifest('auth = "any"')],
    entries: { chat_key: CREDENTIAL, sandbox_signing_shared_secret: SIGNING_SECRET },
  });
  const refused = await send("/chat/a", { headers: await bearer({ scope: "*" }) });
  assert.deepEqual(await reasonOf(refused), [401, "signature_or_token_required"]);
  assert.equal((await send("/chat/a", { headers: await signed("/chat/a") })).status, 200);
});
