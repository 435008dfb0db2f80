import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { sealToDirectory } from "../../lib/keyring/sealed_files.ts";
import { MAX_SIGNED_BODY_BYTES } from "../../lib/limits.ts";
import { verifySignedBody } from "../../lib/signature/body.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";
import type { SignatureVerdict } from "../../lib/signature/verify.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";
import { createFakeRuntime, errorOf, type FakeInput, runFake, runOn } from "./_fake_runtime.ts";

const SECRET = "d4".repeat(32);
const OTHER = "e5".repeat(32);
const VARIABLE = "ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET";
const ENV: FakeInput = { env: { [VARIABLE]: SECRET } };
const STORE = "/home/u/.ati/credentials";

interface Signed {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly secret?: string;
}

async function judge(header: string, request: Signed = {}): Promise<SignatureVerdict> {
  const { method = "POST", path = "/v1/chat", query = "", secret = SECRET } = request;
  return await verifySandboxSignature({ method, path, query, header: header.trim() }, {
    secret: parseSigningSecret(secret),
  });
}

test("sign prints a header value of version 1, and nothing else", async () => {
  const run = await runFake(["sign", "get", "/v1/models"], ENV);
  assert.deepEqual([run.code, run.stderr], [0, ""]);
  assert.match(run.stdout, /^t=\d+,s=[0-9a-f]{64}\n$/);
  const { reason } = await judge(run.stdout, { method: "GET", path: "/v1/models" });
  assert.equal(reason, "valid");
});

test("sign warns of what the proxy refuses however it is signed, and signs it", async () => {
  const cases: readonly (readonly [args: readonly string[], warning: RegExp])[] = [
    [["GET", "/v1/../admin"], /^warning: the proxy refuses this target: dot_segment\n$/],
    [["GET", "/a%00b?x=1"], /^warning: the proxy refuses this target: \w+\n$/],
    [["get", "/v1", "--body", "x"], /^warning: the proxy reads no body of GET: .*body_mismatch\n$/],
    [["HEAD", "/v1", "--body", "x"], /^warning: the proxy reads no body of HEAD: /],
    [["GET", "/v1", "--body", ""], /^$/],
    [["POST", "/v1/%2F//x", "--body", "x"], /^$/],
  ];
  for (const [args, warning] of cases) {
    const run = await runFake(["sign", ...args], ENV);
    assert.equal(run.code, 0, args.join(" "));
    assert.match(run.stdout, /s=[0-9a-f]{64}\n$/);
    assert.match(run.stderr, warning, args.join(" "));
  }
});

test("sign covers query and body in version 2", async () => {
  const args = ["sign", "POST", "/v1/chat?x=1&y", "--body", '{"a":"é"}'];
  const { stdout } = await runFake(args, ENV);
  assert.match(stdout, /^v=2,t=\d+,n=[\w-]{22},b=[0-9a-f]{64},s=[0-9a-f]{64}\n$/);
  const { terms } = await judge(stdout, { query: "?x=1&y" });
  assert.ok(terms);
  assert.equal(await verifySignedBody(terms, encodeUtf8('{"a":"é"}')), true);
  assert.equal((await judge(stdout)).reason, "hmac_mismatch");
});

test("sign reads a body byte for byte from a file and from standard input", async () => {
  const bytes = new Uint8Array([0, 255, 13, 10]);
  const file = await runFake(["sign", "POST", "/v1/chat", "--body-file", "/tmp/b"], {
    ...ENV,
    files: { "/tmp/b": bytes },
  });
  const input = await runFake(["sign", "POST", "/v1/chat", "--body-file", "-"], {
    ...ENV,
    input: "text\n",
  });
  for (const [{ stdout }, body] of [[file, bytes], [input, encodeUtf8("text\n")]] as const) {
    const { terms } = await judge(stdout);
    assert.ok(terms);
    assert.equal(await verifySignedBody(terms, body), true);
  }
});

test("sign chooses version 2 where something asks for it, and version 1 elsewhere", async () => {
  const cases: readonly (readonly [number, readonly string[]])[] = [
    [1, []],
    [1, ["--sig-version", "1"]],
    [2, ["--sig-version", "2"]],
    [2, ["--body", ""]],
    [2, ["--nonce", "0123456789abcdef"]],
    [2, ["--sig-version", "2", "--body", "x"]],
  ];
  for (const [version, options] of cases) {
    const run = await runFake(["sign", "POST", "/v1/chat", ...options, "--json"], ENV);
    const { value, ...data } = JSON.parse(run.stdout) as Record<string, string>;
    assert.deepEqual(data, { header: "X-Sandbox-Signature", version });
    assert.equal((await judge(value ?? "")).reason, "valid", options.join(" "));
    assert.equal(value?.startsWith("v=2,"), version === 2);
  }
});

test("sign signs the path alone in version 1, and says so on a terminal", async () => {
  const run = await runFake(["sign", "POST", "/v1/chat?x=1", "--no-color"], {
    ...ENV,
    terminals: ["stdout", "stderr"],
  });
  assert.equal((await judge(run.stdout)).reason, "valid");
  assert.match(run.stderr, /^hint: version 1 does not cover the query/);
});

