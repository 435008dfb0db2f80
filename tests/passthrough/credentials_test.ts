import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { createCredential } from "../../lib/passthrough/credentials.ts";
import type { Credential, CredentialFields, Injection } from "../../lib/passthrough/credentials.ts";
import { KEYRING, SECRET } from "./_provider.ts";

function make(
  fields: Partial<CredentialFields>,
  secrets: { get(name: string): string | undefined } = KEYRING,
): Credential {
  return createCredential(
    { auth_type: "none", auth_key_name: "api_key", extra_headers: {}, ...fields },
    secrets,
  );
}

function listHeaders(injection: Injection): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  injection.addHeaders(headers);
  return headers;
}

test("createCredential() builds each kind of header credential", () => {
  const cases: [Partial<CredentialFields>, string, string][] = [
    [{ auth_type: "bearer" }, "authorization", `Bearer ${SECRET}`],
    [{ auth_type: "basic" }, "authorization", `Basic ${btoa(SECRET)}`],
    [{ auth_type: "header" }, "x-api-key", SECRET],
    [
      { auth_type: "header", auth_header_name: "X-Token", auth_value_prefix: "Token " },
      "x-token",
      `Token ${SECRET}`,
    ],
    [{ auth_type: "header", auth_header_name: "Authorization" }, "authorization", SECRET],
  ];
  for (const [fields, name, value] of cases) {
    const credential = make(fields);
    assert.deepEqual(listHeaders(credential.injection), [[name, value]]);
    assert.deepEqual([...credential.injection.headerNames], [name]);
    assert.deepEqual(listHeaders(credential.bareInjection), []);
    assert.equal(credential.injectsCredential, true);
    assert.equal(credential.injection.addQuery("?a"), "?a");
  }
});

test("createCredential() encodes a basic credential as UTF-8", () => {
  const { injection } = make({ auth_type: "basic" }, new Map([["api_key", "user:pä"]]));
  assert.deepEqual(listHeaders(injection), [["authorization", "Basic dXNlcjpww6Q="]]);
});

test("createCredential() puts a query credential behind the query", () => {
  const credential = make({ auth_type: "query" }, new Map([["api_key", "a&b c"]]));
  assert.equal(credential.injection.addQuery("?x&api_key=mine"), "?x&api_key=a%26b%20c");
  assert.equal(credential.bareInjection.addQuery("?api_key=mine"), "?api_key=mine");
  assert.equal(
    make({ auth_type: "query", auth_query_name: "key" }).injection.addQuery(""),
    `?key=${SECRET}`,
  );
});

test("createCredential() injects nothing for none, oauth2 and url", () => {
  for (const auth_type of ["none", "oauth2", "url"] as const) {
    const credential = make({ auth_type });
    assert.equal(credential.injectsCredential, false);
    assert.equal(credential.missingCredential, undefined);
    assert.deepEqual(listHeaders(credential.injection), []);
  }
});

test("createCredential() names a keyring entry that is missing or empty", () => {
  for (const secrets of [new Map(), new Map([["api_key", ""]])]) {
    const credential = make({ auth_type: "bearer" }, secrets);
    assert.equal(credential.missingCredential, "api_key");
    assert.equal(credential.injectsCredential, false);
    assert.deepEqual(listHeaders(credential.injection), []);
  }
});

test("createCredential() wants auth_key_name where a credential is sent", () => {
  for (const auth_key_name of [undefined, ""]) {
    assert.throws(() => make({ auth_type: "bearer", auth_key_name }), { code: "ERR_CONFIG" });
  }
});

test("createCredential() expands extra_headers once", () => {
  const secrets = new Map([["a", "${b}-1234567"], ["b", "never"]]);
  const credential = make({
    extra_headers: { "X-One": "v ${a} w ${a}", "X-Two": "plain $ {a} ${", Authorization: "${b}" },
  }, secrets);
  assert.deepEqual(listHeaders(credential.injection), [
    ["x-one", "v ${b}-1234567 w ${b}-1234567"],
    ["x-two", "plain $ {a} ${"],
    ["authorization", "never"],
  ]);
  assert.equal(credential.injectsCredential, true);
  // The client's own Authorization is kept on these requests, so ours must not come beside it.
  assert.deepEqual(listHeaders(credential.bareInjection).map(([name]) => name), ["x-one", "x-two"]);
});

