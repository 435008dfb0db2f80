import assert from "node:assert/strict";
import { test } from "node:test";
import { PROGRAM } from "../../lib/cli/commands.ts";
import { errorOf, runFake } from "./_fake_runtime.ts";
import { run } from "./_spawn.ts";

/** What bash offers for the last word of a line. */
async function complete(words: readonly string[], cwd: string = "/"): Promise<string[]> {
  const script = (await runFake(["completion", "bash"])).stdout;
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const lines = [
    script,
    `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; COMPREPLY=()`,
    `_ati; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const { code, stdout, stderr } = await run(["bash", "-c", lines.join("\n")], { cwd });
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

test("completion bash offers the commands", async () => {
  assert.deepEqual(await complete(["ati", ""]), PROGRAM.commands?.map(({ name }) => name));
  assert.deepEqual(await complete(["ati", "ke"]), ["key", "keyring"]);
  assert.deepEqual(await complete(["ati", "token", "i"]), ["issue", "inspect"]);
  assert.deepEqual(await complete(["ati", "--json", "edge", "r"]), ["rotate-keyring"]);
  assert.deepEqual(await complete(["ati", "help", "tok"]), ["token"]);
  assert.deepEqual(await complete(["ati", "proxy", "c"]), ["check"]);
  assert.deepEqual(await complete(["ati", "proxy", "check", "--str"]), ["--strict"]);
  assert.deepEqual(await complete(["ati", "proxy", "--wa"]), ["--watch"]);
});

test("completion bash offers options, values, and nothing where it knows nothing", async () => {
  assert.deepEqual(await complete(["ati", "token", "issue", "--s"]), [
    "--sub",
    "--scope",
    "--secret",
    "--sandbox-id",
  ]);
  assert.deepEqual(await complete(["ati", "key", "list", "--out"]), ["--output"]);
  assert.deepEqual(await complete(["ati", "key", "list", "--output", "t"]), ["table", "text"]);
  assert.deepEqual(await complete(["ati", "key", "list", "--output", "=", "j"]), ["json"]);
  assert.deepEqual(await complete(["ati", "proxy", "--sig-verify-mode", ""]), [
    "log",
    "warn",
    "enforce",
  ]);
  assert.deepEqual(await complete(["ati", "completion", ""]), ["bash", "zsh", "fish"]);
  assert.deepEqual(await complete(["ati", "token", "keygen", "--algorithm", "H"]), ["HS256"]);
  assert.deepEqual(await complete(["ati", "token", "issue", "--sub", ""]), []);
  assert.ok(!(await complete(["ati", "token", "issue", "--"])).includes("--nbf"));
});

test("completion bash offers files and folders", async () => {
  assert.deepEqual(
    await complete(["ati", "token", "issue", "--key", "/etc/host"]).then((found) =>
      found.includes("/etc/hosts")
    ),
    true,
  );
  assert.deepEqual(await complete(["ati", "key", "list", "--ati-dir", "/et"]), ["/etc"]);
  assert.ok((await complete(["ati", "manifest", "check", "/etc/host"])).includes("/etc/hosts"));
});

test("completion zsh and fish know every command and option", async () => {
  const zsh = (await runFake(["completion", "zsh"])).stdout;
  const fish = (await runFake(["completion", "fish"])).stdout;
  assert.match(zsh, /^#compdef ati\n/);
  for (const { name, commands = [] } of PROGRAM.commands ?? []) {
    for (const path of [name, ...commands.map((child) => `${name} ${child.name}`)]) {
      assert.ok(zsh.includes(`"ati ${path}"`), path);
      assert.ok(fish.includes(`'ati ${path}'`), path);
    }
    for (const { flags, hidden } of commands.flatMap((child) => child.options ?? [])) {
      const long = /--([a-z0-9-]+)/.exec(flags)?.[1] ?? "";
      assert.equal(zsh.includes(`'--${long}:`), hidden !== true, long);
      assert.equal(fish.includes(` -l ${long} `), hidden !== true, long);
    }
  }
});

test("completion refuses other shells", async () => {
  const other = await runFake(["completion", "csh"]);
  assert.deepEqual([other.code, errorOf(other)["code"]], [2, "input.invalid_value"]);
});
