import { test } from "node:test";
import assert from "node:assert/strict";
import { ScopeError } from "../../lib/errors.ts";
import { MAX_SCOPES } from "../../lib/limits.ts";
import { checkScope } from "../../lib/scope/match.ts";
import { narrowScopes } from "../../lib/scope/narrow.ts";

const DENIED = { code: "ERR_SCOPE_DENIED", reason: "insufficient_scope" };

test("narrowScopes() grants what one held scope covers", () => {
  const cases = [
    [["*"], ["*", "tool:*", "help", "openid", "skill:x"]],
    [["tool:*"], ["tool:*", "tool:a:*", "tool:a:b", "tool:a"]],
    [["tool:a:*", "help"], ["tool:a:b", "help", "tool:a:b*", "tool:a:*"]],
    [["skill:research-*"], ["skill:research-x", "skill:research-x*"]],
    [["provider:git*", "category:c"], ["provider:github", "category:c"]],
    [["passthrough:*"], ["passthrough:litellm"]],
    [["openid"], ["openid"]],
    [["tool:a*b"], ["tool:a*b"]],
    [["tool:a:**"], ["tool:a:*b"]],
    [["tool:x"], []],
    [[], []],
  ] as const;
  for (const [held, wanted] of cases) assert.deepEqual(narrowScopes(held, wanted), wanted);
});

test("narrowScopes() refuses what no single held scope covers", () => {
  const cases = [
    [["tool:a:*"], "tool:*"],
    [["tool:a:*"], "*"],
    [["tool:*", "skill:*", "help"], "*"],
    [["tool:a:b"], "tool:a:*"],
    [["tool:a:*"], "tool:a"],
    [["tool:a:*"], "tool:a*"],
    [["tool:a:*"], "tool:ab:c"],
    [["tool:*"], "skill:x"],
    [["tool:*"], "help"],
    [["tool:**"], "tool:*"],
    [["tool:A"], "tool:a"],
    [["skill:*"], "provider:x"],
    [[], "help"],
    [[], "openid"],
  ] as const;
  for (const [held, wanted] of cases) {
    assert.throws(() => narrowScopes(held, [wanted]), DENIED, `${held} -> ${wanted}`);
  }
});

test("narrowScopes() gives a star no meaning outside a known kind", () => {
  assert.throws(() => narrowScopes(["h*"], ["help"]), DENIED);
  assert.throws(() => narrowScopes(["s*"], ["skill:x"]), DENIED);
  assert.throws(() => narrowScopes(["open*"], ["openid"]), DENIED);
  assert.throws(() => narrowScopes(["t*"], ["tool:*"]), DENIED);
});

test("narrowScopes() covers the namespaced spelling by the legacy one, never the reverse", () => {
  assert.deepEqual(narrowScopes(["tool:a_b"], ["tool:a:b"]), ["tool:a:b"]);
  assert.deepEqual(narrowScopes(["tool:a_*"], ["tool:a:*", "tool:a:b"]), ["tool:a:*", "tool:a:b"]);
  assert.throws(() => narrowScopes(["tool:a:b"], ["tool:a_b"]), DENIED);
  assert.throws(() => narrowScopes(["tool:a:*"], ["tool:a_*"]), DENIED);
  assert.throws(() => narrowScopes(["tool:a_b*"], ["tool:a:*"]), DENIED);
});

test("narrowScopes() does not guess where the name of a provider with an underscore ends", () => {
  // `tool:x_y:z` would also allow the tool `x:y:z`, which `tool:x_y_z` does not.
  assert.equal(checkScope("tool:x:y:z", ["tool:x_y:z"]), true);
  assert.equal(checkScope("tool:x:y:z", ["tool:x_y_z"]), false);
  assert.throws(() => narrowScopes(["tool:x_y_z"], ["tool:x_y:z"]), DENIED);
});

test("narrowScopes() names every missing scope, in order and once", () => {
  assert.throws(
    () => narrowScopes(["tool:a"], ["help", "tool:a", "tool:b", "help"]),
    (error: unknown) => {
      assert.ok(error instanceof ScopeError);
      assert.deepEqual(error.missing, ["help", "tool:b"]);
      assert.ok(!error.message.includes("tool:b"));
      return true;
    },
  );
});

test("narrowScopes() returns each wanted scope once", () => {
  assert.deepEqual(narrowScopes(["*"], ["b", "a", "b"]), ["b", "a"]);
});

test("narrowScopes() refuses an entry that is not one token, and too many entries", () => {
  const syntax = { code: "ERR_SCOPE_SYNTAX" };
  assert.throws(() => narrowScopes(["*"], ["tool:a help"]), syntax);
  assert.throws(() => narrowScopes(["* help"], ["help"]), syntax);
  assert.throws(() => narrowScopes(["*"], [""]), syntax);
  const most = Array.from({ length: MAX_SCOPES }, (_, index) => `tool:t${index}`);
  assert.equal(narrowScopes(["*"], most).length, MAX_SCOPES);
  assert.throws(() => narrowScopes(["*"], [...most, "help"]), syntax);
  assert.throws(() => narrowScopes([...most, "help"], ["help"]), syntax);
});

test("narrowScopes() never lets a child do more than its parent", () => {
  const tails = enumerate(["a", ":", "_", "*"], 4);
  const names = tails.filter((tail) => !tail.includes("*")).map((tail) => `tool:${tail}`);
  const allowed = new Map(
    tails.map((tail) => [
      `tool:${tail}`,
      new Set(names.filter((name) => checkScope(name, [`tool:${tail}`]))),
    ]),
  );
  let granted = 0;
  for (const [held, heldNames] of allowed) {
    for (const [wanted, wantedNames] of allowed) {
      if (!isNarrowed(held, wanted)) continue;
      granted++;
      for (const name of wantedNames) {
        assert.ok(heldNames.has(name), `${held} -> ${wanted} gives ${name}`);
      }
    }
  }
  assert.ok(granted > tails.length, "some pairs besides equal ones are granted");
});

function isNarrowed(held: string, wanted: string): boolean {
  try {
    return narrowScopes([held], [wanted]).length === 1;
  } catch {
    return false;
  }
}

function enumerate(letters: readonly string[], longest: number): string[] {
  let words = [""];
  const all: string[] = [];
  for (let length = 1; length <= longest; length++) {
    words = words.flatMap((word) => letters.map((letter) => word + letter));
    all.push(...words);
  }
  return all;
}
