import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeRuntime, errorOf, type FakeInput, runFake, runOn } from "./_fake_runtime.ts";

const STORE = "/home/u/.ati/credentials";

test("key set stores a value from argument, standard input, file, variable and prompt", async (t) => {
  const cases: readonly (readonly [string, string[], FakeInput])[] = [
    ["argument", ["s3cret"], {}],
    ["dash", ["-"], { input: "s3cret\n" }],
    ["dash on a terminal", ["-"], { input: "s3cret", terminals: ["stdin"] }],
    ["pipe", [], { input: "s3cret\r\n" }],
    ["prompt", [], { typed: "s3cret", terminals: ["stdin", "stdout", "stderr"] }],
    ["file", ["--from-file", "/tmp/k"], { files: { "/tmp/k": "s3cret\n" } }],
    ["variable", ["--from-env", "MY_KEY"], { env: { MY_KEY: "s3cret" } }],
  ];
  for (const [name, args, input] of cases) {
    await t.test(name, async () => {
      const fake = createFakeRuntime(input);
      const run = await runOn(fake, ["key", "set", "github_token", ...args]);
      assert.equal(run.code, 0, run.stderr);
      assert.equal(run.stdout, "");
      assert.equal(fake.files.text(STORE), '{\n  "github_token": "s3cret"\n}');
      assert.equal(fake.files.mode(STORE), 0o600);
      assert.ok(!run.stderr.includes("s3cret"));
    });
  }
});

test("key set keeps a value as it is, but for one trailing line break", async () => {
  const fake = createFakeRuntime({ input: "  a\nb\n\n" });
  await runOn(fake, ["key", "set", "k", "-"]);
  assert.equal(JSON.parse(fake.files.text(STORE))["k"], "  a\nb\n");
});

test("key set refuses an empty value, two sources and a cancelled prompt, storing nothing", async (t) => {
  const cases: readonly (readonly [string, string[], FakeInput, string])[] = [
    ["empty input", ["-"], { input: "\n" }, "missing_argument"],
    ["unset variable", ["--from-env", "NOPE"], {}, "missing_argument"],
    ["empty argument", [""], {}, "missing_argument"],
    ["two sources", ["v", "--from-env", "HOME"], {}, "invalid_value"],
    ["cancelled", [], { terminals: ["stdin"] }, "missing_argument"],
  ];
  for (const [name, args, input, reason] of cases) {
    await t.test(name, async () => {
      const fake = createFakeRuntime(input);
      const run = await runOn(fake, ["key", "set", "k", ...args]);
      assert.deepEqual([run.code, errorOf(run)["reason"]], [2, reason]);
      assert.deepEqual(fake.files.paths(), []);
    });
  }
});

test("key set asks for the value by name and does not show it", async () => {
  const fake = createFakeRuntime({ typed: "v", terminals: ["stdin", "stderr"] });
  await runOn(fake, ["key", "set", "k", "--no-color"]);
  assert.deepEqual(fake.prompts, ["Value of k (not shown): "]);
});

test("key set warns of the shell history only when a person typed the value", async () => {
  const person = await runFake(["key", "set", "k", "v", "--no-color"], { terminals: ["stderr"] });
  assert.match(person.stderr, /^hint: the value is now in your shell history/);
  const script = await runFake(["key", "set", "k", "v"]);
  assert.equal(script.stderr, "✓ saved k\n");
});

test("key set checks the name before it asks for a value", async () => {
  const fake = createFakeRuntime({ typed: "v", terminals: ["stdin"] });
  const run = await runOn(fake, ["key", "set", "../x"]);
  assert.equal(run.code, 2);
  assert.deepEqual(fake.prompts, []);
});

test("key list shows names in 30 columns and masked values, in every format", async () => {
  const files = { [STORE]: '{"finnhub_api_key":"c0deaaaaaaaa77aa","a":"abcd"}' };
  const text = await runFake(["key", "list"], { files });
  assert.equal(text.stdout, `${"a".padEnd(30)} ***\n${"finnhub_api_key".padEnd(30)} c0de...77aa\n`);
  const json = await runFake(["key", "list", "--json"], { files });
  assert.deepEqual(JSON.parse(json.stdout), [
    { name: "a", value: "***" },
    { name: "finnhub_api_key", value: "c0de...77aa" },
  ]);
  const table = await runFake(["key", "list", "--output", "table"], { files });
  assert.match(table.stdout, /│ finnhub_api_key ┆ c0de\.\.\.77aa │/);
});

test("key list says that there are none on standard output", async () => {
  assert.match((await runFake(["key", "list"])).stdout, /^No keys stored/);
});

test("key list refuses a store that is damaged, without quoting it", async () => {
  const run = await runFake(["key", "list"], { files: { [STORE]: '{"a":"CANARY"' } });
  assert.equal(run.code, 2);
  assert.ok(!run.stderr.includes("CANARY"));
});

test("key remove deletes one key and keeps the others", async () => {
  const fake = createFakeRuntime({ files: { [STORE]: '{"a":"1","b":"2"}' } });
  const run = await runOn(fake, ["key", "remove", "a"]);
  assert.deepEqual([run.code, run.stdout, run.stderr], [0, "", "✓ removed a\n"]);
  assert.deepEqual(JSON.parse(fake.files.text(STORE)), { b: "2" });
});

test("key remove deletes whatever name key list shows", async () => {
  const fake = createFakeRuntime({ files: { [STORE]: '{"a/b":"1"," c ":"2","d=e":"3"}' } });
  for (const name of ["a/b", " c ", "d=e"]) {
    const run = await runOn(fake, ["key", "remove", name]);
    assert.equal(run.code, 0, run.stderr);
  }
  assert.deepEqual(JSON.parse(fake.files.text(STORE)), {});
});

test("key uses --ati-dir, then ATI_DIR, then ~/.ati, then .ati", async () => {
  const run = async (args: string[], env: Record<string, string>) => {
    const fake = createFakeRuntime({ env });
    await runOn(fake, ["key", "set", "k", "v", ...args]);
    return fake.files.paths();
  };
  assert.deepEqual(await run(["--ati-dir", "/a"], { ATI_DIR: "/b" }), ["/a/credentials"]);
  assert.deepEqual(await run([], { ATI_DIR: "/b" }), ["/b/credentials"]);
  assert.deepEqual(await run([], {}), [STORE]);
  assert.deepEqual(await run([], { HOME: "" }), ["/.ati/credentials"]);
});

test("key set --json names the key on standard output", async () => {
  const run = await runFake(["key", "set", "k", "v", "--json"]);
  assert.deepEqual(JSON.parse(run.stdout), { name: "k" });
});
