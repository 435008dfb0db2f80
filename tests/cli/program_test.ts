import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommandLine } from "../../lib/cli/program.ts";
import { errorOf, runFake } from "./_fake_runtime.ts";

const TERMINAL = { terminals: ["stdout", "stderr"] as const, columns: 80 };

test("main() shows help on standard error and exits 2 without a subcommand", async () => {
  for (const args of [[], ["token"], ["edge"]]) {
    const run = await runFake(args);
    assert.equal(run.code, 2);
    assert.equal(run.stdout, "");
    assert.match(run.stderr, /^Usage: ati /);
  }
});

test("main() shows help on standard output and exits 0 when it is asked for", async () => {
  const pages = [
    ["--help"],
    ["-h"],
    ["help"],
    ["token", "--help"],
    ["token", "issue", "-h"],
    ["help", "token", "issue"],
    ["token", "help", "issue"],
    ["--json", "key", "--help"],
  ];
  for (const args of pages) {
    const run = await runFake(args);
    assert.equal(run.code, 0, args.join(" "));
    assert.equal(run.stderr, "");
    assert.match(run.stdout, /^Usage: ati /);
  }
});

test("main() shows the same page for help COMMAND and COMMAND --help", async () => {
  const byOption = await runFake(["edge", "rotate-keyring", "--help"]);
  const byCommand = await runFake(["help", "edge", "rotate-keyring"]);
  assert.equal(byOption.stdout, byCommand.stdout);
  assert.match(byOption.stdout, /--no-signal/);
  assert.match(byOption.stdout, /Examples:\n {2}ati edge rotate-keyring/);
});

test("main() says `proxy server` on the page of the proxy", async () => {
  assert.match((await runFake(["proxy", "--help"])).stdout, /proxy server/);
});

test("main() runs `proxy` with its flags, and the command below it by its name", async () => {
  const flags = ["--port", "1", "--watch"];
  for (const args of [["proxy", ...flags], ["proxy", ...flags, "check"]]) {
    const line = parseCommandLine(args);
    assert.ok(line.kind === "run");
    assert.equal(line.path.at(-1)?.name, args.at(-1) === "check" ? "check" : "proxy");
    assert.deepEqual([line.options.text("port"), line.options.has("watch")], ["1", true]);
  }
  const { stdout } = await runFake(["proxy", "--help"]);
  assert.match(stdout, /^Usage: ati proxy \[command\] \[options\]\n/);
  assert.match(stdout, /\nCommands:\n {2}check {2}/);
  for (const args of [["proxy", "help", "check"], ["help", "proxy", "check"]]) {
    assert.match((await runFake(args)).stdout, /^Usage: ati proxy check \[options\]\n/);
  }
  const mistyped = errorOf(await runFake(["proxy", "chekc"]));
  assert.deepEqual([mistyped["message"], mistyped["hint"]], [
    'Unknown command "chekc"',
    "see `ati proxy --help`",
  ]);
  const more = errorOf(await runFake(["proxy", "check", "more"]));
  assert.equal(more["message"], "Too many arguments");
});

