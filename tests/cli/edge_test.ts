import assert from "node:assert/strict";
import { test } from "node:test";
import { AtiError } from "../../lib/errors.ts";
import { openFromDirectory } from "../../lib/keyring/sealed_files.ts";
import {
  createFakeRuntime,
  errorOf,
  type FakeExit,
  type FakeInput,
  runOn,
  type SpawnCall,
} from "./_fake_runtime.ts";

const DIR = "/var/lib/ati";
const ITEM = ["--vault", "V", "--item", "My item", "--ati-dir", DIR];
const BOOTSTRAP = ["edge", "bootstrap-keyring", ...ITEM];
const ROTATE = ["edge", "rotate-keyring", ...ITEM];

function item(value: string): FakeExit {
  const fields = [
    { label: "github_token", value },
    { label: "", value: "x" },
    { label: "empty", value: "" },
    { label: "number", value: 7 },
    { id: "notesPlain" },
  ];
  return { code: 0, stdout: JSON.stringify({ title: "My item", fields }) };
}

/** A machine with an `op` and a `systemctl`. */
function edgeMachine(
  op: () => FakeExit | AtiError,
  systemctl: FakeExit | AtiError,
  input: FakeInput = {},
) {
  const spawn = ({ command }: SpawnCall) => command === "systemctl" ? systemctl : op();
  return createFakeRuntime({ ...input, spawn });
}

test("edge bootstrap-keyring seals the fields that have a label and a value", async () => {
  const fake = edgeMachine(() => item("CANARY-1"), { code: 1 });
  const run = await runOn(fake, BOOTSTRAP);
  assert.equal(run.code, 0, run.stderr);
  const { size } = await fake.files.stat(`${DIR}/keyring.enc`) ?? { size: 0 };
  assert.equal(
    run.stdout,
    `wrote ${DIR}/keyring.enc (${size} bytes) and ${DIR}/.keyring-key (session key)\n`,
  );
  assert.deepEqual(await openFromDirectory(DIR, fake.files), { github_token: "CANARY-1" });
  assert.deepEqual(fake.calls, [{
    command: "op",
    args: ["item", "get", "--vault", "V", "My item", "--format", "json"],
    env: {},
  }]);
});

test("edge bootstrap-keyring gives op the content of the token file, by its own path", async () => {
  const files = { "/etc/token": "  ops_CANARY\n" };
  const fake = edgeMachine(() => item("x"), { code: 1 }, { files });
  const run = await runOn(fake, [
    ...BOOTSTRAP,
    ...["--op-path", "/opt/op", "--op-token-file", "/etc/token"],
  ]);
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual(
    [fake.calls[0]?.command, fake.calls[0]?.env],
    ["/opt/op", { OP_SERVICE_ACCOUNT_TOKEN: "ops_CANARY" }],
  );
  assert.ok(!run.stdout.includes("CANARY") && !run.stderr.includes("CANARY"));
});

test("edge bootstrap-keyring keeps the key when it runs again", async () => {
  const fake = edgeMachine(() => item("x"), { code: 1 });
  await runOn(fake, BOOTSTRAP);
  const key = fake.files.text(`${DIR}/.keyring-key`);
  await runOn(fake, BOOTSTRAP);
  assert.equal(fake.files.text(`${DIR}/.keyring-key`), key);
});

test("edge rotate-keyring replaces the keyring under the same key and signals the service", async () => {
  let value = "old";
  const fake = edgeMachine(() => item(value), { code: 0, stdout: "4711\n" }, { pids: [4711] });
  await runOn(fake, [...BOOTSTRAP, "--quiet"]);
  const key = fake.files.text(`${DIR}/.keyring-key`);
  const before = fake.stdout().length;
  value = "new";
  const run = await runOn(fake, ROTATE);
  assert.equal(run.code, 0, run.stderr);
  assert.match(
    run.stdout.slice(before),
    /^rotated \/var\/lib\/ati\/keyring\.enc \(\d+ bytes\)\nSIGHUP sent to ati \(pid 4711\)\n$/,
  );
  assert.deepEqual(fake.signals, [[4711, "SIGHUP"]]);
  assert.deepEqual(fake.calls.at(-1)?.args, ["show", "-p", "MainPID", "--value", "ati"]);
  assert.equal(fake.files.text(`${DIR}/.keyring-key`), key);
  assert.deepEqual(await openFromDirectory(DIR, fake.files), { github_token: "new" });
});

