import assert from "node:assert/strict";
import { test } from "node:test";
import { errorOf, runFake } from "./_fake_runtime.ts";

const GOOD = `[provider]
name = "pets"
description = "Pets"
handler = "passthrough"
base_url = "https://pets.example"
path_prefix = "/pets"
auth_type = "bearer"
auth_key_name = "pets_token"
`;
const BAD = GOOD.replace('"/pets"', '"pets"').replace('"bearer"', '"barer"').replace("pets", "p2");
const DIR = "/home/u/.ati/manifests";

test("manifest list shows the providers, and leaves broken ones out with a warning", async () => {
  const files = { [`${DIR}/pets.toml`]: GOOD, [`${DIR}/bad.toml`]: BAD };
  const run = await runFake(["manifest", "list"], { files });
  assert.equal(run.code, 0);
  assert.deepEqual(JSON.parse(run.stdout), [{
    auth_key_name: "pets_token",
    auth_type: "bearer",
    base_url: "https://pets.example",
    file: `${DIR}/pets.toml`,
    handler: "passthrough",
    name: "pets",
    tools: 0,
  }]);
  assert.match(run.stderr, /warning: left out: 1 not valid/);
  const table = await runFake(["manifest", "list", "--output", "table"], { files });
  assert.match(
    table.stdout,
    /│ pets ┆ passthrough ┆ https:\/\/pets\.example ┆ bearer ┆ pets_token ┆ 0/,
  );
});

test("manifest check is silent about nothing and exits 0 when all are valid", async () => {
  const run = await runFake(["manifest", "check"], { files: { [`${DIR}/pets.toml`]: GOOD } });
  assert.deepEqual([run.code, run.stdout, run.stderr], [0, "✓ 1 valid\n", ""]);
});

test("manifest check shows every issue of every file and exits 2", async () => {
  const files = { [`${DIR}/a.toml`]: BAD, [`${DIR}/b.toml`]: "x =", [`${DIR}/c.toml`]: GOOD };
  const run = await runFake(["manifest", "check", "--output", "text"], { files });
  assert.equal(run.code, 2);
  const lines = run.stdout.trim().split("\n");
  assert.ok(lines.length >= 3, run.stdout);
  for (const line of lines) assert.match(line, /^error {4}\S+\.toml:\d+/);
  assert.ok(lines.some((line) => line.includes("a.toml:6: provider.path_prefix:")), run.stdout);
  assert.match(run.stderr, /^error: Manifests are not valid: \d in 2 of them\n/);

  const json = await runFake(["manifest", "check", "--json"], { files });
  const result = JSON.parse(json.stdout);
  assert.equal(result.issues.length, lines.length);
  assert.deepEqual([result.valid, errorOf(json)["exit_code"]], [1, 2]);
  const table = await runFake(["manifest", "check", "--output=table"], { files });
  assert.match(table.stdout, /provider\.path_prefix/);
});

test("manifest check takes files and folders", async () => {
  const files = { "/m/a.toml": GOOD, "/x/b.toml": BAD };
  assert.equal((await runFake(["manifest", "check", "/m", "/m/a.toml"], { files })).code, 0);
  assert.equal((await runFake(["manifest", "check", "/m", "/x/b.toml"], { files })).code, 2);
  const binary = { "/m/c.toml": new Uint8Array([0xff, 0xfe]) };
  assert.equal((await runFake(["manifest", "check", "/m/c.toml"], { files: binary })).code, 2);
});

test("manifest check refuses a path that is not there", async () => {
  const run = await runFake(["manifest", "check", "/nope"]);
  assert.deepEqual([run.code, errorOf(run)["reason"]], [1, "file_not_found"]);
});

test("manifest check quotes no value of a manifest", async () => {
  const files = { "/a.toml": GOOD.replace("pets.example", "CANARY host") + "CANARY_KEY = 1\n" };
  const run = await runFake(["manifest", "check", "/a.toml", "--verbose"], { files });
  assert.equal(run.code, 2);
  assert.ok(!run.stderr.includes("CANARY host") && !run.stdout.includes("CANARY host"));
});

test("manifest check compiles routes as the proxy does", async () => {
  const text =
    `${GOOD}deny_paths = ["/ok/*", "/a["]\nextra_headers = { "X-A" = "\${other_key}" }\n`;
  const run = await runFake(["manifest", "check", "--json"], {
    files: { [`${DIR}/pets.toml`]: text },
  });
  const { valid, issues } = JSON.parse(run.stdout);
  assert.deepEqual([run.code, valid], [2, 0]);
  assert.deepEqual(issues, [{
    file: `${DIR}/pets.toml`,
    message: '"[" is not closed',
    path: "provider.deny_paths",
  }]);
});
