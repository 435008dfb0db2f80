import { test } from "node:test";
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { FileError } from "../../lib/errors.ts";
import { loadKeyring } from "../../lib/keyring/load.ts";
import type { LoadedKeyring, LoadKeyringInput } from "../../lib/keyring/load.ts";
import { sealKeyring } from "../../lib/keyring/seal.ts";
import { formatSealingKey, generateSealingKey } from "../../lib/keyring/sealing_key.ts";
import type { Env } from "../../lib/ports.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";
import type { MemoryFiles } from "../helpers/memory_files.ts";

const ATI_DIR = "/var/lib/ati";
const SEALED = `${ATI_DIR}/keyring.enc`;
const PERSISTENT = `${ATI_DIR}/.keyring-key`;
const CREDENTIALS = `${ATI_DIR}/credentials`;
const ONE_SHOT = "/run/ati/.key";
const KEY = generateSealingKey();
const OTHER_KEY = generateSealingKey();

function envOf(variables: Record<string, string> = {}): Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

function load(
  files: MemoryFiles,
  input: Partial<LoadKeyringInput> = {},
  variables: Record<string, string> = {},
): Promise<LoadedKeyring> {
  return loadKeyring({ atiDir: ATI_DIR, ...input }, { env: envOf(variables), files });
}

async function sealedFiles(more: Record<string, string> = {}): Promise<MemoryFiles> {
  const blob = await sealKeyring({ from: "keyring.enc" }, KEY);
  const credentials = '{"from":"credentials"}';
  return createMemoryFiles({ [SEALED]: blob, [CREDENTIALS]: credentials, ...more });
}

test("loadKeyring() looks at the environment only when asked for it", async () => {
  const files = createMemoryFiles({ [CREDENTIALS]: '{"from":"credentials"}' });
  const variables = { ATI_KEY_FROM: "environment", ATI_KEY_FILE: "/run/key" };
  const plain = await load(files, {}, variables);
  assert.equal(plain.source, "credentials (plaintext)");
  assert.equal(plain.keyring.get("from"), "credentials");

  files.onOperation = () => assert.fail("touched a file");
  const { keyring, source, error } = await load(files, { envKeys: true }, variables);
  assert.equal(source, "env-vars (ATI_KEY_*)");
  assert.deepEqual(keyring.names(), ["from"]);
  assert.equal(keyring.get("from"), "environment");
  assert.equal(error, undefined);
});

test("loadKeyring() opens keyring.enc with the one-shot key and removes its file", async () => {
  const key = `${formatSealingKey(KEY)}\n`;
  const files = await sealedFiles({ [ONE_SHOT]: key, [PERSISTENT]: formatSealingKey(OTHER_KEY) });
  const { keyring, source, error, sealingKey, removalError } = await load(files);
  assert.equal(source, "keyring.enc (sealed key)");
  assert.equal(keyring.get("from"), "keyring.enc");
  assert.equal(error, undefined);
  assert.equal(removalError, undefined);
  assert.deepEqual(sealingKey, KEY);
  assert.deepEqual(files.paths(), [PERSISTENT, CREDENTIALS, SEALED].sort());
});

test("loadKeyring() takes the one-shot key from where ATI_KEY_FILE says", async () => {
  const files = await sealedFiles({
    "/elsewhere": formatSealingKey(KEY),
    [ONE_SHOT]: "not looked at",
  });
  const loaded = await load(files, {}, { ATI_KEY_FILE: " /elsewhere " });
  assert.equal(loaded.source, "keyring.enc (sealed key)");
  assert.ok(!files.paths().includes("/elsewhere"));
  assert.ok(files.paths().includes(ONE_SHOT));
});

