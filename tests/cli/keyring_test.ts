import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeRuntime, errorOf, runFake, runOn } from "./_fake_runtime.ts";
import { openFromDirectory } from "../../lib/keyring/sealed_files.ts";

const DIR = "/var/lib/ati";
const SEAL = ["keyring", "seal", "--ati-dir", DIR];

test("keyring seal encrypts JSON and dotenv, makes the key once, and tells sizes only", async () => {
  const inputs = ['{"b":"CANARY-1","a":"2"}', "export b='CANARY-1'\na=2 # comment\n"];
  for (const input of inputs) {
    const fake = createFakeRuntime({ input });
    const run = await runOn(fake, SEAL);
    assert.equal(run.code, 0, run.stderr);
    const { size } = await fake.files.stat(`${DIR}/keyring.enc`) ?? { size: 0 };
    assert.equal(
      run.stdout,
      `wrote ${DIR}/keyring.enc (${size} bytes) and ${DIR}/.keyring-key (session key)\n`,
    );
    assert.deepEqual(
      [fake.files.mode(`${DIR}/keyring.enc`), fake.files.mode(`${DIR}/.keyring-key`)],
      [0o600, 0o600],
    );
    assert.deepEqual(await openFromDirectory(DIR, fake.files), { a: "2", b: "CANARY-1" });
    const key = fake.files.text(`${DIR}/.keyring-key`);
    const again = await runOn(fake, SEAL);
    assert.equal(fake.files.text(`${DIR}/.keyring-key`), key);
    assert.ok(!again.stdout.includes("CANARY") && !again.stderr.includes("CANARY"));
  }
});

test("keyring open --names shows names, never values, in every format", async () => {
  const fake = createFakeRuntime({ input: '{"b":"CANARY-1","a":"2"}' });
  await runOn(fake, [...SEAL, "--quiet"]);
  const sealed = fake.stdout().length;
  const shown = async (...flags: string[]) => {
    const before = fake.stdout().length;
    await runOn(fake, ["keyring", "open", "--names", "--ati-dir", DIR, ...flags]);
    return fake.stdout().slice(before);
  };
  assert.ok(sealed > 0);
  assert.equal(await shown(), "a\nb\n");
  assert.deepEqual(JSON.parse(await shown("--json")), ["a", "b"]);
  assert.match(await shown("--output", "table"), /│ NAME │/);
  assert.ok(!fake.stdout().includes("CANARY") && !fake.stderr().includes("CANARY"));
});

test("keyring open needs --names, so that nobody expects values", async () => {
  const run = await runFake(["keyring", "open"]);
  assert.deepEqual([run.code, errorOf(run)["code"]], [2, "input.missing_arg"]);
});

test("keyring open leaves a one-shot key where it is", async () => {
  const files = { "/run/ati/.key": "A".repeat(43) + "=", [`${DIR}/keyring.enc`]: "x".repeat(40) };
  const fake = createFakeRuntime({ files });
  const run = await runOn(fake, ["keyring", "open", "--names", "--ati-dir", DIR]);
  assert.notEqual(run.code, 0);
  assert.deepEqual(fake.files.paths(), Object.keys(files).sort());
});

test("keyring seal refuses input it cannot read, whole, and keeps the old keyring", async (t) => {
  for (const input of ["", "# nothing\n", "CANARY", '{"a":1}', '{"a":"CANARY"', "a=1\na=CANARY"]) {
    await t.test(JSON.stringify(input), async () => {
      const fake = createFakeRuntime({ input, files: { [`${DIR}/keyring.enc`]: "old" } });
      const run = await runOn(fake, SEAL);
      assert.equal(run.code, 2);
      assert.equal(fake.files.text(`${DIR}/keyring.enc`), "old");
      assert.ok(!run.stderr.includes("CANARY"));
    });
  }
});

test("keyring seal does not wait for a terminal", async () => {
  const run = await runFake(SEAL, { terminals: ["stdin"] });
  assert.deepEqual([run.code, errorOf(run)["code"]], [2, "input.invalid_value"]);
});