test("edge rotate-keyring --no-signal leaves the service alone", async () => {
  const fake = edgeMachine(() => item("x"), { code: 0, stdout: "4711" });
  await runOn(fake, BOOTSTRAP);
  const run = await runOn(fake, [...ROTATE, "--no-signal", "--service", "other"]);
  assert.match(run.stdout, /--no-signal set; skipping SIGHUP to other\n$/);
  assert.deepEqual(fake.signals, []);
  assert.ok(fake.calls.every(({ command }) => command === "op"));
});

test("edge rotate-keyring warns when the service is not running, and exits 0", async (t) => {
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ["no main process", "0\n", []],
    ["gone in between", "4711", [1]],
  ];
  for (const [name, stdout, pids] of cases) {
    await t.test(name, async () => {
      const fake = edgeMachine(() => item("x"), { code: 0, stdout }, { pids });
      await runOn(fake, BOOTSTRAP);
      const run = await runOn(fake, ROTATE);
      assert.equal(run.code, 0);
      assert.match(run.stderr, /warning: ati is not running/);
    });
  }
});

test("edge rotate-keyring fails, after the keyring is replaced, when systemctl does not help", async (t) => {
  const cases: readonly (readonly [string, FakeExit | AtiError])[] = [
    ["missing", new AtiError("ERR_SPAWN", "Cannot run systemctl: ENOENT", { reason: "not_found" })],
    ["failing", { code: 4, stdout: "" }],
    ["pid 1", { code: 0, stdout: "1\n" }],
    ["negative", { code: 0, stdout: "-1\n" }],
    ["garbage", { code: 0, stdout: "MainPID=7" }],
  ];
  for (const [name, systemctl] of cases) {
    await t.test(name, async () => {
      const fake = edgeMachine(() => item("x"), systemctl);
      await runOn(fake, [...BOOTSTRAP, "--quiet"]);
      const run = await runOn(fake, ROTATE);
      assert.equal(run.code, 4);
      assert.match(run.stdout, /rotated /);
      assert.equal(errorOf(run)["code"], "provider.upstream_error");
      assert.deepEqual(fake.signals, []);
    });
  }
});

test("edge rotate-keyring asks for a bootstrap first and makes nothing", async () => {
  const fake = edgeMachine(() => item("x"), { code: 0 });
  const run = await runOn(fake, ROTATE);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /bootstrap-keyring/);
  assert.ok(run.stderr.includes(DIR));
  assert.equal(await fake.files.stat(DIR), undefined);
  assert.deepEqual(fake.calls, []);
});

test("edge leaves the old keyring untouched when op fails, and does not repeat its words", async (t) => {
  const cases: readonly (readonly [string, FakeExit | AtiError])[] = [
    ["exit code", { code: 1, stderr: "token ops_CANARY is not valid", stdout: "CANARY" }],
    ["killed", { code: null, stderr: "CANARY" }],
    ["no JSON", { code: 0, stdout: "CANARY" }],
    ["no fields", { code: 0, stdout: '{"fields":[{"label":"CANARY"}]}' }],
    ["fields of another kind", { code: 0, stdout: '{"fields":"CANARY"}' }],
    ["missing", new AtiError("ERR_SPAWN", "Cannot run op: ENOENT", { reason: "not_found" })],
  ];
  for (const [name, failure] of cases) {
    await t.test(name, async () => {
      let answer: FakeExit | AtiError = item("x");
      const fake = edgeMachine(() => answer, { code: 0, stdout: "4711" });
      await runOn(fake, [...BOOTSTRAP, "--quiet"]);
      const before = [...await fake.files.read(`${DIR}/keyring.enc`) ?? []];
      answer = failure;
      const run = await runOn(fake, [...ROTATE, "--verbose"]);
      assert.notEqual(run.code, 0);
      assert.deepEqual([...await fake.files.read(`${DIR}/keyring.enc`) ?? []], before);
      assert.ok(!run.stderr.includes("CANARY"), run.stderr);
      assert.deepEqual(fake.signals, []);
    });
  }
});

test("edge refuses names that the other program would read as options", async () => {
  for (const args of [["--vault=-x", "--item", "i"], ["--vault", "v", "--item=--account"]]) {
    const fake = edgeMachine(() => item("x"), { code: 0 });
    const run = await runOn(fake, ["edge", "bootstrap-keyring", ...args]);
    assert.equal(run.code, 2);
    assert.deepEqual(fake.calls, []);
  }
});