test("loadKeyring() removes the one-shot key after it worked, not before", async () => {
  const files = await sealedFiles({ [ONE_SHOT]: formatSealingKey(OTHER_KEY) });
  const failed = await load(files);
  assert.equal(failed.source, "empty (decryption failed)");
  assert.equal(failed.error?.code, "ERR_KEYRING_DECRYPT");
  assert.equal(failed.sealingKey, undefined);
  assert.ok(files.paths().includes(ONE_SHOT), "the key is still there");

  files.put(SEALED, await sealKeyring({ from: "sealed again" }, OTHER_KEY));
  const loaded = await load(files);
  assert.equal(loaded.keyring.get("from"), "sealed again");
  assert.ok(!files.paths().includes(ONE_SHOT));
});

test("loadKeyring() falls back from the one-shot key to the persistent one", async () => {
  const files = await sealedFiles({
    [ONE_SHOT]: formatSealingKey(OTHER_KEY),
    [PERSISTENT]: formatSealingKey(KEY),
  });
  const { keyring, source, sealingKey, error } = await load(files);
  assert.equal(source, "keyring.enc (persistent key)");
  assert.equal(keyring.get("from"), "keyring.enc");
  assert.equal(sealingKey, undefined);
  assert.equal(error, undefined);
  assert.ok(files.paths().includes(ONE_SHOT));
  assert.ok(files.paths().includes(PERSISTENT));
});

test("loadKeyring() reloads with the key of the first load", async () => {
  const files = await sealedFiles({ [ONE_SHOT]: formatSealingKey(KEY) });
  const { sealingKey } = await load(files);
  files.put(SEALED, await sealKeyring({ from: "rotated" }, KEY));
  const forgotten = await load(files);
  assert.equal(forgotten.source, "empty (decryption failed)");
  const again = await load(files, { sealingKey });
  assert.equal(again.source, "keyring.enc (sealed key)");
  assert.equal(again.keyring.get("from"), "rotated");
  assert.deepEqual(again.sealingKey, KEY);
});

test("loadKeyring() prefers a new one-shot key to the remembered one", async () => {
  const files = await sealedFiles({ [ONE_SHOT]: formatSealingKey(KEY) });
  const loaded = await load(files, { sealingKey: OTHER_KEY });
  assert.deepEqual(loaded.sealingKey, KEY);
  assert.ok(!files.paths().includes(ONE_SHOT));
});

test("loadKeyring() never removes the persistent key", async () => {
  const files = await sealedFiles({ [PERSISTENT]: formatSealingKey(KEY) });
  const loaded = await load(files, {}, { ATI_KEY_FILE: PERSISTENT });
  assert.equal(loaded.source, "keyring.enc (persistent key)");
  assert.ok(files.paths().includes(PERSISTENT));
});

test("loadKeyring() opens the keyring also when the one-shot key cannot be removed", async () => {
  const files = await sealedFiles({ [ONE_SHOT]: formatSealingKey(KEY) });
  files.onOperation = (operation, path) => {
    if (operation === "remove") throw new FileError("ERR_FILE_WRITE", `Cannot remove ${path}`);
  };
  const { keyring, source, removalError } = await load(files);
  assert.equal(source, "keyring.enc (sealed key)");
  assert.equal(keyring.get("from"), "keyring.enc");
  assert.equal(removalError?.code, "ERR_FILE_WRITE");
});

test("loadKeyring() never replaces a keyring it cannot open by the plaintext one", async () => {
  const cases = [
    [{}, "ERR_KEYRING_KEY", "missing"],
    [{ [PERSISTENT]: "not a key" }, "ERR_KEYRING_KEY", "malformed"],
    [{ [PERSISTENT]: formatSealingKey(OTHER_KEY) }, "ERR_KEYRING_DECRYPT", "decrypt"],
    [{ [ONE_SHOT]: "not a key" }, "ERR_KEYRING_KEY", "malformed"],
    [{ [PERSISTENT]: formatSealingKey(KEY), [SEALED]: "short" }, "ERR_KEYRING_FORMAT", "too_small"],
    [{ [`${PERSISTENT}/inside`]: "a folder" }, "ERR_FILE_READ", undefined],
  ] as const;
  for (const [more, code, reason] of cases) {
    const { keyring, source, error } = await load(await sealedFiles({ ...more }));
    assert.equal(source, "empty (decryption failed)");
    assert.equal(keyring.size, 0);
    assert.equal(error?.code, code);
    assert.equal(error?.reason, reason);
  }
});

