import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveExit } from "../../lib/cli/exit_codes.ts";
import { generateHs256Secret } from "../../lib/jwt/generate.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSecret } from "../../lib/jwt/keys.ts";
import { AtiError, ERROR_CODES } from "../../lib/errors.ts";
import { errorOf, type FakeInput, runFake } from "./_fake_runtime.ts";

const KNOWN_CODES = new Set([
  "auth.expired",
  "auth.missing_key",
  "auth.scope_denied",
  "input.invalid_value",
  "input.missing_arg",
  "provider.not_found",
  "provider.timeout",
  "provider.upstream_error",
  "rate.exceeded",
  "tool.execution_failed",
]);

test("resolveExit() gives every error a code of the reference and the exit code of its class", () => {
  const exitOfClass: Readonly<Record<string, number>> = {
    auth: 3,
    input: 2,
    provider: 4,
    rate: 5,
    tool: 1,
  };
  for (const code of ERROR_CODES) {
    const entry = resolveExit(new AtiError(code, "x"));
    assert.ok(KNOWN_CODES.has(entry.code), code);
    assert.equal(entry.exitCode, exitOfClass[entry.code.split(".")[0] ?? ""], code);
  }
});

test("resolveExit() tells apart by reason what the reference tells apart", () => {
  const cases = [
    ["ERR_USAGE", "missing_argument", "input.missing_arg"],
    ["ERR_USAGE", "invalid_value", "input.invalid_value"],
    ["ERR_CONFIG", "missing_key", "auth.missing_key"],
    ["ERR_CONFIG", undefined, "input.invalid_value"],
    ["ERR_SPAWN", "timeout", "provider.timeout"],
    ["ERR_SPAWN", "not_found", "provider.upstream_error"],
    ["ERR_KEYRING_SOURCE", "op_failed", "provider.upstream_error"],
    ["ERR_KEYRING_SOURCE", "line", "input.invalid_value"],
  ] as const;
  for (const [code, reason, expected] of cases) {
    assert.equal(resolveExit(new AtiError(code, "x", { reason })).code, expected);
  }
});

test("main() ends with the exit codes of the table", async (t) => {
  const secret = generateHs256Secret();
  const { signingKey } = await importSecret(secret);
  const expired = await issueToken(
    { sub: "a", scope: "help", ttlSeconds: 1 },
    signingKey,
    { now: () => 1_600_000_000_000 },
  );
  const cases: readonly (readonly [string, string[], FakeInput, number, string | undefined])[] = [
    ["success", ["key", "list"], {}, 0, undefined],
    ["no command", [], {}, 2, undefined],
    ["unknown command", ["nope"], {}, 2, "input.invalid_value"],
    ["unknown option", ["key", "list", "--nope"], {}, 2, "input.invalid_value"],
    ["missing option", ["token", "issue"], {}, 2, "input.missing_arg"],
    ["unknown key", ["key", "remove", "nope"], {}, 1, "tool.execution_failed"],
    ["bad key name", ["key", "set", "../x", "v"], {}, 2, "input.invalid_value"],
    ["no signing key", ["token", "issue", "--sub", "a", "--scope", "b"], {}, 3, "auth.missing_key"],
    ["no verification key", ["token", "validate", "x"], {}, 3, "auth.missing_key"],
    ["malformed token", ["token", "inspect", "x"], {}, 2, "input.invalid_value"],
    ["invalid token", ["token", "validate", "x", "--secret", secret], {}, 1, "input.invalid_value"],
    ["expired token", ["token", "validate", expired, "--secret", secret], {}, 1, "auth.expired"],
    ["no session", ["auth", "status", "--check", "--output=text"], {}, 3, undefined],
    [
      "broken manifest",
      ["manifest", "check"],
      {
        files: { "/home/u/.ati/manifests/a.toml": "x" },
      },
      2,
      "input.invalid_value",
    ],
    [
      "no op",
      ["edge", "bootstrap-keyring", "--vault", "v", "--item", "i"],
      {},
      4,
      "provider.upstream_error",
    ],
    [
      "op hangs",
      ["edge", "bootstrap-keyring", "--vault", "v", "--item", "i"],
      {
        spawn: () => new AtiError("ERR_SPAWN", "Cannot run op", { reason: "timeout" }),
      },
      4,
      "provider.timeout",
    ],
    ["bad port", ["proxy", "--port", "65536"], {}, 2, "input.invalid_value"],
  ];
  for (const [name, args, input, exitCode, code] of cases) {
    await t.test(name, async () => {
      const run = await runFake(args, input);
      assert.equal(run.code, exitCode, run.stderr);
      if (code === undefined) return;
      assert.equal(errorOf(run)["code"], code);
      assert.equal(errorOf(run)["exit_code"], exitCode);
    });
  }
});
