import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import process from "node:process";
import { test, type TestContext } from "node:test";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { ati, COMMAND, makeFolder, run, type Running, startAti } from "./_spawn.ts";

/** The variables that a shell has after pasting what `init` printed. */
async function evalExports(script: string): Promise<Record<string, string>> {
  const names = [...script.matchAll(/^export (\w+)=/gm)].map((match) => match[1] ?? "");
  const print = names.map((name) => `printf '%s\\n' "$${name}"`).join("\n");
  const { stdout } = await run(["sh", "-c", `${script}\n${print}`]);
  const values = stdout.trimEnd().split("\n");
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}

async function startProxy(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<{ readonly url: string; readonly proxy: Running }> {
  const proxy = startAti(t, ["proxy", "--port", "0", ...args], { env });
  const log = await proxy.until(/"message":"ATI proxy server starting"[^\n]*\n/);
  return { url: `http://${/"addr":"([^"]+)"/.exec(log)?.[1]}`, proxy };
}

for (const kind of [["--es256"], []]) {
  test(`init --proxy ${kind.join("")}, proxy, token issue, auth status, requests with and without token`, async (t) => {
    const home = await makeFolder(t);
    const made = await ati(["init", "--proxy", ...kind], { env: { HOME: home } });
    assert.equal(made.code, 0, made.stderr);
    const env = { HOME: home, ...await evalExports(made.stdout) };
    const { url, proxy } = await startProxy(t, env);

    const issued = await ati(["token", "issue", "--sub", "agent-1", "--scope", "tool:* help"], {
      env,
    });
    const token = issued.stdout.trim();
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    const session = { ...env, ATI_SESSION_TOKEN: token };
    const status = JSON.parse((await ati(["auth", "status", "--check"], { env: session })).stdout);
    assert.deepEqual([status.sub, status.signature_verified, status.expired], [
      "agent-1",
      true,
      false,
    ]);
    assert.equal((await ati(["token", "validate"], { env: session })).code, 0);

    const statusOf = async (bearer?: string) => {
      const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      const response = await fetch(`${url}/whoami`, { headers });
      await response.text();
      return response.status;
    };
    const issue = async (...args: string[]) =>
      (await ati(["token", "issue", "--sub", "a", "--scope", "help", ...args], { env })).stdout
        .trim();
    assert.equal(await statusOf(token), 200);
    assert.equal(await statusOf(), 401);
    assert.equal(await statusOf(`${token.slice(0, -3)}AAA`), 401);
    assert.equal(await statusOf(await issue("--aud", "other")), 401);
    assert.equal(await statusOf(await issue("--not-before", "+10m")), 401);

    proxy.signal("SIGTERM");
    const { code, stderr } = await proxy.ended;
    assert.equal(code, 0, stderr);
    assert.ok(!stderr.includes(token));
  });
}

test("the secret files of init, key set and keyring seal are for the owner only", async (t) => {
  const home = await makeFolder(t);
  const env = { HOME: home };
  await ati(["init", "--proxy", "--es256"], { env });
  await ati(["key", "set", "k", "-"], { env, input: "secret" });
  await ati(["keyring", "seal"], { env, input: "a=1" });
  for (const name of ["jwt-private.pem", "credentials", "keyring.enc", ".keyring-key"]) {
    assert.equal((await stat(`${home}/.ati/${name}`)).mode & 0o777, 0o600, name);
  }
});

test("key set loses nothing when several run at once", async (t) => {
  const env = { HOME: await makeFolder(t) };
  const names = ["a", "b", "c", "d", "e", "f"];
  const runs = await Promise.all(
    names.map((name) => ati(["key", "set", name, `value-${name}`], { env })),
  );
  assert.deepEqual(runs.map(({ code }) => code), names.map(() => 0));
  const stored = JSON.parse(await readFile(`${env.HOME}/.ati/credentials`, "utf8"));
  assert.deepEqual(stored, Object.fromEntries(names.map((name) => [name, `value-${name}`])));
});

test("the process ends with the exit code, and quietly when nobody reads its output", async () => {
  assert.equal((await ati(["version"])).code, 0);
  assert.equal((await ati([])).code, 2);
  assert.equal((await ati(["key", "remove", "nope"])).code, 1);
  const words = COMMAND.map((word) => `'${word}'`).join(" ");
  const closed = await run(["bash", "-c", `${words} help | true; echo "\${PIPESTATUS[0]}"`]);
  assert.deepEqual([closed.stdout, closed.stderr], ["0\n", ""]);
});

test("the proxy refuses to start with a configuration that is broken, and says how to mend it", async (t) => {
  const home = await makeFolder(t);
  await ati(["init"], { env: { HOME: home } });
  const cases: readonly (readonly [string, string[], Record<string, string>, RegExp])[] = [
    ["broken secret", [], { ATI_JWT_SECRET: "zz" }, /ATI_JWT_SECRET/],
    ["missing key file", [], { ATI_JWT_PUBLIC_KEY: "/nope.pem" }, /ATI_JWT_PUBLIC_KEY/],
    [
      "enforce without secret",
      ["--sig-verify-mode", "enforce"],
      {},
      /sandbox_signing_shared_secret/,
    ],
    ["no authentication", ["--bind", "0.0.0.0"], {}, /without authentication/],
  ];
  for (const [name, args, env, message] of cases) {
    await t.test(name, async () => {
      const ended = await ati(["proxy", "--port", "0", ...args], { env: { HOME: home, ...env } });
      assert.equal(ended.code, 2);
      const error = JSON.parse(ended.stderr.trim().split("\n").at(-1) ?? "").error;
      assert.match(error.message, message);
      assert.ok(error.hint.length > 0);
    });
  }
});

test("edge rotate-keyring reaches a running proxy: its new secret is in force at once", async (t) => {
  const folder = await makeFolder(t);
  const programs = {
    op: 'test "$OP_SERVICE_ACCOUNT_TOKEN" = ops_token && cat "$ITEM"',
    systemctl: 'cat "$PID"',
  };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(`${folder}/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  const env = {
    ITEM: `${folder}/item.json`,
    PID: `${folder}/pid`,
    PATH: `${folder}:${process.env["PATH"] ?? ""}`,
    ATI_DIR: `${folder}/ati`,
  };
  await writeFile(`${folder}/op-token`, "ops_token\n");
  const storeItem = async (secret: string) => {
    const fields = [{ label: "sandbox_signing_shared_secret", value: secret }];
    await writeFile(env.ITEM, JSON.stringify({ fields }));
  };
  const edge = async (command: string, ...args: string[]) =>
    await ati(
      [
        "edge",
        command,
        "--vault",
        "V",
        "--item",
        "I",
        "--op-token-file",
        `${folder}/op-token`,
        ...args,
      ],
      { env },
    );

  await storeItem("old secret");
  await ati(["init"], { env });
  assert.equal((await edge("bootstrap-keyring")).code, 0);
  const { url, proxy } = await startProxy(t, env, ["--sig-verify-mode", "enforce"]);
  const statusWith = async (text: string) => {
    const secret = parseSigningSecret(text);
    const header = await signSandboxRequest({ method: "GET", path: "/whoami" }, { secret });
    const response = await fetch(`${url}/whoami`, { headers: { "x-sandbox-signature": header } });
    await response.text();
    return response.status;
  };
  assert.deepEqual([await statusWith("old secret"), await statusWith("new secret")], [200, 403]);

  await storeItem("new secret");
  await writeFile(env.PID, `${proxy.pid}\n`);
  const rotated = await edge("rotate-keyring", "--op-path", `${folder}/op`);
  assert.equal(rotated.code, 0, rotated.stderr);
  assert.ok(rotated.stdout.endsWith(`SIGHUP sent to ati (pid ${proxy.pid})\n`), rotated.stdout);
  await proxy.until(/reload/);
  assert.deepEqual([await statusWith("old secret"), await statusWith("new secret")], [403, 200]);
});

test("a result that cannot be written is an error, told in one JSON object", async (t) => {
  const folder = await makeFolder(t);
  // A file may be made but not be given content. Ignored, the signal becomes an error of write().
  const script = 'trap "" XFSZ; ulimit -f 0; exec "$@" > "$OUT"';
  const { code, stderr } = await run(
    ["sh", "-c", script, "sh", ...COMMAND, "token", "keygen", "HS256"],
    { env: { OUT: `${folder}/secret` } },
  );
  assert.equal(code, 1, stderr);
  // Deno does not tell this system error by name.
  assert.match(JSON.parse(stderr).error.message, /^Cannot write the output: E[A-Z]+$/);
  assert.equal(await readFile(`${folder}/secret`, "utf8"), "");
});