test("loadKeyring() does not go on to the plaintext when keyring.enc cannot be read", async () => {
  const files = await sealedFiles({ [PERSISTENT]: formatSealingKey(KEY) });
  files.onOperation = (operation, path) => {
    if (operation === "read" && path === SEALED) {
      throw new FileError("ERR_FILE_READ", `Cannot read ${path}`);
    }
  };
  const { source, error } = await load(files);
  assert.equal(source, "empty (decryption failed)");
  assert.equal(error?.code, "ERR_FILE_READ");
});

test("loadKeyring() reads credentials and follows their references", async () => {
  const files = createMemoryFiles({
    [CREDENTIALS]: '{"a":"1","b":"@file:/run/secrets/b"}',
    "/run/secrets/b": "2\n",
  });
  const { keyring, source, error } = await load(files);
  assert.equal(source, "credentials (plaintext)");
  assert.equal(keyring.get("a"), "1");
  assert.equal(keyring.get("b"), "2");
  assert.equal(error, undefined);
});

test("loadKeyring() is empty, with the reason, when credentials cannot be used", async () => {
  const cases = [
    [{ [CREDENTIALS]: "{" }, "ERR_KEYRING_FORMAT"],
    [{ [CREDENTIALS]: '{"a":1}' }, "ERR_KEYRING_ENTRY"],
    [{ [CREDENTIALS]: '{"a":"1","b":"@file:/missing"}' }, "ERR_KEYRING_REFERENCE"],
    [{ [`${CREDENTIALS}/inside`]: "a folder" }, "ERR_FILE_READ"],
  ] as const;
  for (const [files, code] of cases) {
    const { keyring, source, error } = await load(createMemoryFiles({ ...files }));
    assert.equal(source, "empty (credentials error)");
    assert.equal(keyring.size, 0);
    assert.equal(error?.code, code);
  }
});

test("loadKeyring() is empty without error where there is nothing", async () => {
  const files = createMemoryFiles({ [PERSISTENT]: formatSealingKey(KEY) });
  const { keyring, source, error } = await load(files);
  assert.equal(source, "empty (no auth)");
  assert.equal(keyring.size, 0);
  assert.equal(error, undefined);
});

test("loadKeyring() leaves a one-shot key alone that nothing was sealed with", async () => {
  const files = createMemoryFiles({ [ONE_SHOT]: formatSealingKey(KEY) });
  await load(files);
  assert.deepEqual(files.paths(), [ONE_SHOT]);
});

test("loadKeyring() shows neither key nor values in what it returns", async () => {
  const files = await sealedFiles({ [ONE_SHOT]: formatSealingKey(KEY) });
  const loaded = await load(files);
  for (
    const view of [JSON.stringify(loaded), inspect(loaded, { depth: 9 }), inspect({ ...loaded })]
  ) {
    assert.ok(!view.includes("sealingKey"), view);
    assert.ok(!view.includes('"keyring.enc"') && !view.includes("'keyring.enc'"), view);
  }
});

test("loadKeyring() passes on errors that are not of its making", async () => {
  for (const path of [SEALED, CREDENTIALS]) {
    const files = createMemoryFiles();
    files.onOperation = (_, touched) => {
      if (touched === path) throw new TypeError("a defect");
    };
    await assert.rejects(load(files), TypeError);
  }
  const sealed = await sealedFiles();
  await assert.rejects(load(sealed, { sealingKey: new Uint8Array(16) }), RangeError);
});
