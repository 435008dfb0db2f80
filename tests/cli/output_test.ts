import assert from "node:assert/strict";
import { test } from "node:test";
import { errorOf, type FakeInput, runFake } from "./_fake_runtime.ts";

// deno-lint-ignore no-control-regex
const ANSI_REGEXP = /\u001b\[/;
const CREDENTIALS = { "/home/u/.ati/credentials": '{"pin":"1234"}' };

test("main() prints a table on a terminal and the reference's lines in a pipe", async () => {
  const piped = await runFake(["key", "list"], { files: CREDENTIALS });
  assert.equal(piped.stdout, `${"pin".padEnd(30)} ***\n`);
  const shown = await runFake(["key", "list", "--no-color"], {
    files: CREDENTIALS,
    terminals: ["stdout"],
    columns: 80,
  });
  assert.equal(
    shown.stdout,
    "┌──────┬───────┐\n│ NAME ┆ VALUE │\n╞══════╪═══════╡\n│ pin  ┆ ***   │\n└──────┴───────┘\n",
  );
});

test("main() takes the format from --json, --output, --format, ATI_OUTPUT, in this order", async (t) => {
  const json = '[\n  {\n    "name": "pin",\n    "value": "***"\n  }\n]\n';
  const text = `${"pin".padEnd(30)} ***\n`;
  const cases: readonly (readonly [string[], Record<string, string>, string])[] = [
    [["-J"], {}, json],
    [["--json", "--output", "text"], { ATI_OUTPUT: "text" }, json],
    [["--output", "json"], { ATI_OUTPUT: "text" }, json],
    [["--output=text"], { ATI_OUTPUT: "json" }, text],
    [["--format", "json"], {}, json],
    [[], { ATI_OUTPUT: "json" }, json],
    [[], { ATI_OUTPUT: "text" }, text],
    [[], { ATI_OUTPUT: "" }, text],
  ];
  for (const [flags, env, expected] of cases) {
    await t.test(`${flags.join(" ")} ${JSON.stringify(env)}`, async () => {
      const run = await runFake(["key", "list", ...flags], { files: CREDENTIALS, env });
      assert.equal(run.stdout, expected);
    });
  }
});

test("main() refuses a format that does not exist, from a flag or the variable", async () => {
  for (const [args, env] of [[["--output", "JSON"], {}], [[], { ATI_OUTPUT: "yaml" }]] as const) {
    const run = await runFake(["key", "list", ...args], { env });
    assert.equal(run.code, 2);
    assert.equal(errorOf(run)["code"], "input.invalid_value");
    assert.equal(run.stdout, "");
  }
});

test("main() prints valid JSON when there is nothing to show", async () => {
  for (const args of [["key", "list"], ["manifest", "list"]]) {
    const run = await runFake([...args, "--json"]);
    assert.deepEqual([run.code, run.stdout, run.stderr], [0, "[]\n", ""]);
  }
  const status = await runFake(["auth", "status", "--json"]);
  assert.deepEqual(JSON.parse(status.stdout), { present: false, source: null });
});

test("main() writes exactly one JSON object on standard error when it fails in JSON mode", async () => {
  const run = await runFake(["key", "remove", "nope", "--json"]);
  assert.equal(run.code, 1);
  assert.equal(run.stdout, "");
  assert.equal(
    run.stderr,
    '{"error":{"code":"tool.execution_failed","exit_code":1,' +
      '"hint":"`ati key list` shows the names","message":"Key \'nope\' not found",' +
      '"reason":"key_not_found"}}\n',
  );
});

test("main() drops the notes of a command that fails in JSON mode", async () => {
  const run = await runFake(
    ["edge", "rotate-keyring", "--vault", "v", "--item", "i", "--ati-dir", "/none", "--json"],
  );
  assert.deepEqual(Object.keys(JSON.parse(run.stderr)), ["error"]);
  assert.equal(run.stderr.trim().split("\n").length, 1);
});

test("main() tells errors as JSON in a pipe and as text on a terminal, unless told otherwise", async (t) => {
  const cases: readonly (readonly [FakeInput, string[], RegExp])[] = [
    [{}, [], /^\{"error":/],
    [{ terminals: ["stderr"] }, ["--no-color"], /^error: Key/],
    [{}, ["--output", "text"], /^error: Key/],
    [{ terminals: ["stderr"] }, ["--json"], /^\{"error":/],
    [{ env: { ATI_OUTPUT: "text" } }, [], /^error: Key/],
  ];
  for (const [input, flags, expected] of cases) {
    await t.test(`${JSON.stringify(input)} ${flags.join(" ")}`, async () => {
      const run = await runFake(["key", "remove", "nope", ...flags], input);
      assert.match(run.stderr, expected);
    });
  }
});

test("main() keeps confirmations off standard output and silences them with --quiet", async () => {
  const loud = await runFake(["key", "set", "name", "-"], { input: "secret" });
  assert.deepEqual([loud.code, loud.stdout, loud.stderr], [0, "", "✓ saved name\n"]);
  const quiet = await runFake(["key", "set", "name", "-", "--quiet"], { input: "secret" });
  assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
});

test("main() colours terminals only, and obeys --color, --no-color, NO_COLOR, FORCE_COLOR", async (t) => {
  const terminals = ["stdout", "stderr"] as const;
  const cases: readonly (readonly [string, FakeInput, string[], boolean])[] = [
    ["pipe", {}, [], false],
    ["terminal", { terminals }, [], true],
    ["NO_COLOR", { terminals, env: { NO_COLOR: "1" } }, [], false],
    ["empty NO_COLOR", { terminals, env: { NO_COLOR: "" } }, [], true],
    ["FORCE_COLOR", { env: { FORCE_COLOR: "1" } }, [], true],
    ["FORCE_COLOR=0", { terminals, env: { FORCE_COLOR: "0" } }, [], false],
    ["NO_COLOR over FORCE_COLOR", { env: { NO_COLOR: "1", FORCE_COLOR: "1" } }, [], false],
    ["--color over NO_COLOR", { env: { NO_COLOR: "1" } }, ["--color"], true],
    ["--no-color", { terminals, env: { FORCE_COLOR: "1" } }, ["--no-color"], false],
    ["TERM=dumb", { terminals, env: { TERM: "dumb" } }, [], false],
  ];
  for (const [name, input, flags, expected] of cases) {
    await t.test(name, async () => {
      const help = await runFake([...flags, "--help"], input);
      assert.equal(ANSI_REGEXP.test(help.stdout), expected);
      const failure = await runFake(["key", "remove", "x", "--output", "text", ...flags], input);
      assert.equal(ANSI_REGEXP.test(failure.stderr), expected);
    });
  }
});

test("main() shows causes with --verbose, of errors that are not ours only name and place", async () => {
  const failing = (flags: string[]) =>
    runFake(["key", "set", "name", "-", "--from-env", "X", ...flags]);
  assert.equal(errorOf(await failing([]))["chain"], undefined);

  const { createFakeRuntime, runOn } = await import("./_fake_runtime.ts");
  const fake = createFakeRuntime({ input: "v" });
  fake.files.onOperation = () => {
    throw new TypeError("CANARY in a foreign message");
  };
  const run = await runOn(fake, ["key", "set", "name", "-", "--verbose"]);
  const error = errorOf(run);
  assert.deepEqual([run.code, error["message"]], [1, "Unexpected TypeError"]);
  const chain = error["chain"] as string[];
  assert.equal(chain[0], "TypeError");
  assert.match(chain[1] ?? "", /^at /);
  assert.ok(!run.stderr.includes("CANARY"));
});

test("main() leaves nothing behind when it only reads", async () => {
  const { createFakeRuntime, runOn } = await import("./_fake_runtime.ts");
  const commands = [
    ["key", "list"],
    ["key", "remove", "x"],
    ["auth", "status"],
    ["manifest", "list"],
    ["manifest", "check"],
    ["keyring", "open", "--names"],
    ["token", "keygen"],
    ["version"],
    ["completion", "bash"],
    ["help"],
  ];
  for (const args of commands) {
    const fake = createFakeRuntime();
    await runOn(fake, args);
    assert.deepEqual(fake.files.paths(), [], args.join(" "));
    assert.equal(await fake.files.stat("/home/u/.ati"), undefined, args.join(" "));
  }
});

test("main() lets a flag, but no variable, change what shells evaluate", async () => {
  const env = { ATI_OUTPUT: "json" };
  const commands = [
    [["completion", "bash"], /^# bash/],
    [["token", "keygen", "HS256"], /^[0-9a-f]{64}$/m],
    [["init", "--proxy", "--es256"], /^export /],
    [["version"], /^ati \d/],
  ] as const;
  for (const [args, expected] of commands) {
    assert.match((await runFake(args, { env })).stdout, expected);
    assert.equal(typeof JSON.parse((await runFake([...args, "--json"])).stdout), "object");
  }
});
