import { test } from "node:test";
import assert from "node:assert/strict";
import {
  assertSealedDirectory,
  openFromDirectory,
  rotateInDirectory,
  sealToDirectory,
} from "../../lib/keyring/sealed_files.ts";
import { sealKeyring } from "../../lib/keyring/seal.ts";
import { formatSealingKey, generateSealingKey } from "../../lib/keyring/sealing_key.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";

const DIRECTORY = "/var/lib/ati";
const SEALED = `${DIRECTORY}/keyring.enc`;
const KEY_PATH = `${DIRECTORY}/.keyring-key`;
const NOT_SEALED = { code: "ERR_KEYRING_NOT_FOUND", reason: "not_sealed" };

test("sealToDirectory() makes directory, key and keyring, all private", async () => {
  const files = createMemoryFiles();
  const sealed = await sealToDirectory(`${DIRECTORY}/`, { a: "1" }, files);
  assert.deepEqual(sealed, {
    keyringPath: SEALED,
    keyPath: KEY_PATH,
    sizeBytes: (await files.read(SEALED))?.length,
    isKeyNew: true,
  });
  assert.match(files.text(KEY_PATH), /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(files.mode(SEALED), 0o600);
  assert.equal(files.mode(KEY_PATH), 0o600);
  assert.equal(files.mode(DIRECTORY), 0o700);
  assert.deepEqual(await openFromDirectory(DIRECTORY, files), { a: "1" });
});

test("sealToDirectory() keeps the key that is there", async () => {
  const files = createMemoryFiles();
  await sealToDirectory(DIRECTORY, { a: "1" }, files);
  const key = files.text(KEY_PATH);
  const again = await sealToDirectory(DIRECTORY, { b: "2" }, files);
  assert.equal(again.isKeyNew, false);
  assert.equal(files.text(KEY_PATH), key);
  assert.deepEqual(await openFromDirectory(DIRECTORY, files), { b: "2" });
});

test("sealToDirectory() leaves a malformed key and the old keyring alone", async () => {
  const files = createMemoryFiles({ [KEY_PATH]: "not a key", [SEALED]: "old" });
  await assert.rejects(sealToDirectory(DIRECTORY, { a: "1" }, files), {
    code: "ERR_KEYRING_KEY",
    reason: "malformed",
  });
  assert.equal(files.text(KEY_PATH), "not a key");
  assert.equal(files.text(SEALED), "old");
});

test("sealToDirectory() uses the key of whoever was faster", async () => {
  const files = createMemoryFiles();
  const theirs = formatSealingKey(generateSealingKey());
  files.onOperation = (operation, path) => {
    if (operation === "rename" && path === KEY_PATH) files.put(KEY_PATH, theirs);
  };
  await sealToDirectory(DIRECTORY, { a: "1" }, files);
  assert.equal(files.text(KEY_PATH), theirs);
  assert.deepEqual(await openFromDirectory(DIRECTORY, files), { a: "1" });
});

test("sealToDirectory() leaves a keyring that opens when two run at once", async () => {
  const files = createMemoryFiles();
  await Promise.all([
    sealToDirectory(DIRECTORY, { a: "1" }, files),
    sealToDirectory(DIRECTORY, { a: "2" }, files),
  ]);
  assert.match((await openFromDirectory(DIRECTORY, files))["a"] ?? "", /^[12]$/);
});

test("sealToDirectory() leaves the old keyring when it cannot write", async () => {
  const files = createMemoryFiles();
  await sealToDirectory(DIRECTORY, { a: "1" }, files);
  files.onOperation = (operation, path) => {
    if (operation === "rename" && path === SEALED) throw new Error("disk full");
  };
  await assert.rejects(sealToDirectory(DIRECTORY, { a: "2" }, files), { message: "disk full" });
  assert.deepEqual(await openFromDirectory(DIRECTORY, files), { a: "1" });
  await assert.rejects(sealToDirectory(DIRECTORY, { "a\n": "2" }, files), {
    code: "ERR_KEYRING_ENTRY",
  });
});

test("rotateInDirectory() seals other entries under the same key", async () => {
  const files = createMemoryFiles();
  await sealToDirectory(DIRECTORY, { a: "1" }, files);
  const key = files.text(KEY_PATH);
  const rotated = await rotateInDirectory(DIRECTORY, { a: "2", b: "3" }, files);
  assert.equal(rotated.isKeyNew, false);
  assert.equal(files.text(KEY_PATH), key);
  assert.equal(files.mode(SEALED), 0o600);
  assert.deepEqual(await openFromDirectory(DIRECTORY, files), { a: "2", b: "3" });
});

test("rotateInDirectory() wants both files, names the directory and makes nothing", async () => {
  const key = formatSealingKey(generateSealingKey());
  for (const initial of [{}, { [SEALED]: "x" }, { [KEY_PATH]: key }]) {
    const files = createMemoryFiles(initial);
    for (
      const attempt of [
        rotateInDirectory(DIRECTORY, { a: "1" }, files),
        assertSealedDirectory(DIRECTORY, files),
      ]
    ) {
      await assert.rejects(attempt, (error: Error & { code?: string; reason?: string }) => {
        assert.equal(error.code, NOT_SEALED.code);
        assert.equal(error.reason, NOT_SEALED.reason);
        assert.ok(error.message.includes(DIRECTORY));
        return error.message.includes("bootstrap-keyring");
      });
    }
    assert.deepEqual(files.paths(), Object.keys(initial));
  }
  const files = createMemoryFiles();
  await assert.rejects(rotateInDirectory(DIRECTORY, { a: "1" }, files), NOT_SEALED);
  assert.equal(await files.stat(DIRECTORY), undefined);
});

test("assertSealedDirectory() is content with both files", async () => {
  const files = createMemoryFiles();
  await sealToDirectory(DIRECTORY, { a: "1" }, files);
  await assertSealedDirectory(DIRECTORY, files);
});

test("openFromDirectory() takes another key when it is given one", async () => {
  const key = generateSealingKey();
  const files = createMemoryFiles({ [SEALED]: await sealKeyring({ a: "1" }, key) });
  assert.deepEqual(await openFromDirectory(DIRECTORY, files, { key }), { a: "1" });
  await assert.rejects(openFromDirectory(DIRECTORY, files), NOT_SEALED);
});

test("openFromDirectory() changes nothing", async () => {
  const files = createMemoryFiles();
  await assert.rejects(openFromDirectory(DIRECTORY, files), NOT_SEALED);
  assert.equal(await files.stat(DIRECTORY), undefined);
});
