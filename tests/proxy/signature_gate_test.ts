import assert from "node:assert/strict";
import { test } from "node:test";
import { webHashes } from "../../lib/encoding/hashes.ts";
import {
  chatManifest,
  createTestProxy,
  NOW_MS,
  readProblem,
  signed,
  SIGNING_SECRET,
} from "./_proxy.ts";
import type { TestProxyOptions } from "./_proxy.ts";

const MANIFESTS = [chatManifest()];
const ENTRIES = { chat_key: "k", sandbox_signing_shared_secret: SIGNING_SECRET };
const BASE: TestProxyOptions = { manifests: MANIFESTS, entries: ENTRIES };

function withMode(mode: "log" | "warn" | "enforce", exemptPaths: string[] = []): TestProxyOptions {
  return { ...BASE, signature: { mode, exemptPaths } };
}

test("mode log lets everything pass and logs the verdict", async () => {
  const { send, requests } = await createTestProxy(withMode("log"));
  const unsigned = await send("/chat/a");
  const valid = await send("/chat/a", { headers: await signed("/chat/a") });
  const forged = await send("/chat/a", { headers: await signed("/chat/b") });
  for (const response of [unsigned, valid, forged]) {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-signature-status"), null);
    await response.text();
  }
  assert.deepEqual(
    requests().map((
      { message, mode, valid, reason, job_id },
    ) => [message, mode, valid, reason, job_id]),
    [
      ["sig_verify", "Log", false, "missing_signature", "none"],
      ["sig_verify", "Log", true, "valid", "job-1"],
      ["sig_verify", "Log", false, "hmac_mismatch", "job-1"],
    ],
  );
});

test("mode warn lets everything pass and tells the verdict in a header", async () => {
  const { send } = await createTestProxy(withMode("warn"));
  const unsigned = await send("/chat/a");
  assert.equal(unsigned.headers.get("x-signature-status"), "missing_signature");
  const valid = await send("/chat/a", { headers: await signed("/chat/a") });
  assert.equal(valid.headers.get("x-signature-status"), "valid");
  const unknown = await send("/nowhere");
  assert.deepEqual([unknown.status, unknown.headers.get("x-signature-status")], [
    401,
    "missing_signature",
  ]);
});

test("mode warn does not let the upstream speak for the gate", async () => {
  const { send } = await createTestProxy({
    ...withMode("warn"),
    fetch: () => Promise.resolve(new Response("", { headers: { "x-signature-status": "valid" } })),
  });
  const response = await send("/chat/a");
  assert.equal(response.headers.get("x-signature-status"), "missing_signature");
});

test("where no signature is asked for, nothing is told of one that is missing", async () => {
  for (const mode of ["log", "warn", "enforce"] as const) {
    const { send, requests } = await createTestProxy({
      ...withMode(mode),
      manifests: [chatManifest('auth = "jwt"')],
    });
    const unsigned = await send("/chat/a");
    const forged = await send("/chat/a", { headers: await signed("/chat/b") });
    const page = await send("/metrics", { headers: { host: "localhost" } }, {
      remoteAddress: "127.0.0.1",
    });
    assert.deepEqual([unsigned.status, forged.status], [401, 401], mode);
    assert.equal(unsigned.headers.get("x-signature-status"), null);
    const status = mode === "warn" ? "hmac_mismatch" : null;
    assert.equal(forged.headers.get("x-signature-status"), status);
    assert.deepEqual(
      requests().slice(0, 2).map(({ message, valid, reason }) => [message, valid, reason]),
      [["request", undefined, undefined], ["sig_verify", false, "hmac_mismatch"]],
    );
    const verdicts = (await page.text()).match(/^ati_signature_verdicts_total\{.*$/gm);
    assert.equal(verdicts?.length, 1);
    assert.match(verdicts?.[0] ?? "", /reason="hmac_mismatch"\} 1$/);
  }
});

test("mode enforce refuses what is not signed before anything else is decided", async () => {
  const { send, sent } = await createTestProxy(withMode("enforce"));
  for (const path of ["/chat/a", "/whoami", "/nowhere", "/health", "/chat%2Fa"]) {
    const response = await send(path);
    assert.equal(response.status, 403, path);
    assert.equal((await readProblem(response))["reason"], "missing_signature");
  }
  assert.deepEqual(sent, []);
});

