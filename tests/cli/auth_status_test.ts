import assert from "node:assert/strict";
import { test } from "node:test";
import { generateHs256Secret } from "../../lib/jwt/generate.ts";
import { type IssueInput, issueToken } from "../../lib/jwt/issue.ts";
import { importSecret } from "../../lib/jwt/keys.ts";
import { errorOf, runFake } from "./_fake_runtime.ts";

const SECRET = generateHs256Secret();

async function issue(input: Partial<IssueInput> = {}, nowMs: number = Date.now()): Promise<string> {
  const { signingKey } = await importSecret(SECRET);
  return await issueToken(
    { sub: "agent-1", scope: "tool:x:* skill:a tool:y help", ...input },
    signingKey,
    { now: () => nowMs },
  );
}

test("auth status prints every field of the reference as JSON in a pipe", async () => {
  const token = await issue({ jobId: "j", sandboxId: "s", jti: "id", iss: "me" });
  const run = await runFake(["auth", "status"], {
    env: { ATI_SESSION_TOKEN: token, ATI_JWT_SECRET: SECRET },
  });
  const { exp, iat, time_remaining_secs: remaining, ...status } = JSON.parse(run.stdout);
  assert.equal(exp - iat, 1800);
  assert.ok(remaining > 1790 && remaining <= 1800);
  assert.deepEqual(status, {
    aud: "ati-proxy",
    expired: false,
    help_enabled: true,
    iss: "me",
    job_id: "j",
    jti: "id",
    present: true,
    sandbox_id: "s",
    route_scopes: 0,
    scope: "tool:x:* skill:a tool:y help",
    scopes: ["tool:x:*", "skill:a", "tool:y", "help"],
    signature_verified: true,
    skill_scopes: 1,
    source: "env ATI_SESSION_TOKEN",
    sub: "agent-1",
    tool_scopes: 2,
    verification: "valid",
  });
});

test("auth status prints the reference's lines as text", async () => {
  const run = await runFake(["auth", "status", "--output", "text"], {
    env: { ATI_SESSION_TOKEN: await issue({ jobId: "j" }), ATI_JWT_SECRET: SECRET },
  });
  assert.match(
    run.stdout,
    new RegExp(
      "^Agent:    agent-1\nAudience: ati-proxy\nJob ID:   j\n" +
        "Scopes:   2 tools, 1 skills, help enabled\n {2}tool:x:\\* skill:a tool:y help\n" +
        "Expires:  \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ \\(0h (29|30)m remaining\\)\n" +
        "Verified: YES\nSource:   env ATI_SESSION_TOKEN\n$",
    ),
  );
});

test("auth status counts the routes that a token opens", async () => {
  const env = { ATI_SESSION_TOKEN: await issue({ scope: "passthrough:a passthrough:b:GET x:y" }) };
  const json = await runFake(["auth", "status"], { env });
  assert.equal(JSON.parse(json.stdout).route_scopes, 2);
  const { stdout } = await runFake(["auth", "status", "--output", "text"], { env });
  assert.match(stdout, /^Scopes: {3}0 tools, 0 skills, 2 routes, help disabled$/m);
});

test("auth status tells a bad signature from a missing key, and dates from forgery", async (t) => {
  const other = generateHs256Secret();
  const expired = await issue({}, Date.now() - 3_600_000);
  const cases: readonly (readonly [string, string, Record<string, string>, unknown[]])[] = [
    ["verified", await issue(), { ATI_JWT_SECRET: SECRET }, [true, "valid", false, 0]],
    ["no key", await issue(), {}, [null, null, false, 0]],
    ["other key", await issue(), { ATI_JWT_SECRET: other }, [false, "bad_signature", false, 3]],
    ["broken key", await issue(), { ATI_JWT_SECRET: "zz" }, [null, "secret_invalid", false, 0]],
    ["expired", expired, { ATI_JWT_SECRET: SECRET }, [true, "expired", true, 3]],
    ["expired, no key", expired, {}, [null, null, true, 3]],
    ["other audience", await issue({ aud: "b" }), { ATI_JWT_SECRET: SECRET }, [
      false,
      "audience_mismatch",
      false,
      3,
    ]],
  ];
  for (const [name, token, env, expected] of cases) {
    await t.test(name, async () => {
      const input = { env: { ATI_SESSION_TOKEN: token, ...env } };
      const status = JSON.parse((await runFake(["auth", "status"], input)).stdout);
      const check = await runFake(["auth", "status", "--check"], input);
      assert.deepEqual(
        [status.signature_verified, status.verification, status.expired, check.code],
        expected,
      );
    });
  }
});

test("auth status counts an expired token as expired without leeway", async () => {
  const token = await issue({ ttlSeconds: 10 }, Date.now() - 11_000);
  const run = await runFake(["auth", "status", "--output=text", "--no-color"], {
    env: { ATI_SESSION_TOKEN: token },
  });
  assert.match(run.stdout, /^Expires: {2}EXPIRED$/m);
});

test("auth status says that there is no token, exit 0, with --check exit 3", async () => {
  const run = await runFake(["auth", "status"]);
  assert.equal(run.code, 0);
  assert.equal(run.stdout.trim().split("\n").length, 2);
  assert.match(run.stdout, /^No session token/);
  assert.equal((await runFake(["auth", "status", "--check"])).code, 3);
});

test("auth status refuses a token that cannot be read and a file that cannot be opened", async () => {
  const run = await runFake(["auth", "status"], { env: { ATI_SESSION_TOKEN: "CANARY" } });
  assert.equal(run.code, 2);
  assert.ok(!run.stderr.includes("CANARY"));
  const folder = await runFake(["auth", "status"], {
    env: { ATI_SESSION_TOKEN_FILE: "/folder" },
    files: { "/folder/x": "" },
  });
  assert.equal(errorOf(folder)["message"], "Cannot read /folder");
});
