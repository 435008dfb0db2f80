import assert from "node:assert/strict";
import { test } from "node:test";
import { narrowScopes } from "../../lib/scope/narrow.ts";
import { checkPassthroughScope, parsePassthroughScope } from "../../lib/scope/passthrough.ts";

const DENIED = { code: "ERR_SCOPE_DENIED", reason: "insufficient_scope" };

/** What one held scope covers, from wide to narrow. */
const COVERED: readonly (readonly [held: string, ...wanted: readonly string[]])[] = [
  ["*", "passthrough:a:GET:/v1/*", "llm:GET", "passthrough:*"],
  ["passthrough:*", "passthrough:a", "passthrough:a:*", "passthrough:a:GET:/v1/*"],
  ["passthrough:a*", "passthrough:ab", "passthrough:a:GET:/v1", "passthrough:ab:*:/v1/*"],
  ["passthrough:a", "passthrough:a:GET", "passthrough:a:*:/v1/*", "passthrough:a:GET:/v1/*"],
  ["passthrough:a:*", "passthrough:a", "passthrough:a:GET", "passthrough:a:PUT:/v1"],
  ["passthrough:a:*:/*", "passthrough:a", "passthrough:a:GET"],
  ["passthrough:a:GET", "passthrough:a:HEAD", "passthrough:a:GET:/*", "passthrough:a:HEAD:/v1"],
  ["passthrough:a:GET:/*", "passthrough:a:GET"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:GET:/v1/models", "passthrough:a:GET:/v1/b/*"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:HEAD:/v1/*", "passthrough:a:GET:/v1/"],
  ["passthrough:a:GET:/x:*", "passthrough:a:GET:/x:y"],
  ["passthrough:team:llm", "passthrough:team:llm:GET:/v1/*"],
  ["llm", "llm:GET", "llm:GET:/v1/*", "llm:*:/v1/x"],
  ["llm:GET:/v1/*", "llm:GET:/v1/x"],
];

test("narrowScopes() grants a part of the passthrough that is held", () => {
  for (const [held, ...wanted] of COVERED) {
    for (const scope of wanted) {
      assert.deepEqual(narrowScopes([held], [scope]), [scope], `${held} -> ${scope}`);
    }
  }
});

const UNCOVERED: readonly (readonly [held: string, ...wanted: readonly string[]])[] = [
  ["passthrough:a", "passthrough:b:GET", "passthrough:ab:GET", "passthrough:*", "*"],
  // Also scopes that a manifest made up begin so.
  ["passthrough:a", "passthrough:a:*", "passthrough:a*"],
  ["passthrough:a:GET", "passthrough:a", "passthrough:a:*", "passthrough:a:POST"],
  ["passthrough:a:HEAD", "passthrough:a:GET"],
  ["passthrough:a:G*", "passthrough:a:GET", "passthrough:a:GET:/v1"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:GET:/*", "passthrough:a:GET:/v1"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:GET:/v1*", "passthrough:a:GET:/v1x"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:*:/v1/x", "passthrough:a:POST:/v1/x"],
  ["passthrough:a:GET:/v1/*", "passthrough:a:GET", "passthrough:a", "passthrough:b:GET:/v1/x"],
  ["passthrough:a:GET:/v1/x", "passthrough:a:GET:/v1/*", "passthrough:a:GET:/v1/x/y"],
  ["passthrough:a*:*", "passthrough:a*"],
  ["llm", "llm:*", "llm:get:/v1", "llmx:GET", "passthrough:llm:GET"],
  ["l*", "llm:GET"],
  ["help", "help:GET"],
  ["tool:a", "tool:a:GET:/v1/*"],
  ["skill:a", "skill:a:GET"],
];

test("narrowScopes() grants nothing that the held part does not hold", () => {
  for (const [held, ...wanted] of UNCOVERED) {
    for (const scope of wanted) {
      assert.throws(() => narrowScopes([held], [scope]), DENIED, `${held} -> ${scope}`);
    }
  }
});

const PIECES = ["a", ":", "*", "GET", "B", ":/", "/"];

test("narrowScopes() never lets a child send what its parent may not", () => {
  const tokens = ["passthrough:", ""].flatMap((prefix) =>
    enumerate(PIECES, 4).map((tail) => prefix + tail)
  ).filter((token) => token !== "passthrough:*" && token !== "*");
  const scopes = ["passthrough:a", "passthrough:aa", "passthrough:B", "passthrough:a:a", "a", "aa"];
  const accesses = scopes.flatMap((scope) => {
    assert.equal(parsePassthroughScope(scope), undefined);
    return ["GET", "B"].flatMap((method) =>
      ["/", "/a", "/a/", "/aa", "/B", "/*"].map((path) => ({ scope, method, path }))
    );
  });
  const rights = new Map<string, bigint>();
  for (const token of tokens) {
    let bits = 0n;
    accesses.forEach((access, index) => {
      if (checkPassthroughScope(access, [token])) bits |= 1n << BigInt(index);
    });
    if (bits !== 0n) rights.set(token, bits);
  }
  let narrowed = 0;
  for (const [held, heldBits] of rights) {
    for (const [wanted, wantedBits] of rights) {
      const isWider = (wantedBits & ~heldBits) !== 0n;
      if (held === wanted || !isNarrowed(held, wanted)) continue;
      narrowed++;
      assert.ok(!isWider, `${held} -> ${wanted}`);
    }
  }
  assert.ok(narrowed > rights.size, `${narrowed} of ${rights.size}`);
});

function isNarrowed(held: string, wanted: string): boolean {
  try {
    return narrowScopes([held], [wanted]).length === 1;
  } catch {
    return false;
  }
}

function enumerate(pieces: readonly string[], longest: number): string[] {
  let words = [""];
  const all: string[] = [];
  for (let length = 1; length <= longest; length++) {
    words = words.flatMap((word) => pieces.map((piece) => word + piece));
    all.push(...words);
  }
  return [...new Set(all)];
}