test("sign prints the whole header line for curl, whatever ATI_OUTPUT says", async () => {
  const env = { ...ENV.env, ATI_OUTPUT: "json" };
  const { stdout } = await runFake(["sign", "GET", "/", "--header"], { env });
  assert.match(stdout, /^X-Sandbox-Signature: t=\d+,s=[0-9a-f]{64}\n$/);
});

test("sign takes the secret from file, standard input, variable and keyring, in this order", async () => {
  const files = {
    "/tmp/s": `${SECRET}\n`,
    [STORE]: JSON.stringify({ sandbox_signing_shared_secret: SECRET }),
  };
  const env = { [VARIABLE]: OTHER };
  const cases: readonly (readonly [string, readonly string[], FakeInput])[] = [
    ["file", ["--secret-file", "/tmp/s"], { files, env }],
    ["standard input", ["--secret-file", "-"], { input: `${SECRET}\n`, env }],
    ["variable", [], { env: { [VARIABLE]: SECRET }, files: { [STORE]: "{}" } }],
    ["keyring", [], { files }],
    ["keyring elsewhere", ["--ati-dir", "/srv/x"], {
      files: { "/srv/x/credentials": files[STORE] ?? "" },
    }],
  ];
  for (const [name, options, input] of cases) {
    const run = await runFake(["sign", "POST", "/v1/chat", ...options], input);
    assert.equal((await judge(run.stdout)).reason, "valid", name);
  }
});

test("sign opens a sealed keyring and leaves a one-shot key where it is", async () => {
  const sealed = createMemoryFiles();
  const entries = { sandbox_signing_shared_secret: SECRET };
  await sealToDirectory("/home/u/.ati", entries, sealed);
  const key = sealed.text("/home/u/.ati/.keyring-key");
  const keyring = await sealed.read("/home/u/.ati/keyring.enc");
  assert.ok(keyring);
  const fake = createFakeRuntime({
    env: { ATI_KEY_FILE: "/run/key" },
    files: { "/home/u/.ati/keyring.enc": keyring, "/run/key": key },
  });
  const run = await runOn(fake, ["sign", "POST", "/v1/chat"]);
  assert.equal((await judge(run.stdout)).reason, "valid", run.stderr);
  assert.ok(fake.files.paths().includes("/run/key"));
});

test("sign refuses what it cannot sign, by code", async () => {
  const cases: readonly (readonly [string, readonly string[], FakeInput, number, string])[] = [
    ["no secret", [], {}, 3, "missing_key"],
    ["an empty secret", [], { files: { [STORE]: '{"sandbox_signing_shared_secret":" "}' } }, 2, ""],
    ["no secret file", ["--secret-file", "/nope"], {}, 1, ""],
    ["an empty --secret-file", ["--secret-file", ""], ENV, 2, "missing_argument"],
    ["no body file", ["--body-file", "/nope"], ENV, 1, ""],
    ["an empty --body-file", ["--body-file", ""], ENV, 2, "missing_argument"],
    ["two bodies", ["--body", "x", "--body-file", "/b"], ENV, 2, "invalid_value"],
    ["one input for two", ["--body-file", "-", "--secret-file", "-"], ENV, 2, "invalid_value"],
    ["a body in version 1", ["--sig-version", "1", "--body", "x"], ENV, 2, "invalid_value"],
    ["a short nonce", ["--nonce", "short"], ENV, 2, "invalid_value"],
    ["an empty nonce", ["--nonce", ""], ENV, 2, "invalid_value"],
    ["an unknown version", ["--sig-version", "3"], ENV, 2, "invalid_value"],
  ];
  for (const [name, options, input, code, reason] of cases) {
    const run = await runFake(["sign", "POST", "/v1/chat", ...options], input);
    assert.deepEqual([run.code, run.stdout], [code, ""], `${name}: ${run.stderr}`);
    if (reason !== "") assert.equal(errorOf(run)["reason"], reason, name);
    assert.ok(!run.stderr.includes(SECRET), name);
  }
});

test("sign refuses targets that are no path as it is sent", async () => {
  for (const target of ["", "v1", "https://host/v1", "/a b", "/é", "/a#b", "/a?b c"]) {
    const run = await runFake(["sign", "GET", target], ENV);
    assert.deepEqual([run.code, run.stdout], [2, ""], target);
  }
  assert.equal((await runFake(["sign", "G T", "/a"], ENV)).code, 2);
  assert.equal((await runFake(["sign", "GET"], ENV)).code, 2);
});

test("sign reads no more of a body than a proxy would check", async () => {
  const files = { "/b": new Uint8Array(MAX_SIGNED_BODY_BYTES + 1) };
  const run = await runFake(["sign", "POST", "/a", "--body-file", "/b"], { ...ENV, files });
  assert.deepEqual([run.code, run.stdout], [1, ""]);
});
