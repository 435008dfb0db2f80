import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeBase64 } from "../../lib/encoding/base64.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { startRawUpstream } from "../runtime/_gateway.ts";
import type { Peer } from "../runtime/_gateway.ts";
import { bodyOf, exchangeRaw, statusOf } from "../runtime/_raw.ts";
import { createAtiDirectory, removeDirectory, startServer, upstreamManifest } from "./_server.ts";
import type { TestServer } from "./_server.ts";

const SECRET = "canary-Secret/0123456789+=";
const PASSWORD = "canary-Password:99";
const BASIC = encodeBase64(encodeUtf8(`user:${PASSWORD}`));
const ENCODED = encodeURIComponent(SECRET);

/** Routes by name, each with the fields that say where its credential goes. */
const ROUTES: Readonly<Record<string, string>> = {
  bearer: "",
  header: 'auth_type = "header"\nauth_header_name = "X-Api-Key"\nauth_value_prefix = "Token "',
  query: 'auth_type = "query"\nauth_query_name = "api_key"',
  basic: 'auth_type = "basic"',
  extra: 'extra_headers = { X-Extra = "v=${bearer_key}", X-Plain = "1" }',
  missing: "",
  optional: "allow_missing_credential = true",
  own: 'forward_authorization_paths = ["/own/*"]\nextra_headers = { X-Extra = "${bearer_key}" }',
};

let directory = "";
let upstream: Peer;
let server: TestServer;
/** Heads of the requests as they came upstream. */
const heads: string[] = [];

/** What the upstream answers where a path is named here; elsewhere `200`. */
const ANSWERS: Readonly<Record<string, string>> = {
  "/redirect":
    `HTTP/1.1 302 Found\r\nlocation: /followed?k=${ENCODED}\r\ncontent-length: 0\r\n\r\n`,
  "/permanent": "HTTP/1.1 308 x\r\nlocation: //evil.example/a\r\ncontent-length: 0\r\n\r\n",
  "/reason": `HTTP/1.1 200 ${SECRET}\r\ncontent-length: 0\r\n\r\n`,
  "/field": [
    `HTTP/1.1 401 Unauthorized`,
    `www-authenticate: Bearer error="${SECRET}"`,
    `set-cookie: a=${ENCODED}; path=/`,
    `set-cookie: b=${encodeBase64(encodeUtf8(`xy${SECRET}`))}`,
    `x-basic: ${BASIC}`,
    `x-password: ${PASSWORD}`,
    `x-hex: ${[...encodeUtf8(SECRET)].map((byte) => byte.toString(16)).join("").toUpperCase()}`,
    "content-length: 0\r\n\r\n",
  ].join("\r\n"),
  "/no-http": `${SECRET}\r\n\r\n`,
  "/bad-field": `HTTP/1.1 200 OK\r\n${SECRET} : x\r\n: y\r\n\r\n`,
  "/bad-length": `HTTP/1.1 200 OK\r\ncontent-length: ${SECRET}\r\n\r\n`,
  "/bad-status": `HTTP/1.1 2${SECRET}\r\n\r\n`,
};

