import { test } from "node:test";
import assert from "node:assert/strict";
import { readKeyVariables } from "../../lib/keyring/environment.ts";
import type { Env } from "../../lib/ports.ts";

function envOf(variables: Record<string, string>): Env {
  return { get: (name) => variables[name], names: () => Object.keys(variables) };
}

test("readKeyVariables() strips the prefix and lower-cases the name", () => {
  const env = envOf({ ATI_KEY_GITHUB_TOKEN: " ghp ", ATI_KEY_x: "y", ATI_DIR: "/a", OTHER: "z" });
  assert.deepEqual(readKeyVariables(env), { github_token: " ghp ", x: "y" });
});

test("readKeyVariables() leaves out empty ones and the key file's own variable", () => {
  const env = envOf({
    ATI_KEY_A: "",
    ATI_KEY_FILE: "/run/key",
    ATI_KEY_: "x",
    ATI_KEY: "x",
    ati_key_b: "x",
    XATI_KEY_C: "x",
    ATI_KEY_FILE_TOKEN: "kept",
  });
  assert.deepEqual(readKeyVariables(env), { file_token: "kept" });
});

test("readKeyVariables() decides between two spellings by code unit order", () => {
  assert.deepEqual(readKeyVariables(envOf({ ATI_KEY_a: "2", ATI_KEY_A: "1" })), { a: "2" });
});