test("createCredential() counts plain extra_headers as no credential", () => {
  assert.equal(make({ extra_headers: { "x-version": "1" } }).injectsCredential, false);
});

test("createCredential() refuses an extra header whose keyring entry is missing", () => {
  for (const secrets of [new Map(), new Map([["other", ""]])]) {
    assert.throws(() => make({ extra_headers: { "x-one": "${other}" } }, secrets), {
      code: "ERR_CONFIG",
      reason: "missing_entry",
    });
  }
});

test("createCredential() refuses secrets that would end the header, without printing them", () => {
  for (const bad of ["\r\nx-evil: 1", "\n", "\0", "é", "\u{1f600}", "\x7f"]) {
    const secrets = new Map([["api_key", SECRET + bad]]);
    for (const fields of [{ auth_type: "bearer" }, { auth_type: "header" }] as const) {
      assert.throws(() => make(fields, secrets), (error: unknown) => {
        assert.doesNotMatch(inspect(error), /canary/);
        return (error as { reason?: string }).reason === "header_value";
      });
    }
    assert.throws(() => make({ extra_headers: { "x-one": "${api_key}" } }, secrets));
  }
});

test("createCredential() refuses a secret that is not valid Unicode", () => {
  const secrets = new Map([["api_key", `${SECRET}\ud800`]]);
  assert.throws(() => make({ auth_type: "query" }, secrets), { code: "ERR_CONFIG" });
});

test("createCredential() refuses header names that frame the message or are none", () => {
  for (
    const name of ["Host", "content-length", "Transfer-Encoding", "connection", "a b", "", "a:"]
  ) {
    assert.throws(() => make({ auth_type: "header", auth_header_name: name }), {
      code: "ERR_CONFIG",
    }, name);
    assert.throws(() => make({ extra_headers: { [name]: "1" } }), { code: "ERR_CONFIG" }, name);
  }
});

test("createCredential() refuses a header that is set twice", () => {
  assert.throws(() => make({ auth_type: "bearer", extra_headers: { AUTHORIZATION: "x" } }), {
    code: "ERR_CONFIG",
  });
  assert.throws(() => make({ extra_headers: { "x-a": "1", "X-A": "2" } }), { code: "ERR_CONFIG" });
});

test("createCredential() redacts a secret in raw, percent-encoded and base64 form", () => {
  const secret = "user:pass/word+1";
  const { redact } = make({ auth_type: "basic" }, new Map([["api_key", secret]]));
  for (
    const [text, safe] of [
      ["nothing", "nothing"],
      [`a ${secret} b ${secret}`, "a [redacted] b [redacted]"],
      [`k=${encodeURIComponent(secret)}`, "k=[redacted]"],
      [`Basic ${btoa(secret)}`, "Basic [redacted]"],
      ["pass/word+1", "[redacted]"],
    ] as const
  ) {
    assert.equal(redact(text), safe);
  }
});

test("createCredential() leaves secrets alone that are too short to be told from text", () => {
  const { redact } = make({ auth_type: "bearer" }, new Map([["api_key", "1234567"]]));
  assert.equal(redact("length 1234567"), "length 1234567");
  const longer = make({ auth_type: "bearer" }, new Map([["api_key", "12345678"]]));
  assert.equal(longer.redact("length 12345678"), "length [redacted]");
});

test("createCredential() shows no secret to JSON, inspect, String or enumeration", () => {
  for (const auth_type of ["bearer", "basic", "header", "query"] as const) {
    const credential = make({ auth_type, extra_headers: { "x-extra": "${api_key}" } });
    const shown = [
      JSON.stringify(credential),
      inspect(credential, { depth: null, showHidden: true }),
      String(credential),
      ...Object.values(credential).map((value) => String(value)),
    ].join();
    assert.ok(!shown.includes(SECRET) && !shown.includes(btoa(SECRET)), shown);
  }
});
