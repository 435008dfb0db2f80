import { test } from "node:test";
import assert from "node:assert/strict";
import { MAX_CONFIG_FILE_BYTES } from "../../lib/limits.ts";
import { openKeyring, sealKeyring } from "../../lib/keyring/seal.ts";
import { generateSealingKey } from "../../lib/keyring/sealing_key.ts";

const ENTRIES = { github_token: "ghp_secret", other: "clé €" };
const DECRYPT = { code: "ERR_KEYRING_DECRYPT", reason: "decrypt" };

test("sealKeyring() makes what openKeyring() opens, nonce and tag included", async () => {
  const key = generateSealingKey();
  const blob = await sealKeyring(ENTRIES, key);
  const plain = JSON.stringify(ENTRIES, null, 2);
  assert.equal(blob.length, 12 + new TextEncoder().encode(plain).length + 16);
  assert.deepEqual(await openKeyring(blob, key), ENTRIES);
  assert.deepEqual(await openKeyring(await sealKeyring({}, key), key), {});
});

test("sealKeyring() takes a fresh nonce each time", async () => {
  const key = generateSealingKey();
  const nonces = new Set<string>();
  for (let count = 0; count < 20; count++) {
    nonces.add(String((await sealKeyring(ENTRIES, key)).slice(0, 12)));
  }
  assert.equal(nonces.size, 20);
});

test("openKeyring() notices a change of any byte", async () => {
  const key = generateSealingKey();
  const blob = await sealKeyring({ a: "b" }, key);
  for (let index = 0; index < blob.length; index++) {
    const changed = blob.slice();
    changed[index] = (changed[index] as number) ^ 1;
    await assert.rejects(openKeyring(changed, key), DECRYPT);
  }
  await assert.rejects(openKeyring(blob.slice(0, -1), key), DECRYPT);
  await assert.rejects(openKeyring(new Uint8Array([...blob, 0]), key), DECRYPT);
});

test("openKeyring() refuses another key", async () => {
  const blob = await sealKeyring(ENTRIES, generateSealingKey());
  await assert.rejects(openKeyring(blob, generateSealingKey()), DECRYPT);
});

test("openKeyring() refuses a blob below 28 bytes and above the limit", async () => {
  const key = generateSealingKey();
  for (const length of [0, 12, 27]) {
    await assert.rejects(openKeyring(new Uint8Array(length), key), {
      code: "ERR_KEYRING_FORMAT",
      reason: "too_small",
      message: "Cannot open the keyring: it is too small",
    });
  }
  await assert.rejects(openKeyring(new Uint8Array(28), key), DECRYPT);
  await assert.rejects(openKeyring(new Uint8Array(MAX_CONFIG_FILE_BYTES + 1), key), {
    code: "ERR_KEYRING_FORMAT",
    reason: "too_large",
  });
});

test("openKeyring() refuses what is inside unless it is an object of texts", async () => {
  const key = generateSealingKey();
  for (
    const [text, code] of [
      ["canary", "ERR_KEYRING_FORMAT"],
      ["", "ERR_KEYRING_FORMAT"],
      ['["canary"]', "ERR_KEYRING_FORMAT"],
      ['{"a":1}', "ERR_KEYRING_ENTRY"],
    ] as const
  ) {
    await assert.rejects(openKeyring(await sealText(text, key), key), (error: Error) => {
      assert.equal((error as Error & { code: string }).code, code);
      return !`${error.stack} ${JSON.stringify(error)}`.includes("canary");
    });
  }
});

test("openKeyring() reads a blob that is a view of a larger buffer", async () => {
  const key = generateSealingKey();
  const blob = await sealKeyring(ENTRIES, key);
  const buffer = new Uint8Array(blob.length + 20);
  buffer.set(blob, 7);
  const padded = new Uint8Array(40);
  padded.set(key, 3);
  const opened = await openKeyring(buffer.subarray(7, 7 + blob.length), padded.subarray(3, 35));
  assert.deepEqual(opened, ENTRIES);
});

test("sealKeyring() and openKeyring() refuse a key of another length", async () => {
  for (const length of [0, 16, 24, 31, 33]) {
    const key = new Uint8Array(length);
    await assert.rejects(sealKeyring(ENTRIES, key), RangeError);
    await assert.rejects(openKeyring(new Uint8Array(40), key), RangeError);
  }
});

test("sealKeyring() refuses entries that could not be read again", async () => {
  const key = generateSealingKey();
  const code = "ERR_KEYRING_ENTRY";
  await assert.rejects(sealKeyring({ "": "x" }, key), { code, reason: "name" });
  await assert.rejects(sealKeyring({ a: null as unknown as string }, key), { code });
});

async function sealText(text: string, key: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const nonce = new Uint8Array(12);
  const aesKey = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  const algorithm = { name: "AES-GCM", iv: nonce };
  const sealed = await crypto.subtle.encrypt(algorithm, aesKey, new TextEncoder().encode(text));
  return new Uint8Array([...nonce, ...new Uint8Array(sealed)]);
}
