import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../lib/errors.ts";
import type { ProxySources } from "../../lib/proxy/sources.ts";
import {
  bearer,
  chatManifest,
  createTestProxy,
  readSources,
  signed,
  SIGNING_SECRET,
} from "./_proxy.ts";

const ENFORCE = { signature: { mode: "enforce" as const } };

/** A loader whose result can be changed between reloads. */
async function createLoader(entries: Readonly<Record<string, string>>) {
  const loader = {
    loads: 0,
    next: (): Promise<ProxySources> => readSources({ entries, manifests: [chatManifest()] }),
    load: (): Promise<ProxySources> => {
      loader.loads += 1;
      return loader.next();
    },
    use: (changed: Readonly<Record<string, string>>, manifests = [chatManifest()]): void => {
      loader.next = () => readSources({ entries: changed, manifests });
    },
  };
  return await Promise.resolve(loader);
}

const OLD = { chat_key: "old-credential", sandbox_signing_shared_secret: SIGNING_SECRET };

test("reload() swaps secret, credentials and routes at once", async () => {
  const loader = await createLoader(OLD);
  const seen: (string | null)[] = [];
  const { proxy, send } = await createTestProxy({
    ...ENFORCE,
    config: { load: loader.load },
    fetch: (_, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      return Promise.resolve(new Response("ok"));
    },
  });
  const before = await signed("/chat/a");
  assert.equal((await send("/chat/a", { headers: before })).status, 200);

  const secret = "d4".repeat(32);
  loader.use({ chat_key: "new-credential", sandbox_signing_shared_secret: secret }, [
    chatManifest(),
    chatManifest().replaceAll("chat", "talk"),
  ]);
  const result = await proxy.reload();
  assert.ok(result.ok && result.startup.passthrough === 2);
  assert.equal((await send("/chat/a", { headers: before })).status, 403);
  const after = await signed("/chat/a", "GET", secret);
  assert.equal((await send("/chat/a", { headers: after })).status, 200);
  assert.deepEqual(seen, ["Bearer old-credential", "Bearer new-credential"]);
  const talk = await send("/talk/a", { headers: await signed("/talk/a", "GET", secret) });
  assert.equal(talk.status, 503);
});

test("reload() keeps the last good state when loading fails, and logs why", async () => {
  const loader = await createLoader(OLD);
  const { proxy, send, records } = await createTestProxy({
    ...ENFORCE,
    config: { load: loader.load },
  });
  loader.next = () =>
    Promise.reject(
      new ConfigError("Cannot open keyring.enc", { reason: "decrypt", hint: "Mend it" }),
    );
  const result = await proxy.reload();
  assert.ok(!result.ok && result.error.code === "ERR_CONFIG");
  assert.equal((await send("/chat/a", { headers: await signed("/chat/a") })).status, 200);
  const record = records().find(({ message }) => String(message).startsWith("reload failed"));
  assert.deepEqual([record?.["level"], record?.["reason"], record?.["hint"]], [
    "ERROR",
    "decrypt",
    "Mend it",
  ]);
});

test("reload() keeps the last good state when a route or the secret cannot be built", async () => {
  const loader = await createLoader(OLD);
  const { proxy, send } = await createTestProxy({ ...ENFORCE, config: { load: loader.load } });
  loader.use({ ...OLD, sandbox_signing_shared_secret: " " });
  assert.equal((await proxy.reload()).ok, false);
  loader.use({ ...OLD, chat_key: "bad\nheader" });
  assert.equal((await proxy.reload()).ok, false);
  assert.equal((await send("/chat/a", { headers: await signed("/chat/a") })).status, 200);
});

test("reload() does not quote an unforeseen error", async () => {
  const loader = await createLoader(OLD);
  const { proxy, lines } = await createTestProxy({ config: { load: loader.load } });
  loader.next = () => Promise.reject(new SyntaxError("canary"));
  const result = await proxy.reload();
  assert.ok(!result.ok && result.error.code === "ERR_INTERNAL");
  assert.doesNotMatch(lines.join() + String(result.error), /canary/);
});