test("main() wraps help at the width of the terminal and hides hidden options", async () => {
  const { stdout } = await runFake(["token", "issue", "--help"], { ...TERMINAL, columns: 60 });
  // deno-lint-ignore no-control-regex
  const plain = stdout.replace(/\u001b\[\d+m/g, "");
  const [page = ""] = plain.split("Examples:");
  for (const line of page.split("\n")) assert.ok(line.length <= 60, line);
  assert.doesNotMatch(plain, /--nbf/);
});

test("main() prints `ati <semver>` for --version, -V and version", async () => {
  for (const args of [["--version"], ["-V"], ["version"]]) {
    const run = await runFake(args);
    assert.deepEqual([run.code, run.stderr], [0, ""]);
    assert.match(run.stdout, /^ati \d+\.\d+\.\d+\n$/);
  }
});

test("main() suggests what was meant", async (t) => {
  const cases = [
    { args: ["tokn"], message: 'Unknown command "tokn"', meant: "token" },
    { args: ["token", "isue"], message: 'Unknown command "isue"', meant: "issue" },
    { args: ["token", "issue", "--scop", "x"], message: "Unknown option --scop", meant: "--scope" },
    {
      args: ["key", "list", "--outptu", "x"],
      message: "Unknown option --outptu",
      meant: "--output",
    },
  ];
  for (const { args, message, meant } of cases) {
    await t.test(args.join(" "), async () => {
      const run = await runFake(args);
      assert.equal(run.code, 2);
      const error = errorOf(run);
      assert.equal(error["code"], "input.invalid_value");
      assert.equal(error["message"], message);
      assert.ok(String(error["hint"]).startsWith(`did you mean ${meant}?`), String(error["hint"]));
    });
  }
});

test("main() shows error, hint and usage on a terminal", async () => {
  const run = await runFake(["token", "isue"], { ...TERMINAL, env: { NO_COLOR: "1" } });
  assert.equal(
    run.stderr,
    'error: Unknown command "isue"\n' +
      "hint: did you mean issue? Otherwise see `ati token --help`\n" +
      "usage: ati token <command>\n",
  );
});

test("main() never repeats a value from a command line it cannot read", async () => {
  const canary = "sk-live-CANARY0123456789";
  const lines = [
    [canary],
    ["key", canary],
    [`--${canary}`],
    ["token", "issue", `--secrt=${canary}`],
    ["token", "issue", "--secrt", canary],
    ["key", "set", "name", `-${canary}`],
    ["key", "set", "name", canary, "extra"],
    ["--output", canary, "key", "list"],
    ["proxy", "--sig-verify-mode", canary],
    ["proxy", canary],
    ["proxy", "check", canary],
    ["proxy", "check", "--port", canary],
    ["token", "keygen", canary],
    ["token", "issue", "--sub", "a", "--scope", "b", "--secret", canary],
    ["token", "issue", "--sub", "a", "--scope", "b", "--ttl", canary],
    ["token", "issue", "--sub", "a", "--scope", "b", "--rate", canary],
    ["token", "issue", "--sub", "a", "--scope", "b", "--not-before", canary],
    ["token", "inspect", canary],
    ["token", "validate", canary, "--secret", "0".repeat(64)],
    ["token", "validate", "x", "--secret", canary],
    ["completion", canary],
    ["help", canary],
    ["edge", "rotate-keyring", "--vault", "v", "--item", "i", "--service", `-${canary}`],
  ];
  for (const args of lines) {
    const run = await runFake([...args, "--verbose"]);
    assert.notEqual(run.code, 0, args.join(" "));
    assert.ok(!run.stderr.includes("CANARY"), run.stderr);
    assert.ok(!run.stdout.includes("CANARY"), run.stdout);
  }
});

test("main() names everything that is missing", async () => {
  const run = await runFake(["token", "issue"]);
  assert.equal(run.code, 2);
  assert.deepEqual(
    [errorOf(run)["code"], errorOf(run)["message"]],
    ["input.missing_arg", "Missing --sub <agent>, --scope <scopes>"],
  );
  const argument = await runFake(["key", "remove"]);
  assert.equal(errorOf(argument)["message"], "Missing argument <name>");
  const value = await runFake(["token", "issue", "--sub"]);
  assert.equal(errorOf(value)["code"], "input.missing_arg");
});

test("main() refuses more arguments than a command takes", async () => {
  const run = await runFake(["key", "remove", "a", "b"]);
  assert.equal(run.code, 2);
  assert.equal(errorOf(run)["message"], "Too many arguments");
});

test("parseCommandLine() takes global options before, between and after the words", () => {
  const lines = [
    ["--output", "table", "key", "list"],
    ["key", "--output=table", "list"],
    ["key", "list", "--output", "table"],
    ["key", "list", "--ati-dir=/x", "--output=table"],
  ];
  for (const args of lines) {
    const line = parseCommandLine(args);
    assert.equal(line.kind, "run");
    assert.equal(line.options.text("output"), "table");
  }
});

test("parseCommandLine() takes --flag=value and --flag value, repeats and what follows --", () => {
  const line = parseCommandLine(["token", "issue", "--rate=a=1/s", "--rate", "b=2/m", "--sub=s"]);
  assert.deepEqual(line.options.list("rate"), ["a=1/s", "b=2/m"]);
  const dashed = parseCommandLine(["key", "set", "--", "name", "-value"]);
  assert.ok(dashed.kind === "run");
  assert.deepEqual(dashed.arguments, ["name", "-value"]);
});

test("parseCommandLine() tells a switch that was turned off from one not given", () => {
  assert.equal(parseCommandLine(["version", "--no-color"]).options.isOff("color"), true);
  assert.equal(parseCommandLine(["version", "--color"]).options.has("color"), true);
  const neither = parseCommandLine(["version"]).options;
  assert.deepEqual([neither.has("color"), neither.isOff("color")], [false, false]);
});