test("mode enforce tells the reason of each verdict", async () => {
  const { send } = await createTestProxy(withMode("enforce"));
  const seconds = NOW_MS / 1000;
  const headers: readonly (readonly [header: string, reason: string])[] = [
    ["", "missing_signature"],
    ["nonsense", "malformed_signature"],
    ["t=x,s=00", "invalid_timestamp"],
    [`t=${seconds - 61},s=00`, "expired_timestamp_drift=61s"],
    [`t=${seconds},s=zz`, "malformed_signature"],
    [`t=${seconds},s=00`, "hmac_mismatch"],
  ];
  for (const [header, reason] of headers) {
    const response = await send("/chat/a", { headers: { "x-sandbox-signature": header } });
    assert.equal((await readProblem(response))["reason"], reason);
  }
});

test("mode enforce lets a signed request pass without a token, and sends no X-Sandbox header on", async () => {
  const seen: string[] = [];
  const { send, sent } = await createTestProxy({
    ...withMode("enforce"),
    fetch: (_, init) => {
      seen.push(...new Headers(init?.headers).keys());
      return Promise.resolve(new Response("ok"));
    },
  });
  const response = await send("/chat/a", { headers: await signed("/chat/a") });
  assert.equal(await response.text(), "ok");
  assert.deepEqual(sent, ["GET http://upstream.test/base/a"]);
  assert.deepEqual(seen.filter((name) => name.startsWith("x-sandbox")), []);
});

test("the signature covers the raw path, without the query", async () => {
  const { send } = await createTestProxy(withMode("enforce"));
  const raw = "/chat/%61%2e1";
  assert.equal((await send(`${raw}?q=1`, { headers: await signed(raw) })).status, 200);
  assert.equal((await send(raw, { headers: await signed("/chat/a.1") })).status, 403);
  assert.equal(
    (await send("/chat/a", { method: "POST", headers: await signed("/chat/a") })).status,
    403,
  );
  const post = { method: "POST", headers: await signed("/chat/a", "POST") };
  assert.equal((await send("/chat/a", post)).status, 200);
});

test("a path is exempt by its canonical form, not by how it is written", async () => {
  const { send, requests } = await createTestProxy(withMode("enforce", ["/chat/open/*"]));
  for (const path of ["/chat/open/a", "/chat/%6Fpen/a"]) {
    const response = await send(path, { headers: { "x-sandbox-job-id": "j" } });
    assert.equal(response.status, 200, path);
    await response.text();
  }
  const record = requests()[0];
  assert.equal(record?.["message"], "request");
  for (const field of ["mode", "valid", "reason", "job_id"]) {
    assert.equal(record?.[field], undefined);
  }
  assert.equal((await send("/chat/open")).status, 403);
  for (const path of ["/chat/open/../a", "/chat/open/%2e%2e/a", "/chat/open/..%2Fa"]) {
    assert.equal((await send(path)).status, 400, path);
  }
});

test("the default exempt paths cover health and keys", async () => {
  const { send } = await createTestProxy({ ...BASE, signature: { mode: "enforce" } });
  assert.equal((await send("/health")).status, 200);
  assert.equal((await send("/.well-known/jwks.json")).status, 404);
  assert.equal((await send("/whoami")).status, 403);
});

test("key administration needs no signature, but a token", async () => {
  const { send } = await createTestProxy(withMode("enforce"));
  assert.equal((await send("/admin/keys/x")).status, 401);
  assert.equal((await send("/admin/keysx")).status, 403);
});

test("a text secret is used as its UTF-8 bytes", async () => {
  const secret = "plain text, not hex";
  const { send } = await createTestProxy({
    ...withMode("enforce"),
    entries: { ...ENTRIES, sandbox_signing_shared_secret: secret },
  });
  const headers = await signed("/chat/a", "GET", secret);
  assert.equal((await send("/chat/a", { headers })).status, 200);
});

test("a drift of zero takes the current second only", async () => {
  let now = NOW_MS;
  const { send } = await createTestProxy({
    ...BASE,
    signature: { mode: "enforce", driftSeconds: 0 },
    now: () => now,
  });
  const headers = await signed("/chat/a");
  assert.equal((await send("/chat/a", { headers })).status, 200);
  now += 1000;
  assert.equal((await send("/chat/a", { headers })).status, 403);
});

test("the gate works alike on hash primitives that answer with promises", async () => {
  const { send } = await createTestProxy({ ...withMode("enforce"), hashes: webHashes });
  assert.equal((await send("/chat/a", { headers: await signed("/chat/a") })).status, 200);
  assert.equal((await send("/chat/a", { headers: await signed("/chat/b") })).status, 403);
});

test("a job id is logged as text of bounded length", async () => {
  const { send, requests } = await createTestProxy(withMode("log"));
  await (await send("/chat/a", { headers: { "x-sandbox-job-id": "j".repeat(500) } })).text();
  assert.equal(requests()[0]?.["job_id"], "j".repeat(256));
});