test("reload() with the secret gone refuses every signature from then on", async () => {
  const loader = await createLoader(OLD);
  const { proxy, send, records } = await createTestProxy({
    ...ENFORCE,
    config: { load: loader.load },
  });
  loader.use({ chat_key: "k" });
  const result = await proxy.reload();
  assert.ok(result.ok && !result.startup.sig_verify_secret);
  assert.equal((await send("/chat/a", { headers: await signed("/chat/a") })).status, 403);
  assert.ok(
    records().some(({ level, message }) =>
      level === "ERROR" && /no signing secret/.test(`${message}`)
    ),
  );
});

test("reload() forgets tokens that were verified under the old keys", async () => {
  const loader = await createLoader(OLD);
  const { proxy, send } = await createTestProxy({ config: { load: loader.load } });
  const headers = await bearer();
  assert.equal((await send("/whoami", { headers })).status, 200);
  loader.next = async () => {
    const sources = await readSources({});
    return { ...sources, jwt: { ...sources.jwt!, audiences: ["another"] } };
  };
  await proxy.reload();
  assert.equal((await send("/whoami", { headers })).status, 401);
});

test("reload() calls during a reload share the next one", async () => {
  const loader = await createLoader(OLD);
  const { proxy } = await createTestProxy({ config: { load: loader.load } });
  const gates: (() => void)[] = [];
  const sources = await readSources({});
  loader.next = () => new Promise((resolve) => gates.push(() => resolve(sources)));
  loader.loads = 0;
  const first = proxy.reload();
  const others = [proxy.reload(), proxy.reload(), proxy.reload()];
  gates[0]?.();
  await first;
  await Promise.resolve();
  gates[1]?.();
  const results = await Promise.all(others);
  assert.equal(loader.loads, 2);
  assert.ok(results.every((result) => result === results[0]));
  loader.next = () => Promise.resolve(sources);
  await proxy.reload();
  assert.equal(loader.loads, 3);
});

test("requests under way keep the state they began with", async () => {
  const loader = await createLoader(OLD);
  const releases: (() => void)[] = [];
  const seen: (string | null)[] = [];
  const { proxy, send } = await createTestProxy({
    config: { load: loader.load },
    fetch: async (_, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      await new Promise<void>((resolve) => releases.push(resolve));
      return new Response("ok");
    },
  });
  const requests = Array.from({ length: 50 }, () => send("/chat/a"));
  loader.use({ ...OLD, chat_key: "new-credential" });
  assert.equal((await proxy.reload()).ok, true);
  for (const release of releases) release();
  const responses = await Promise.all(requests);
  assert.deepEqual(
    new Set(await Promise.all(responses.map((each) => each.text()))),
    new Set(["ok"]),
  );
  assert.deepEqual(new Set(seen), new Set(["Bearer old-credential"]));
});

test("startup tells what is served, in the fields of the start-up record", async () => {
  const { proxy } = await createTestProxy({ manifests: [chatManifest()], config: { bind: "::1" } });
  assert.deepEqual(proxy.startup, {
    version: "9.9.9",
    addr: "[::1]:8090",
    auth: "JWT enabled",
    ati_dir: "/etc/ati",
    tools: 0,
    providers: 1,
    mcp: 0,
    openapi: 0,
    skills: 0,
    keyring: "credentials (plaintext)",
    db: "disabled",
    passthrough: 1,
    sig_verify_mode: "log",
    sig_verify_secret: false,
  });
  const open = await createTestProxy({ jwt: false });
  assert.equal(open.proxy.startup.auth, "DISABLED (no JWT keys configured)");
});

test("close() waits for a reload under way", async () => {
  const loader = await createLoader(OLD);
  const { proxy } = await createTestProxy({ config: { load: loader.load } });
  let release = (): void => {};
  const sources = await readSources({});
  loader.next = () =>
    new Promise((resolve) => {
      release = () => resolve(sources);
    });
  const reload = proxy.reload();
  let isClosed = false;
  const closed = proxy.close().then(() => {
    isClosed = true;
  });
  await Promise.resolve();
  assert.equal(isClosed, false);
  release();
  await Promise.all([reload, closed]);
});
