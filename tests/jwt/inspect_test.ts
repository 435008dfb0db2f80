import assert from "node:assert/strict";
import { test } from "node:test";

import { inspectToken } from "../../lib/jwt/inspect.ts";
import { MAX_TOKEN_BYTES } from "../../lib/limits.ts";
import { encodePart, forgeHs256, payload } from "./_forge.ts";

test("inspectToken() reads header and claims without verifying anything", () => {
  const header = { alg: "none", typ: "odd", kid: "k", crit: ["x"] };
  const body = payload({ exp: 1, aud: "elsewhere", email: "a@example.com" });
  const inspected = inspectToken(`${encodePart(header)}.${encodePart(body)}.`);
  assert.deepEqual(inspected, { header, claims: payload({ exp: 1, aud: "elsewhere" }) });
});

test("inspectToken() rejects a token that is too large, malformed or without its claims", async () => {
  const token = await forgeHs256({ alg: "HS256" }, payload({ exp: undefined }));
  const cases: readonly (readonly [string, string])[] = [
    ["A".repeat(MAX_TOKEN_BYTES + 1), "too_large"],
    ["a.b", "not_compact"],
    ["a.b.c", "bad_encoding"],
    [`${encodePart("[]")}.${encodePart("{}")}.`, "bad_header"],
    [`${encodePart("{}")}.${encodePart("[]")}.`, "bad_payload"],
    [token, "missing_exp"],
  ];
  for (const [text, reason] of cases) {
    assert.throws(() => inspectToken(text), { name: "JwtError", reason });
  }
  assert.throws(() => inspectToken(undefined as unknown as string), { name: "TypeError" });
});