before(async () => {
  upstream = await startRawUpstream((socket) => {
    let head = "";
    socket.on("data", (chunk: Uint8Array) => {
      head += new TextDecoder("latin1").decode(chunk);
      if (!head.includes("\r\n\r\n")) return;
      heads.push(head);
      const path = head.split(" ")[1]!.split("?")[0]!;
      socket.end(ANSWERS[path] ?? "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
  });
  const manifests = Object.entries(ROUTES).map(([name, extra]): [string, string] => {
    const text = upstreamManifest(name, upstream.url, extra);
    // A field that is given replaces the helper's.
    const own = extra.startsWith("auth_type") ? text.replace('auth_type = "bearer"\n', "") : text;
    return [`manifests/${name}.toml`, own];
  });
  const credentials = Object.fromEntries(
    ["bearer", "header", "query", "extra", "own"].map((name) => [`${name}_key`, SECRET]),
  );
  directory = createAtiDirectory({
    ...Object.fromEntries(manifests),
    credentials: JSON.stringify({ ...credentials, basic_key: `user:${PASSWORD}` }),
  });
  server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

/** Sends a request by hand; gives the answer, and the request line and fields that came upstream. */
async function send(target: string, fields: readonly string[] = []) {
  heads.length = 0;
  const lines = [`GET ${target} HTTP/1.1`, "host: a", ...fields, "connection: close"];
  const answer = await exchangeRaw(server.port, `${lines.join("\r\n")}\r\n\r\n`);
  const [line = "", ...received] = (heads[0] ?? "").split("\r\n\r\n")[0]!.split("\r\n");
  const valuesOf = (name: string): string[] =>
    received.flatMap((field) => {
      const [found = "", ...value] = field.split(":");
      // As lenient upstreams read names.
      const isNamed = found.trim().toLowerCase().replaceAll("_", "-") === name;
      return isNamed ? [value.join(":").trim()] : [];
    });
  return { answer, target: line.split(" ")[1] ?? "", valuesOf };
}

/** Where a route puts its credential, and the client's own attempts at the same place. */
const HEADER_CASES: readonly (readonly [
  route: string,
  name: string,
  value: string,
  attempts: readonly string[],
])[] = [
  ["bearer", "authorization", `Bearer ${SECRET}`, [
    "Authorization: Bearer mine",
    "AUTHORIZATION: mine",
    "authorization:",
  ]],
  ["header", "x-api-key", `Token ${SECRET}`, [
    "x-api-key: mine",
    "X-API-KEY: mine",
    "x_api_key: mine",
    "X_Api-Key: mine",
  ]],
  ["basic", "authorization", `Basic ${BASIC}`, ["Authorization: Basic bWluZQ=="]],
  ["extra", "x-extra", `v=${SECRET}`, ["x-extra: mine", "X_EXTRA: mine"]],
  ["extra", "x-plain", "1", ["X-Plain: 2"]],
];

test("an injected header field replaces the client's in every spelling", async () => {
  for (const [route, name, value, attempts] of HEADER_CASES) {
    const listed = `connection: ${name}`;
    const sets = [[], ...attempts.map((one) => [one]), attempts, [...attempts, listed], [listed]];
    for (const fields of sets) {
      const { answer, valuesOf } = await send(`/${route}/a`, fields);
      assert.equal(statusOf(answer), 200, fields.join());
      assert.deepEqual(valuesOf(name), [value], `${route}: ${fields.join()}`);
    }
  }
});

test("only what a route keeps of the client's own Authorization goes upstream", async () => {
  const mine = ["Authorization: Bearer mine", "x-extra: mine"];
  const kept = await send("/own/own/a", mine);
  assert.deepEqual(kept.valuesOf("authorization"), ["Bearer mine"]);
  assert.deepEqual(kept.valuesOf("x-extra"), [SECRET]);
  const replaced = await send("/own/other", mine);
  assert.deepEqual(replaced.valuesOf("authorization"), [`Bearer ${SECRET}`]);
  const dropped = await send("/query/a", mine);
  assert.deepEqual(dropped.valuesOf("authorization"), []);
});

const QUERY_CASES: readonly (readonly [sent: string, kept: string])[] = [
  ["", ""],
  ["?", ""],
  ["?api_key=mine", ""],
  ["?api_key=mine&api_key=too", ""],
  ["?a=1&api_key=mine&b=2", "a=1&b=2"],
  ["?api%5fkey=mine", ""],
  ["?a%70i_key=mine&%61%70%69%5F%6b%65%79=too", ""],
  ["?API_KEY=mine&Api_Key=too", ""],
  ["?api_key", ""],
  ["?api_key=", ""],
  ["?api_key=mine;a=1", "a=1"],
  ["?a=1;api_key=mine&b", "a=1&b"],
  ["?api_key[]=mine&api_key%5B0%5D=too", ""],
  ["?+api_key=mine&api_key%20=too", ""],
  ["?my_api_key=1&api_keys=2&x=api_key", "my_api_key=1&api_keys=2&x=api_key"],
];

test("an injected query parameter replaces the client's copies, and nothing else", async () => {
  for (const [sent, kept] of QUERY_CASES) {
    const { answer, target } = await send(`/query/a${sent}`);
    assert.equal(statusOf(answer), 200, sent);
    assert.equal(target, `/a?${kept}${kept && "&"}api_key=${ENCODED}`, sent);
  }
});

test("a missing credential is answered 503 and names the key, unless the route allows it", async () => {
  const { answer } = await send("/missing/a", ["authorization: Bearer mine"]);
  assert.equal(statusOf(answer), 503);
  assert.match(bodyOf(answer), /"missing_key\\" is missing/);
  assert.equal(heads.length, 0, "nothing goes upstream");
  const bare = await send("/optional/a", ["authorization: Bearer mine"]);
  assert.equal(statusOf(bare.answer), 200);
  assert.deepEqual(bare.valuesOf("authorization"), []);
});

test("redirects go to the client and are not followed", async () => {
  for (const [path, status] of [["redirect", 302], ["permanent", 308]] as const) {
    const { answer } = await send(`/bearer/${path}`);
    assert.equal(statusOf(answer), status);
    assert.match(answer, path === "redirect" ? /location: \/followed\?k=/i : /evil\.example/);
    assert.equal(heads.length, 1);
  }
});

/** The forms in which the upstream sends secrets back, and the routes whose secrets they are. */
const TOKEN_LEAKS: readonly string[] = [
  SECRET,
  ENCODED,
  SECRET.slice(2),
  encodeBase64(encodeUtf8(`xy${SECRET}`)).slice(4, -4),
  "63616E6172792D",
];
const BASIC_LEAKS: readonly string[] = [PASSWORD, BASIC, BASIC.slice(4)];
const LEAKS_BY_ROUTE = { bearer: TOKEN_LEAKS, query: TOKEN_LEAKS, basic: BASIC_LEAKS };

test("what the upstream echoes shows in no header field and no reason phrase", async () => {
  for (const path of ["redirect", "reason", "field"]) {
    for (const [route, leaks] of Object.entries(LEAKS_BY_ROUTE)) {
      const { answer } = await send(`/${route}/${path}`);
      assert.ok(statusOf(answer) > 0);
      for (const leak of leaks) assert.ok(!answer.includes(leak), `${route} ${path}: ${leak}`);
    }
  }
});

test("an answer that is no HTTP is a 502 that repeats nothing of it, nor of the URL", async () => {
  for (const path of ["no-http", "bad-field", "bad-length", "bad-status"]) {
    for (const route of ["bearer", "query"]) {
      const { answer } = await send(`/${route}/${path}?mine=canary`);
      assert.equal(statusOf(answer), 502, `${route} ${path}`);
      assert.doesNotMatch(answer, /canary|127\.0\.0\.1|api_key|mine=/i);
      assert.ok(!answer.includes(ENCODED));
    }
  }
});

test("an upstream that cannot be reached is a 502 that names nothing of it", async () => {
  const { port } = upstream;
  await upstream.close();
  const { answer } = await send("/query/a?mine=canary");
  assert.equal(statusOf(answer), 502);
  assert.doesNotMatch(answer, /canary|127\.0\.0\.1|api_key|mine=/i);
  assert.ok(!answer.includes(String(port)));
});

test("the log holds no form of a secret", () => {
  for (const leak of [...TOKEN_LEAKS, ...BASIC_LEAKS]) {
    assert.ok(!server.output().includes(leak), leak);
  }
});
