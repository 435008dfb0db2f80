import { test } from "node:test";
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { Keyring } from "../../lib/keyring/keyring.ts";

const CANARY = "canary-4f1c";

function makeKeyring(): Keyring {
  return new Keyring({ github_token: CANARY, Other: `${CANARY}-2` });
}

test("Keyring looks a name up in lower case first, then as it is", () => {
  const keyring = new Keyring({ a: "lower", A: "upper", B: "upper only" });
  assert.equal(keyring.get("a"), "lower");
  assert.equal(keyring.get("A"), "lower");
  assert.equal(keyring.get("B"), "upper only");
  assert.equal(keyring.get("b"), undefined);
  assert.equal(keyring.has("B"), true);
  assert.equal(keyring.has("b"), false);
});

test("Keyring does not confuse names with members of objects", () => {
  const keyring = new Keyring({});
  for (const name of ["constructor", "toString", "__proto__", "get", ""]) {
    assert.equal(keyring.get(name), undefined, name);
  }
  assert.equal(new Keyring(JSON.parse('{"constructor":"x"}')).get("constructor"), "x");
});

test("Keyring takes an empty value as not set", () => {
  const keyring = new Keyring({ empty: "", a: "x" });
  assert.equal(keyring.size, 1);
  assert.equal(keyring.has("empty"), false);
  assert.deepEqual(keyring.names(), ["a"]);
});

test("Keyring copies what it is given", () => {
  const entries: Record<string, string> = { a: "x" };
  const keyring = new Keyring(entries);
  entries["a"] = "y";
  entries["b"] = "z";
  assert.equal(keyring.get("a"), "x");
  assert.equal(keyring.has("b"), false);
});

test("Keyring lists its names sorted", () => {
  assert.deepEqual(new Keyring({ b: "1", a: "1", C: "1" }).names(), ["C", "a", "b"]);
  assert.equal(makeKeyring().size, 2);
});

test("Keyring prints names, never values", () => {
  const keyring = makeKeyring();
  const expected = "Keyring(Other, github_token)";
  assert.equal(String(keyring), expected);
  assert.equal(`${keyring}`, expected);
  assert.equal(JSON.stringify(keyring), '{"names":["Other","github_token"]}');
  assert.equal(inspect(keyring), expected);
});

test("Keyring shows no value by any way of looking at objects", () => {
  const keyring = makeKeyring();
  const runtime = globalThis as unknown as Record<
    "Deno" | "Bun",
    { inspect(value: unknown, options?: object): string } | undefined
  >;
  const views = [
    inspect({ keyring }, { showHidden: true, depth: 9, getters: true }),
    inspect(keyring, { customInspect: false, showHidden: true, depth: 9 }),
    runtime.Deno?.inspect({ keyring }, { showHidden: true, depth: 9 }),
    runtime.Bun?.inspect({ keyring }, { depth: 9 }),
    JSON.stringify({ keyring }),
    JSON.stringify({ ...keyring }),
    JSON.stringify(Object.entries(keyring)),
    JSON.stringify(Object.getOwnPropertyNames(keyring)),
    inspect(structuredClone({ ...keyring })),
    inspect(Object.assign({}, keyring)),
    String(new Error(`${keyring}`)),
  ];
  for (const view of views) assert.ok(!view?.includes(CANARY), view);
});

test("Keyring loses its values when cloned", () => {
  assert.deepEqual({ ...structuredClone(makeKeyring()) }, {});
});
