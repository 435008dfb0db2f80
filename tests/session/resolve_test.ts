import { test } from "node:test";
import assert from "node:assert/strict";
import { FileError } from "../../lib/errors.ts";
import { MAX_TOKEN_FILE_BYTES } from "../../lib/limits.ts";
import type { Env } from "../../lib/ports.ts";
import { resolveSessionToken, resolveToken } from "../../lib/session/resolve.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";

const NAME = "ATI_SESSION_TOKEN";
const DEFAULT_FILE = "/run/ati/session_token";

function envOf(variables: Record<string, string>): Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

test("resolveToken() prefers the variable, trimmed", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: "from-file" });
  const env = envOf({ [NAME]: " \tfrom-env\n", [`${NAME}_FILE`]: "/elsewhere" });
  assert.deepEqual(await resolveToken(NAME, { env, files }), {
    token: "from-env",
    source: `env ${NAME}`,
  });
});

test("resolveToken() falls through an empty variable to the named file", async () => {
  const files = createMemoryFiles({ "/t": "\n from-named \n", [DEFAULT_FILE]: "from-default" });
  for (const value of ["", "  \n"]) {
    const env = envOf({ [NAME]: value, [`${NAME}_FILE`]: " /t " });
    assert.deepEqual(await resolveToken(NAME, { env, files }), {
      token: "from-named",
      source: "/t",
    });
  }
});

test("resolveToken() reads the default file when no file is named", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: "from-default\n", "/run/ati/other": "other" });
  const env = envOf({ [`${NAME}_FILE`]: " " });
  const found = await resolveToken(NAME, { env, files });
  assert.deepEqual(found, { token: "from-default", source: DEFAULT_FILE });
  const other = await resolveToken("OTHER_SESSION_TOKEN", { env, files });
  assert.deepEqual(other, { token: "other", source: "/run/ati/other" });
});

test("resolveToken() does not look at the default file once a file is named", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: "from-default", "/empty": " \n" });
  for (const path of ["/missing", "/empty"]) {
    const env = envOf({ [`${NAME}_FILE`]: path });
    assert.equal(await resolveToken(NAME, { env, files }), undefined, path);
  }
});

test("resolveToken() finds no token in a missing or empty file", async () => {
  assert.equal(await resolveToken(NAME, { env: envOf({}), files: createMemoryFiles() }), undefined);
  const files = createMemoryFiles({ [DEFAULT_FILE]: "" });
  assert.equal(await resolveToken(NAME, { env: envOf({}), files }), undefined);
});

test("resolveToken() reads again on each call", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: "first" });
  const ports = { env: envOf({}), files };
  assert.equal((await resolveToken(NAME, ports))?.token, "first");
  files.put(DEFAULT_FILE, "second");
  assert.equal((await resolveToken(NAME, ports))?.token, "second");
  await files.remove(DEFAULT_FILE);
  assert.equal(await resolveToken(NAME, ports), undefined);
});

test("resolveToken() names the file it cannot read", async () => {
  const files = createMemoryFiles({ [`${DEFAULT_FILE}/inside`]: "a folder" });
  await assert.rejects(resolveToken(NAME, { env: envOf({}), files }), (error: Error) => {
    assert.deepEqual({ ...error, cause: undefined }, {
      name: "SessionError",
      code: "ERR_SESSION_UNREADABLE",
      reason: "io",
      hint: "check that the file is a token file and that this user may read it",
      cause: undefined,
    });
    assert.equal(error.message, `Cannot read ${DEFAULT_FILE}`);
    assert.ok(error.cause instanceof FileError);
    return true;
  });
});

test("resolveToken() refuses a file that is not UTF-8, without its text", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: new Uint8Array([0x63, 0x61, 0xff]) });
  await assert.rejects(resolveToken(NAME, { env: envOf({}), files }), {
    code: "ERR_SESSION_UNREADABLE",
    reason: "not_utf8",
  });
});

test("resolveToken() reads as many bytes as the limit and not one more", async () => {
  const files = createMemoryFiles({ [DEFAULT_FILE]: "a".repeat(MAX_TOKEN_FILE_BYTES) });
  const ports = { env: envOf({}), files };
  assert.equal((await resolveToken(NAME, ports))?.token.length, MAX_TOKEN_FILE_BYTES);
  files.put(DEFAULT_FILE, "a".repeat(MAX_TOKEN_FILE_BYTES + 1));
  await assert.rejects(resolveToken(NAME, ports), { code: "ERR_SESSION_UNREADABLE" });
});

test("resolveToken() refuses a bad name before it looks anywhere", async () => {
  const files = createMemoryFiles();
  const env: Env = { get: () => assert.fail("looked up"), names: () => [] };
  await assert.rejects(resolveToken("../x", { env, files }), { code: "ERR_SESSION_NAME" });
});

test("resolveToken() passes on errors that are not of its making", async () => {
  const files = createMemoryFiles();
  files.onOperation = () => {
    throw new TypeError("a defect");
  };
  await assert.rejects(resolveToken(NAME, { env: envOf({}), files }), TypeError);
});

test("resolveSessionToken() prefers the provider's own token", async () => {
  const files = createMemoryFiles();
  const env = envOf({ P_SESSION_TOKEN: "own", [NAME]: "common" });
  assert.equal((await resolveSessionToken("P_SESSION_TOKEN", { env, files }))?.token, "own");
  assert.equal((await resolveSessionToken(undefined, { env, files }))?.token, "common");
  assert.equal((await resolveSessionToken(NAME, { env, files }))?.token, "common");
});

test("resolveSessionToken() falls back when the own token is unset, empty or unreadable", async () => {
  const unreadable: string[] = [];
  const onUnreadable = (name: string) => void unreadable.push(name);
  const files = createMemoryFiles({ "/run/ati/q/inside": "a folder" });
  const env = envOf({ P_SESSION_TOKEN: " ", [NAME]: "common" });
  for (const name of ["P_SESSION_TOKEN", "Q_SESSION_TOKEN", "UNSET"]) {
    const found = await resolveSessionToken(name, { env, files, onUnreadable });
    assert.deepEqual(found, { token: "common", source: `env ${NAME}` });
  }
  assert.deepEqual(unreadable, ["Q_SESSION_TOKEN"]);
});

test("resolveSessionToken() finds nothing when both are unreadable or missing", async () => {
  const unreadable: string[] = [];
  const files = createMemoryFiles({ "/folder/inside": "" });
  const env = envOf({ P_FILE: "/folder", [`${NAME}_FILE`]: "/folder" });
  const options = { env, files, onUnreadable: (name: string) => void unreadable.push(name) };
  assert.equal(await resolveSessionToken("P", options), undefined);
  assert.deepEqual(unreadable, ["P", NAME]);
  assert.equal(await resolveSessionToken("P", { env: envOf({}), files }), undefined);
});

test("resolveSessionToken() still refuses a bad name", async () => {
  const options = { env: envOf({ [NAME]: "common" }), files: createMemoryFiles() };
  await assert.rejects(resolveSessionToken("a/b", options), { code: "ERR_SESSION_NAME" });
});
