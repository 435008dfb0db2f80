/** `ATI_WATCH=1` on a real server: what changes on disk is served soon after. */

import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generateEs256KeyPair } from "../../lib/jwt/generate.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { importSigningKey } from "../../lib/jwt/keys.ts";
import { sealToDirectory } from "../../lib/keyring/sealed_files.ts";
import { systemFiles } from "../../lib/runtime/files.ts";
import {
  createAtiDirectory,
  removeDirectory,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer, TestUpstream } from "./_server.ts";

// Two looks, a second apart; the rest is for a machine that is busy with other tests.
const SERVED_WITHIN_MS = 6000;
const FAILED = "reload failed: the last good configuration stays in force";
const [first, second] = await Promise.all([generateEs256KeyPair(), generateEs256KeyPair()]);

let directory = "";
let upstream: TestUpstream;
let server: TestServer;

before(async () => {
  upstream = await startUpstream();
  directory = createAtiDirectory({
    "manifests/echo.toml": upstreamManifest("echo", upstream.url),
    "key.pem": first.publicPem,
  });
  // As Kubernetes mounts a Secret: the file is a link through `..data`, which is swapped.
  mkdirSync(join(directory, "..one"));
  writeFileSync(join(directory, "..one/credentials"), '{"echo_key":"one"}');
  symlinkSync("..one", join(directory, "..data"));
  symlinkSync("..data/credentials", join(directory, "credentials"));
  server = await startServer({
    ATI_DIR: directory,
    ATI_JWT_PUBLIC_KEY: join(directory, "key.pem"),
    ATI_ENABLE_PASSTHROUGH: "1",
    ATI_WATCH: "1",
  });
});

after(async () => {
  await server.kill();
  await upstream.close();
  removeDirectory(directory);
});

/** Status and the credential that the upstream got. */
async function ask(path: string): Promise<string> {
  const response = await server.get(path);
  if (response.status !== 200) {
    await response.body?.cancel();
    return String(response.status);
  }
  const { headers } = await response.json() as { headers: Record<string, string> };
  return `200 ${headers["authorization"]}`;
}

/** Changes something and waits until that shows. */
async function becomes(change: () => unknown, look: () => Promise<unknown>, expected: unknown) {
  await change();
  const deadline = Date.now() + SERVED_WITHIN_MS;
  for (;;) {
    const seen = await look();
    if (seen === expected) return;
    assert.ok(Date.now() < deadline, `still ${seen}, not ${expected}:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const failures = (): number => server.records().filter(({ message }) => message === FAILED).length;

test("ATI_WATCH serves a manifest that is added, keeps it when it breaks, drops it when it goes", async () => {
  const path = join(directory, "manifests/talk.toml");
  const manifest = upstreamManifest("talk", upstream.url).replace("talk_key", "echo_key");
  await becomes(() => writeFileSync(path, manifest), () => ask("/talk/a"), "200 Bearer one");

  await becomes(() => writeFileSync(path, "[provider"), () => Promise.resolve(failures()), 1);
  const record = server.records().find(({ message }) => message === FAILED);
  assert.match(String(record?.["error"]), /manifests\/talk\.toml:1/);
  assert.equal(await ask("/talk/a"), "200 Bearer one");

  const renamed = manifest.replace('"/talk"', '"/said"');
  await becomes(() => writeFileSync(path, renamed), () => ask("/said/a"), "200 Bearer one");
  assert.equal(await ask("/talk/a"), "401");
  assert.equal(failures(), 1);

  await becomes(() => rmSync(path), () => ask("/said/a"), "401");
  assert.equal(await ask("/echo/a"), "200 Bearer one");
});

test("ATI_WATCH takes a credential whose link is swapped", async () => {
  await becomes(
    () => {
      mkdirSync(join(directory, "..two"));
      writeFileSync(join(directory, "..two/credentials"), '{"echo_key":"two"}');
      symlinkSync("..two", join(directory, "..data_tmp"));
      renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
    },
    () => ask("/echo/a"),
    "200 Bearer two",
  );
});

test("ATI_WATCH takes a keyring that is sealed and sealed again", async () => {
  for (const value of ["three", "four!"]) {
    await becomes(
      () => sealToDirectory(directory, { echo_key: value }, systemFiles),
      () => ask("/echo/a"),
      `200 Bearer ${value}`,
    );
  }
});

test("ATI_WATCH takes a public key that is replaced", async () => {
  const key = await importSigningKey(second.privatePem);
  const token = await issueToken({ sub: "agent-7", scope: "help" }, key);
  const whoami = async (): Promise<number> => {
    const response = await server.get("/whoami", { authorization: `Bearer ${token}` });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await whoami(), 401);
  await becomes(
    () => {
      writeFileSync(join(directory, "key.new"), second.publicPem);
      renameSync(join(directory, "key.new"), join(directory, "key.pem"));
    },
    whoami,
    200,
  );
});

test("ATI_WATCH logs what changed and is silent while nothing does", async () => {
  const countReloads = (): number =>
    server.records().filter(({ message }) => /reload/.test(String(message))).length;
  assert.ok(countReloads() > 0);
  const changed = server.records().find(({ message }) => message === "files changed: reloading");
  assert.deepEqual(changed?.["files"], [
    join(directory, "manifests"),
    join(directory, "manifests/talk.toml"),
  ]);
  const started = server.records().find(({ message }) => message === "ATI proxy server starting");
  assert.equal(started?.["watch"], true);
  // What the last change set off may still be on its way; then two looks in a row find nothing.
  let before = -1;
  for (let window = 0; window < 4 && countReloads() !== before; window++) {
    before = countReloads();
    await new Promise((resolve) => setTimeout(resolve, 2500));
  }
  assert.equal(countReloads(), before);
});
