import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { ati, makeFolder, run, startAti } from "./_spawn.ts";

const COMMAND_REGEXP = /^(?:curl|t=).*$/gm;

test("dev prints commands that work as printed, and leaves nothing behind", async (t) => {
  const dev = startAti(t, ["dev"]);
  const page = await dev.until(/Ctrl-C stops it/);
  const directory = /State +(\S+)/.exec(page)?.[1] ?? "";
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const name of ["session_token", "signing_secret", "credentials", "jwt-private.pem"]) {
    assert.equal((await stat(`${directory}/${name}`)).mode & 0o777, 0o600, name);
  }
  const [whoami = "", unsigned = "", signed = ""] = page.match(COMMAND_REGEXP) ?? [];
  for (const shell of ["bash", "sh"]) {
    const outputs = [];
    for (const command of [whoami, unsigned, signed]) {
      const { code, stdout, stderr } = await run([shell, "-c", command]);
      assert.deepEqual([code, stderr], [0, ""], command);
      outputs.push(JSON.parse(stdout));
    }
    const [me, refused, echoed] = outputs;
    assert.deepEqual([me.sub, me.authenticated_by], ["dev", "jwt"]);
    assert.deepEqual([refused.status, refused.reason], [403, "missing_signature"]);
    assert.deepEqual([echoed.method, echoed.path], ["GET", "/hello"]);
    assert.match(echoed.headers.authorization, /^Bearer dummy-[0-9a-f]{24}$/);
    assert.equal(echoed.headers["x-sandbox-signature"], undefined);
  }
  for (const name of ["session_token", "signing_secret"]) {
    const secret = (await readFile(`${directory}/${name}`, "utf8")).trim();
    assert.ok(!page.includes(secret), name);
  }
  dev.signal("SIGINT");
  const { code, stderr } = await dev.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /✓ stopped/);
  assert.equal(existsSync(directory), false);
});

test("dev --dir keeps the state, with the keys of the first start at the second", async (t) => {
  const directory = `${await makeFolder(t)}/my state`;
  const keys = [];
  for (let round = 0; round < 2; round++) {
    const dev = startAti(t, ["dev", "--dir", directory, "--port", "0"]);
    const page = await dev.until(/Ctrl-C stops it/);
    const signed = page.match(COMMAND_REGEXP)?.[2] ?? "";
    assert.equal(JSON.parse((await run(["sh", "-c", signed])).stdout).path, "/hello");
    keys.push(
      await readFile(`${directory}/jwt-private.pem`, "utf8"),
      await readFile(`${directory}/credentials`, "utf8"),
    );
    dev.signal("SIGTERM");
    assert.equal((await dev.ended).code, 0);
  }
  assert.deepEqual(keys.slice(0, 2), keys.slice(2));
});

test("dev serves a manifest that is changed while it runs", async (t) => {
  const directory = `${await makeFolder(t)}/state`;
  const dev = startAti(t, ["dev", "--dir", directory, "--port", "0"]);
  await dev.until(/Ctrl-C stops it/);
  await writeFile(`${directory}/manifests/echo.toml`, "[provider");
  await dev.until(/reload failed/);
  await rm(`${directory}/manifests/echo.toml`);
  await dev.until(/"reloaded"/);
});

test("dev is not led by the variables of a real proxy", async (t) => {
  const env = { ATI_JWT_SECRET: "zz", ATI_JWT_AUDIENCE: "other", ATI_BIND: "0.0.0.0", PORT: "1" };
  const dev = startAti(t, ["dev", "--json", "--port", "0"], { env });
  const text = await dev.until(/\n\}\n/);
  const page = JSON.parse(text.slice(text.indexOf("{\n"), text.indexOf("\n}\n") + 2));
  assert.match(page.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const { stdout } = await run(["sh", "-c", page.commands[0].command]);
  assert.equal(JSON.parse(stdout).sub, "dev");
});

test("dev takes a free port when the usual one is taken, and only the one that is asked for", async (t) => {
  const usual = await holdPort(8090);
  t.after(() => usual.close());
  const asked = createServer();
  await new Promise<void>((resolve) => asked.listen(0, "127.0.0.1", resolve));
  t.after(() => asked.close());
  const address = asked.address();
  assert.ok(address !== null && typeof address === "object");

  const dev = startAti(t, ["dev"]);
  const page = await dev.until(/Ctrl-C stops it/);
  assert.doesNotMatch(page, /127\.0\.0\.1:8090\b/);
  const refused = await ati(["dev", "--port", String(address.port)]);
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /Cannot listen on 127\.0\.0\.1 port/);
});

test("dev refuses a folder that holds half a key pair", async (t) => {
  const folder = await makeFolder(t);
  await mkdir(`${folder}/d`);
  await ati(["token", "keygen", "--out-public", `${folder}/d/jwt-public.pem`]);
  const refused = await ati(["dev", "--dir", `${folder}/d`, "--port", "0"]);
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /half_key_pair/);
});

test("dev leaves nothing behind when it is stopped before it has started, or its terminal closes", async (t) => {
  const folder = await makeFolder(t);
  // The loader of Node 20 keeps its cache in the same place.
  const left = async () => (await readdir(folder)).filter((name) => name.startsWith("ati-dev-"));
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    const early = startAti(t, ["dev", "--port", "0"], { env: { TMPDIR: folder } });
    while ((await left()).length === 0) await new Promise((done) => setTimeout(done, 1));
    early.signal(signal);
    const { code, stderr } = await early.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(await left(), []);
  }

  const closed = startAti(t, ["dev", "--port", "0"], { env: { TMPDIR: folder } });
  await closed.until(/Ctrl-C stops it/);
  closed.signal("SIGHUP");
  assert.equal((await closed.ended).code, 0);
  assert.deepEqual(await left(), []);
});

/** Listens as soon as nobody else does: the suite of another runtime may hold the port for a while. */
async function holdPort(port: number): Promise<Server> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const server = createServer();
    const isHeld = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isHeld) return server;
    assert.ok(Date.now() < deadline, `port ${port} stays taken`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
