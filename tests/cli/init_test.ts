import assert from "node:assert/strict";
import { test } from "node:test";
import { importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import { parseToml } from "../../lib/manifest/toml.ts";
import { createFakeRuntime, errorOf, runFake, runOn } from "./_fake_runtime.ts";

const DIR = "/home/u/.ati";

test("init makes folders and a config.toml, says so on standard error, and can be repeated", async () => {
  const fake = createFakeRuntime();
  const first = await runOn(fake, ["init"]);
  assert.deepEqual([first.code, first.stdout], [0, ""]);
  assert.match(
    first.stderr,
    /initialized \/home\/u\/\.ati: manifests\/ specs\/ skills\/ config\.toml/,
  );
  for (const folder of ["manifests", "specs", "skills"]) {
    assert.equal((await fake.files.stat(`${DIR}/${folder}`))?.isDirectory, true);
  }
  fake.files.put(`${DIR}/config.toml`, "mine = 1\n");
  assert.equal((await runOn(fake, ["init"])).code, 0);
  assert.equal(fake.files.text(`${DIR}/config.toml`), "mine = 1\n");
});

test("init --proxy writes an HS256 secret that only the owner reads, and shows it to nobody", async () => {
  const fake = createFakeRuntime();
  const run = await runOn(fake, ["init", "--proxy"]);
  assert.equal(run.code, 0);
  assert.equal(fake.files.mode(`${DIR}/config.toml`), 0o600);
  const parsed = parseToml(fake.files.text(`${DIR}/config.toml`));
  assert.ok(parsed.ok);
  const { proxy } = parsed.value as {
    proxy: { port: number; bind: string; jwt: { secret: string } };
  };
  const { secret, ...jwt } = proxy.jwt;
  assert.deepEqual({ ...proxy, jwt }, {
    port: 8090,
    bind: "127.0.0.1",
    jwt: { algorithm: "HS256" },
  });
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.ok(!run.stdout.includes(secret) && !run.stderr.includes(secret));
  assert.equal(
    run.stdout,
    `export ATI_JWT_SECRET="$(sed -n 's/^secret = "\\(.*\\)"$/\\1/p' ${DIR}/config.toml)"\n`,
  );
});

test("init --proxy --es256 writes a key pair that belongs together, private key 0600", async () => {
  const fake = createFakeRuntime();
  const run = await runOn(fake, ["init", "--proxy", "--es256"]);
  assert.deepEqual(
    run.stdout,
    `export ATI_JWT_PUBLIC_KEY=${DIR}/jwt-public.pem\n` +
      `export ATI_JWT_PRIVATE_KEY=${DIR}/jwt-private.pem\n`,
  );
  assert.equal(fake.files.mode(`${DIR}/jwt-private.pem`), 0o600);
  assert.equal(fake.files.mode(`${DIR}/jwt-public.pem`), 0o644);
  const signing = await importSigningKey(fake.files.text(`${DIR}/jwt-private.pem`));
  const [verifying] = await importVerificationKeys(fake.files.text(`${DIR}/jwt-public.pem`));
  assert.equal(signing.kid, verifying?.kid);
  const config = fake.files.text(`${DIR}/config.toml`);
  assert.match(
    config,
    /algorithm = "ES256"\nprivate_key = "jwt-private.pem"\npublic_key = "jwt-public.pem"/,
  );
  assert.ok(!run.stderr.includes("PRIVATE KEY"));
});

test("init --proxy refuses to replace a signing key, of either kind, and changes nothing", async (t) => {
  for (const made of [["--proxy"], ["--proxy", "--es256"]]) {
    for (const wanted of [["--proxy"], ["--proxy", "--es256"]]) {
      await t.test(`${made.join(" ")} then ${wanted.join(" ")}`, async () => {
        const fake = createFakeRuntime();
        await runOn(fake, ["init", ...made, "--quiet"]);
        const before = fake.files.paths().map((path) => [path, fake.files.text(path)]);
        const run = await runOn(fake, ["init", ...wanted]);
        assert.equal(run.code, 1);
        assert.deepEqual(errorOf(run)["reason"], "key_exists");
        const hint = String(errorOf(run)["hint"]);
        assert.match(hint, /--force/);
        const variable = made.includes("--es256") ? "ATI_JWT_PRIVATE_KEY" : "ATI_JWT_SECRET";
        assert.ok(hint.includes(`export ${variable}=`), hint);
        assert.deepEqual(fake.files.paths().map((path) => [path, fake.files.text(path)]), before);
      });
    }
  }
});

test("init --proxy refuses when only the public key is there: others may verify with it", async () => {
  const run = await runFake(["init", "--proxy", "--es256"], {
    files: { [`${DIR}/jwt-public.pem`]: "x" },
  });
  assert.equal(errorOf(run)["reason"], "key_exists");
});

test("init --proxy --force makes new keys and keeps the old ones, private", async () => {
  const fake = createFakeRuntime();
  await runOn(fake, ["init", "--proxy", "--es256"]);
  const old = fake.files.text(`${DIR}/jwt-private.pem`);
  const run = await runOn(fake, ["init", "--proxy", "--es256", "--force"]);
  assert.equal(run.code, 0);
  assert.notEqual(fake.files.text(`${DIR}/jwt-private.pem`), old);
  const backup = fake.files.paths().find((path) =>
    /jwt-private\.pem\.\d{8}T\d{6}Z\.bak$/.test(path)
  );
  assert.ok(backup !== undefined);
  assert.equal(fake.files.text(backup), old);
  assert.equal(fake.files.mode(backup), 0o600);
});

test("init --proxy replaces a config.toml without a key, and keeps one that says something", async () => {
  const fake = createFakeRuntime({ files: { [`${DIR}/config.toml`]: "# ATI configuration\n" } });
  assert.equal((await runOn(fake, ["init", "--proxy"])).code, 0);
  assert.deepEqual(fake.files.paths(), [`${DIR}/config.toml`]);
  const other = createFakeRuntime({ files: { [`${DIR}/config.toml`]: "[mine]\nx = 1\n" } });
  assert.equal((await runOn(other, ["init", "--proxy"])).code, 0);
  assert.equal(other.files.paths().length, 2);
  assert.equal(other.files.text(other.files.paths()[1] ?? ""), "[mine]\nx = 1\n");
});

test("init names the directory in the exports when it is not the default one, quoted", async () => {
  const run = await runFake(["init", "--proxy", "--es256", "--ati-dir", "my dir/it's"]);
  assert.equal(
    run.stdout,
    `export ATI_DIR='/srv/my dir/it'\\''s'\n` +
      `export ATI_JWT_PUBLIC_KEY='/srv/my dir/it'\\''s/jwt-public.pem'\n` +
      `export ATI_JWT_PRIVATE_KEY='/srv/my dir/it'\\''s/jwt-private.pem'\n`,
  );
});

test("init --es256 without --proxy is a mistake, not ignored", async () => {
  const run = await runFake(["init", "--es256"]);
  assert.deepEqual([run.code, errorOf(run)["code"]], [2, "input.invalid_value"]);
});

test("init --json tells files and exports, and no secret", async () => {
  const fake = createFakeRuntime();
  const run = await runOn(fake, ["init", "--proxy", "--json"]);
  const result = JSON.parse(run.stdout);
  assert.equal(result.ati_dir, DIR);
  assert.deepEqual(result.created, ["manifests/", "specs/", "skills/", "config.toml"]);
  const secret = /secret = "(.*)"/.exec(fake.files.text(`${DIR}/config.toml`))?.[1] ?? "";
  assert.ok(secret !== "" && !run.stdout.includes(secret));
});

test("init --proxy started twice at once makes one key, whoever wins", async () => {
  for (const kind of [[], ["--es256"]]) {
    const fake = createFakeRuntime();
    const codes = await Promise.all(
      [0, 1].map(async () => (await runOn(fake, ["init", "--proxy", ...kind])).code),
    );
    assert.deepEqual(codes.sort(), [0, 1]);
  }
});
