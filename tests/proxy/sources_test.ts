import assert from "node:assert/strict";
import { test } from "node:test";
import { generateEs256KeyPair } from "../../lib/jwt/generate.ts";
import { sealKeyring } from "../../lib/keyring/seal.ts";
import { createSourceLoader } from "../../lib/proxy/sources.ts";
import type { Env } from "../../lib/ports.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";
import { chatManifest, JWT_SECRET } from "./_proxy.ts";

const MANIFEST = { "/ati/manifests/chat.toml": chatManifest() };

function createEnv(variables: Readonly<Record<string, string>> = {}): Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

test("createSourceLoader() reads keys, credentials and manifests, anew each time", async () => {
  const files = createMemoryFiles({ ...MANIFEST, "/ati/credentials": '{"chat_key":"one"}' });
  const env = createEnv({ ATI_JWT_SECRET: JWT_SECRET });
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env, files });
  const first = await load();
  assert.equal(first.jwt?.algorithm, "HS256");
  assert.equal(first.keyringSource, "credentials (plaintext)");
  assert.equal(first.keyring.get("chat_key"), "one");
  assert.deepEqual(first.manifests.map(({ provider }) => provider.name), ["chat"]);
  files.put("/ati/credentials", '{"chat_key":"two"}');
  assert.equal((await load()).keyring.get("chat_key"), "two");
  assert.equal(first.keyring.get("chat_key"), "one");
});

test("createSourceLoader() tells of a secret that a public key wins over, whatever it holds", async () => {
  const { publicPem } = await generateEs256KeyPair();
  const files = createMemoryFiles({ ...MANIFEST, "/pub.pem": publicPem });
  for (
    const [secret, isUnread] of [
      [JWT_SECRET, true],
      ["malformed", true],
      [" , ", false],
      [undefined, false],
    ] as const
  ) {
    const env = createEnv({
      ATI_JWT_PUBLIC_KEY: "/pub.pem",
      ...secret !== undefined && { ATI_JWT_SECRET: secret },
    });
    const sources = await createSourceLoader({ atiDir: "/ati", envKeys: false }, { env, files })();
    assert.equal(sources.jwt?.algorithm, "ES256");
    assert.equal(sources.isSecretUnread, isUnread, secret);
  }
  const env = createEnv({ ATI_JWT_SECRET: JWT_SECRET });
  const alone = await createSourceLoader({ atiDir: "/ati", envKeys: false }, { env, files })();
  assert.equal(alone.isSecretUnread, false);
});

test("createSourceLoader() takes credentials from the environment when told to", async () => {
  const files = createMemoryFiles({ ...MANIFEST, "/ati/credentials": "not looked at" });
  const env = createEnv({ ATI_KEY_CHAT_KEY: "from-env" });
  const sources = await createSourceLoader({ atiDir: "/ati", envKeys: true }, { env, files })();
  assert.equal(sources.keyringSource, "env-vars (ATI_KEY_*)");
  assert.equal(sources.keyring.get("chat_key"), "from-env");
  assert.equal(sources.jwt, undefined);
});

test("createSourceLoader() refuses a keyring that cannot be opened instead of going without", async () => {
  for (const content of ["{", '{"a":1}', '{"a":"@file:/nowhere"}']) {
    const files = createMemoryFiles({ ...MANIFEST, "/ati/credentials": content });
    const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, {
      env: createEnv(),
      files,
    });
    await assert.rejects(load(), /credentials|keyring|entry/i, content);
  }
  const files = createMemoryFiles({ ...MANIFEST, "/ati/keyring.enc": new Uint8Array(64) });
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env: createEnv(), files });
  await assert.rejects(load(), { name: "KeyringError" });
});

test("createSourceLoader() remembers a one-shot key that is gone after the first load", async () => {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const blob = await sealKeyring({ chat_key: "sealed" }, key);
  const files = createMemoryFiles({
    ...MANIFEST,
    "/ati/keyring.enc": blob,
    "/run/key": btoa(String.fromCharCode(...key)),
  });
  const env = createEnv({ ATI_KEY_FILE: "/run/key" });
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env, files });
  assert.equal((await load()).keyringSource, "keyring.enc (sealed key)");
  assert.equal(await files.stat("/run/key"), undefined);
  assert.equal((await load()).keyring.get("chat_key"), "sealed");
});

test("createSourceLoader() does not use a one-shot key up for a start that is refused", async () => {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const files = createMemoryFiles({
    "/ati/manifests/broken.toml": "[provider",
    "/ati/keyring.enc": await sealKeyring({}, key),
    "/run/key": btoa(String.fromCharCode(...key)),
  });
  const env = createEnv({ ATI_KEY_FILE: "/run/key" });
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env, files });
  await assert.rejects(load(), { code: "ERR_MANIFEST" });
  assert.ok(await files.stat("/run/key"));
});

test("createSourceLoader() names the missing manifests folder and `ati init`", async () => {
  const files = createMemoryFiles({});
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env: createEnv(), files });
  await assert.rejects(load(), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, "ERR_MANIFEST");
    assert.match(error.message, /\/ati\/manifests/);
    assert.match(error.hint ?? "", /ati init/);
    return true;
  });
});

test("createSourceLoader() finds JWT keys in config.toml, by name only", async () => {
  const config = '[proxy]\nport = 8090\n[proxy.jwt]\nalgorithm = "HS256"\nsecret = "canary"\n';
  const files = createMemoryFiles({ ...MANIFEST, "/ati/config.toml": config });
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, { env: createEnv(), files });
  assert.deepEqual((await load()).unreadJwtKeys, ["algorithm", "secret"]);
  for (const other of ["", "# nothing", "proxy = 1", "[proxy]\njwt = []"]) {
    files.put("/ati/config.toml", other);
    assert.deepEqual((await load()).unreadJwtKeys, [], other);
  }
});

test("createSourceLoader() warns about a config.toml that is no TOML, without quoting it", async () => {
  for (const config of ['a = 1\nsecret = "canary', new Uint8Array([0x0a, 0xff])]) {
    const files = createMemoryFiles({ ...MANIFEST, "/ati/config.toml": config });
    const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, {
      env: createEnv(),
      files,
    });
    const { warnings, unreadJwtKeys } = await load();
    assert.deepEqual(unreadJwtKeys, []);
    assert.deepEqual(warnings.map(({ file, line }) => [file, line]), [["/ati/config.toml", 2]]);
    assert.doesNotMatch(JSON.stringify(warnings), /canary/);
  }
});
