import { test } from "node:test";
import assert from "node:assert/strict";
import { readCredentials, removeCredential, setCredential } from "../../lib/keyring/credentials.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";

const DIRECTORY = "/home/me/.ati";
const PATH = `${DIRECTORY}/credentials`;

test("setCredential() makes the directory and the file, both private", async () => {
  const files = createMemoryFiles();
  await setCredential(DIRECTORY, "github_token", "ghp_secret", files);
  assert.equal(files.text(PATH), '{\n  "github_token": "ghp_secret"\n}');
  assert.equal(files.mode(PATH), 0o600);
  assert.equal(files.mode(DIRECTORY), 0o700);
});

test("setCredential() adds, replaces and keeps the rest", async () => {
  const files = createMemoryFiles();
  files.put(PATH, '{"z":"1","a":"@file:/x"}', 0o644);
  await setCredential(DIRECTORY, "m", "2", files);
  await setCredential(DIRECTORY, "z", "3", files);
  assert.deepEqual(await readCredentials(DIRECTORY, files), { a: "@file:/x", m: "2", z: "3" });
  assert.deepEqual(files.text(PATH).match(/"\w"(?=:)/g), ['"a"', '"m"', '"z"']);
  assert.equal(files.mode(PATH), 0o600);
});

test("setCredential() loses nothing when many write at once", async () => {
  const files = createMemoryFiles();
  const names = Array.from({ length: 20 }, (_, index) => `key_${index}`);
  await Promise.all(names.map((name) => setCredential(DIRECTORY, name, "x", files)));
  assert.deepEqual(Object.keys(await readCredentials(DIRECTORY, files)).sort(), names.sort());
});

test("setCredential() refuses a bad name or an empty value before it touches anything", async () => {
  const files = createMemoryFiles();
  files.onOperation = () => assert.fail("touched");
  await assert.rejects(setCredential(DIRECTORY, "a/b", "x", files), {
    code: "ERR_KEYRING_ENTRY",
    reason: "name",
  });
  await assert.rejects(setCredential(DIRECTORY, "a", "", files), {
    code: "ERR_KEYRING_ENTRY",
    reason: "value",
  });
});

test("setCredential() leaves a store alone that it cannot read", async () => {
  const files = createMemoryFiles({ [PATH]: '{"a": 1}' });
  await assert.rejects(setCredential(DIRECTORY, "b", "x", files), { code: "ERR_KEYRING_ENTRY" });
  assert.equal(files.text(PATH), '{"a": 1}');
  files.put(PATH, "{");
  await assert.rejects(setCredential(DIRECTORY, "b", "x", files), { code: "ERR_KEYRING_FORMAT" });
  assert.equal(files.text(PATH), "{");
});

test("setCredential() leaves the old file when writing fails", async () => {
  const files = createMemoryFiles({ [PATH]: '{"a":"1"}' });
  files.onOperation = (operation) => {
    if (operation === "rename") throw new Error("disk full");
  };
  await assert.rejects(setCredential(DIRECTORY, "b", "x", files), { message: "disk full" });
  assert.equal(files.text(PATH), '{"a":"1"}');
});

test("removeCredential() removes one and tells whether it was there", async () => {
  const files = createMemoryFiles({ [PATH]: '{"a":"1","b":"2"}' });
  assert.equal(await removeCredential(DIRECTORY, "a", files), true);
  assert.deepEqual(await readCredentials(DIRECTORY, files), { b: "2" });
  assert.equal(await removeCredential(DIRECTORY, "b", files), true);
  assert.equal(files.text(PATH), "{}");
});

test("removeCredential() writes nothing where there is nothing to remove", async () => {
  const files = createMemoryFiles({ [PATH]: '{"a":"1"}' });
  for (const name of ["b", "toString", "A"]) {
    assert.equal(await removeCredential(DIRECTORY, name, files), false);
  }
  assert.equal(files.text(PATH), '{"a":"1"}');
  const none = createMemoryFiles();
  assert.equal(await removeCredential(DIRECTORY, "a", none), false);
  assert.deepEqual(none.paths(), []);
  assert.equal(await none.stat(DIRECTORY), undefined);
});

test("readCredentials() finds nothing where there is no store, and makes none", async () => {
  const files = createMemoryFiles();
  assert.deepEqual(await readCredentials(DIRECTORY, files), {});
  assert.equal(await files.stat(DIRECTORY), undefined);
});

test("readCredentials() passes on why a file cannot be read", async () => {
  const files = createMemoryFiles({ [`${PATH}/inside`]: "a folder" });
  await assert.rejects(readCredentials(DIRECTORY, files), { code: "ERR_FILE_READ" });
});

test("readCredentials(), setCredential() and removeCredential() name a file that is broken", async () => {
  const files = createMemoryFiles({ [PATH]: '["canary"]' });
  for (
    const action of [
      () => readCredentials(DIRECTORY, files),
      () => setCredential(DIRECTORY, "a", "1", files),
      () => removeCredential(DIRECTORY, "a", files),
    ]
  ) {
    await assert.rejects(action, {
      code: "ERR_KEYRING_FORMAT",
      reason: "not_json",
      message: `Cannot read ${PATH}: not a JSON object`,
    });
  }
  assert.equal(files.text(PATH), '["canary"]');
});
