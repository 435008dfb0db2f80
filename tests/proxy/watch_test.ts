import assert from "node:assert/strict";
import { test } from "node:test";
import { FileError } from "../../lib/errors.ts";
import { WATCH_INTERVAL_MS } from "../../lib/limits.ts";
import type { Schedule } from "../../lib/ports.ts";
import { createFileJournal } from "../../lib/proxy/file_journal.ts";
import { createProxy } from "../../lib/proxy/proxy.ts";
import { createSourceLoader } from "../../lib/proxy/sources.ts";
import { watchFiles } from "../../lib/proxy/watch.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";
import { chatManifest, createConfig, JWT_SECRET } from "./_proxy.ts";

/** Timers that a test fires. */
function createTimers() {
  const waiting = new Set<{ readonly task: () => void; readonly delayMs: number }>();
  const schedule: Schedule = (task, delayMs) => {
    const timer = { task, delayMs };
    waiting.add(timer);
    return () => waiting.delete(timer);
  };
  return {
    schedule,
    waiting,
    /** Fires what waits and lets everything that follows from it happen, up to the next timer. */
    async fire(): Promise<void> {
      for (const timer of [...waiting]) {
        waiting.delete(timer);
        timer.task();
      }
      for (let turn = 0; turn < 200 && waiting.size === 0; turn++) await settle();
    },
  };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A proxy over files in memory that is watched by hand. */
async function createWatched() {
  const files = createMemoryFiles({
    "/ati/manifests/chat.toml": chatManifest(),
    "/ati/credentials": '{"chat_key":"one"}',
  });
  const records: Readonly<Record<string, unknown>>[] = [];
  const log = (level: string, message: string, fields = {}) =>
    void records.push({ level, message, ...fields });
  const env = {
    get: (name: string) => name === "ATI_JWT_SECRET" ? JWT_SECRET : undefined,
    names: () => ["ATI_JWT_SECRET"],
  };
  const journal = createFileJournal(files);
  const load = createSourceLoader({ atiDir: "/ati", envKeys: false }, {
    env,
    files: journal.files,
  });
  let loads = 0;
  const config = createConfig({
    config: {
      load: () => {
        loads += 1;
        return journal.record(load);
      },
    },
  });
  const upstream = () => Promise.reject(new Error("not called"));
  const proxy = await createProxy(config, { upstream, log });
  const timers = createTimers();
  const stop = watchFiles({ journal, reload: proxy.reload, schedule: timers.schedule, log });
  records.length = 0;
  loads = 0;
  return {
    files,
    proxy,
    timers,
    stop,
    loads: () => loads,
    /** What was said of reloads since the last call. */
    told: () =>
      records.splice(0).map(({ message }) => String(message)).filter((text) => /reload/.test(text)),
    record: (message: string) => records.find((each) => each["message"] === message),
    routes: () => proxy.startup.passthrough,
  };
}

const TALK = chatManifest().replaceAll("chat", "talk");

test("watchFiles() looks once a second and does nothing while nothing changes", async () => {
  const { timers, loads, told, files } = await createWatched();
  const operations: string[] = [];
  files.onOperation = (operation) => void operations.push(operation);
  for (let look = 0; look < 3; look++) {
    assert.deepEqual([...timers.waiting].map(({ delayMs }) => delayMs), [WATCH_INTERVAL_MS]);
    await timers.fire();
  }
  assert.deepEqual([loads(), told()], [0, []]);
  assert.deepEqual([...new Set(operations)].sort(), ["list", "stat"]);
  // The folder, its manifest, credentials, keyring.enc, config.toml.
  assert.equal(operations.length, 3 * 6);
});

test("watchFiles() reloads at the second look at the same change", async () => {
  const { timers, loads, told, files, routes } = await createWatched();
  files.put("/ati/manifests/talk.toml", TALK);
  await timers.fire();
  assert.deepEqual([loads(), routes()], [0, 1]);
  await timers.fire();
  assert.deepEqual([loads(), routes()], [1, 2]);
  assert.deepEqual(told(), ["files changed: reloading", "reloaded"]);
  await timers.fire();
  await timers.fire();
  assert.equal(loads(), 1);
});

test("watchFiles() waits while a file is still being written", async () => {
  const { timers, loads, files, routes } = await createWatched();
  for (let length = 1; length < TALK.length; length += 40) {
    files.put("/ati/manifests/talk.toml", TALK.slice(0, length));
    await timers.fire();
  }
  assert.equal(loads(), 0);
  files.put("/ati/manifests/talk.toml", TALK);
  await timers.fire();
  await timers.fire();
  assert.deepEqual([loads(), routes()], [1, 2]);
});

test("watchFiles() sees files changed, removed, and put where none was", async () => {
  const { timers, files, proxy } = await createWatched();
  const steps: (readonly [change: () => unknown, seen: () => unknown, expected: unknown])[] = [
    [
      () => files.put("/ati/credentials", "{}"),
      () => proxy.startup.keyring,
      "credentials (plaintext)",
    ],
    [() => files.remove("/ati/credentials"), () => proxy.startup.keyring, "empty (no auth)"],
    [
      () => files.put("/ati/credentials", '{"chat_key":"two"}'),
      () => proxy.startup.keyring,
      "credentials (plaintext)",
    ],
    [() => files.put("/ati/manifests/chat.toml", TALK), () => proxy.startup.providers, 1],
    [() => files.remove("/ati/manifests/chat.toml"), () => proxy.startup.providers, 0],
  ];
  for (const [change, seen, expected] of steps) {
    await change();
    await timers.fire();
    await timers.fire();
    assert.equal(seen(), expected, String(change));
  }
});

test("watchFiles() watches the files that credentials refer to, from the moment they do", async () => {
  const { timers, files, loads } = await createWatched();
  files.put("/run/secrets/chat", "first");
  files.put("/ati/credentials", '{"chat_key":"@file:/run/secrets/chat"}');
  await timers.fire();
  await timers.fire();
  assert.equal(loads(), 1);
  files.put("/run/secrets/chat", "other");
  await timers.fire();
  await timers.fire();
  assert.equal(loads(), 2);
  files.put("/ati/credentials", "{}");
  await timers.fire();
  await timers.fire();
  files.put("/run/secrets/chat", "third");
  await timers.fire();
  await timers.fire();
  assert.equal(loads(), 3);
});

test("watchFiles() tells a failed reload once, and tries again when something changes", async () => {
  const { timers, files, loads, told, record, routes } = await createWatched();
  files.put("/ati/manifests/talk.toml", "[provider");
  await timers.fire();
  await timers.fire();
  const failed = "reload failed: the last good configuration stays in force";
  assert.match(String(record(failed)?.["error"]), /\/ati\/manifests\/talk\.toml:1/);
  assert.deepEqual(told(), ["files changed: reloading", failed]);
  for (let look = 0; look < 3; look++) await timers.fire();
  assert.deepEqual([loads(), told(), routes()], [1, [], 1]);

  files.put("/ati/manifests/talk.toml", "[provider]");
  await timers.fire();
  await timers.fire();
  assert.deepEqual(told(), ["files changed: reloading", failed]);
  // The credentials, which the failed reloads did not come to read, are watched still.
  files.put("/ati/credentials", "{}");
  await timers.fire();
  await timers.fire();
  assert.deepEqual(told(), ["files changed: reloading", failed]);
  files.put("/ati/manifests/talk.toml", TALK);
  await timers.fire();
  await timers.fire();
  assert.deepEqual([told(), routes()], [["files changed: reloading", "reloaded"], 2]);
});

test("watchFiles() does not repeat what another reload has read", async () => {
  const { timers, files, loads, proxy } = await createWatched();
  files.put("/ati/manifests/talk.toml", TALK);
  await timers.fire();
  await proxy.reload();
  await timers.fire();
  await timers.fire();
  assert.equal(loads(), 1);
});

test("watchFiles() sees a change between the look at a file and the end of the reload", async () => {
  const { timers, files, routes, loads } = await createWatched();
  let isArmed = true;
  files.onOperation = (operation, path) => {
    if (operation !== "read" || path !== "/ati/credentials" || !isArmed) return;
    isArmed = false;
    files.put("/ati/manifests/walk.toml", TALK.replaceAll("talk", "walk"));
  };
  files.put("/ati/manifests/talk.toml", TALK);
  await timers.fire();
  await timers.fire();
  assert.equal(routes(), 2);
  await timers.fire();
  await timers.fire();
  assert.deepEqual([routes(), loads()], [3, 2]);
});

test("watchFiles() takes what cannot be looked at for a look like any other", async () => {
  const { timers, files, loads, told } = await createWatched();
  files.onOperation = (operation, path) => {
    if (path !== "/ati/credentials" || operation === "list") return;
    throw new FileError("ERR_FILE_READ", `Cannot look at ${path}: EACCES`, { reason: "EACCES" });
  };
  for (let look = 0; look < 4; look++) await timers.fire();
  assert.equal(loads(), 1);
  assert.deepEqual(told().length, 2);
  files.onOperation = () => {};
  await timers.fire();
  await timers.fire();
  assert.deepEqual(told(), ["files changed: reloading", "reloaded"]);
});

test("watchFiles() goes on after an unforeseen error, which it does not quote", async () => {
  const timers = createTimers();
  const records: string[] = [];
  const stop = watchFiles({
    journal: { findChanges: () => Promise.reject(new TypeError("canary")), accept: () => {} },
    reload: () => Promise.resolve(),
    schedule: timers.schedule,
    log: (...record) => void records.push(JSON.stringify(record)),
  });
  await timers.fire();
  assert.equal(timers.waiting.size, 1);
  assert.match(records.join(), /cannot watch files/);
  assert.doesNotMatch(records.join(), /canary/);
  stop();
});

test("watchFiles() never looks twice at once, and not again once it is stopped", async () => {
  const timers = createTimers();
  const releases: (() => void)[] = [];
  let reloads = 0;
  const changes = new Map([["/a", "new"]]);
  const stop = watchFiles({
    journal: {
      findChanges: () => new Promise((resolve) => releases.push(() => resolve(changes))),
      accept: () => {},
    },
    reload: () => Promise.resolve(reloads++),
    schedule: timers.schedule,
    log: () => {},
  });
  await timers.fire();
  assert.deepEqual([timers.waiting.size, releases.length], [0, 1]);
  releases.pop()?.();
  await settle();
  await timers.fire();
  stop();
  releases.pop()?.();
  await settle();
  assert.deepEqual([timers.waiting.size, reloads], [0, 0]);
});
