/** Reloads of a real server by SIGHUP: everything is read anew, all or nothing, under load. */

import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { generateEs256KeyPair } from "../../lib/jwt/generate.ts";
import { sealToDirectory } from "../../lib/keyring/sealed_files.ts";
import { systemFiles } from "../../lib/runtime/files.ts";
import {
  createAtiDirectory,
  removeDirectory,
  startServer,
  startUpstream,
  upstreamManifest,
} from "./_server.ts";
import type { TestServer } from "./_server.ts";

const TEST_MS = 90_000;
const FAILED = "reload failed: the last good configuration stays in force";
const { publicPem } = await generateEs256KeyPair();

interface Served {
  readonly server: TestServer;
  readonly directory: string;
  readonly upstreamUrl: string;
  /** The answers of the upstream to `/held`, which have sent "a" and wait to be ended. */
  readonly held: ServerResponse[];
  at(name: string): string;
  /** Sends SIGHUP and waits for the record of its end; gives the record. */
  reload(message?: string): Promise<Record<string, unknown>>;
  /** The credential that the upstream gets now. */
  credential(): Promise<unknown>;
}

async function serve(t: TestContext): Promise<Served> {
  const held: ServerResponse[] = [];
  const upstream = await startUpstream((request, response) => {
    if (request.url === "/held") {
      response.write("a");
      held.push(response);
    } else response.end(String(request.headers.authorization));
  });
  const directory = createAtiDirectory({
    "manifests/echo.toml": upstreamManifest("echo", upstream.url),
    "key.pem": publicPem,
  });
  await sealToDirectory(directory, { echo_key: "canary-one" }, systemFiles);
  const server = await startServer({
    ATI_DIR: directory,
    ATI_JWT_PUBLIC_KEY: join(directory, "key.pem"),
    ATI_ENABLE_PASSTHROUGH: "1",
  });
  t.after(async () => {
    await server.kill();
    await upstream.close();
    removeDirectory(directory);
  });
  const recordsOf = (message: string) =>
    server.records().filter((record) => record["message"] === message);
  return {
    server,
    directory,
    upstreamUrl: upstream.url,
    held,
    at: (name) => join(directory, name),
    async reload(message = "reloaded") {
      const before = recordsOf(message).length;
      process.kill(server.child.pid!, "SIGHUP");
      await server.waitFor(message, before);
      return recordsOf(message).at(-1)!;
    },
    credential: async () => await (await server.get("/echo/a")).text(),
  };
}

type Break = readonly [
  what: string,
  named: RegExp,
  spoil: (served: Served) => unknown,
  mend: (served: Served) => unknown,
];

const BREAKS: readonly Break[] = [
  [
    "a manifest that is half written",
    /manifests\/echo\.toml:\d/,
    ({ at, upstreamUrl }) =>
      writeFileSync(
        at("manifests/echo.toml"),
        upstreamManifest("echo", upstreamUrl).slice(0, 100),
      ),
    ({ at, upstreamUrl }) =>
      writeFileSync(at("manifests/echo.toml"), upstreamManifest("echo", upstreamUrl)),
  ],
  [
    "a manifest whose route cannot be built",
    /route "echo"/,
    ({ at, upstreamUrl }) =>
      writeFileSync(
        at("manifests/echo.toml"),
        upstreamManifest("echo", upstreamUrl, '[provider.extra_headers]\nx-a = "${gone}"'),
      ),
    ({ at, upstreamUrl }) =>
      writeFileSync(at("manifests/echo.toml"), upstreamManifest("echo", upstreamUrl)),
  ],
  [
    "a manifests folder that vanished",
    /No manifests directory found at .*manifests/,
    ({ at }) => renameSync(at("manifests"), at("moved")),
    ({ at }) => renameSync(at("moved"), at("manifests")),
  ],
  [
    "a PEM file that is cut short",
    /ATI_JWT_PUBLIC_KEY \(.*key\.pem\)/,
    ({ at }) => writeFileSync(at("key.pem"), publicPem.slice(0, 60)),
    ({ at }) => writeFileSync(at("key.pem"), publicPem),
  ],
  [
    "a PEM file that cannot be read",
    /ATI_JWT_PUBLIC_KEY: .*key\.pem cannot be read \(EISDIR\)/,
    ({ at }) => {
      rmSync(at("key.pem"));
      mkdirSync(at("key.pem"));
    },
    ({ at }) => {
      rmSync(at("key.pem"), { recursive: true });
      writeFileSync(at("key.pem"), publicPem);
    },
  ],
  [
    "a keyring that is corrupt",
    /keyring\.enc/,
    ({ at }) => {
      renameSync(at("keyring.enc"), at("keyring.good"));
      writeFileSync(at("keyring.enc"), "canary".repeat(20));
    },
    ({ at }) => renameSync(at("keyring.good"), at("keyring.enc")),
  ],
  [
    "a keyring without its key",
    /keyring\.enc/,
    ({ at }) => renameSync(at(".keyring-key"), at("key.good")),
    ({ at }) => renameSync(at("key.good"), at(".keyring-key")),
  ],
];

test("SIGHUP keeps what is served when a file is broken, names it, and takes it once mended", {
  timeout: TEST_MS,
}, async (t) => {
  const served = await serve(t);
  for (const [what, named, spoil, mend] of BREAKS) {
    await t.test(what, async () => {
      await spoil(served);
      const record = await served.reload(FAILED);
      assert.match(String(record["error"]), named);
      assert.equal(record["level"], "ERROR");
      assert.equal(await served.credential(), "Bearer canary-one");
      await mend(served);
      await served.reload();
      assert.equal(await served.credential(), "Bearer canary-one");
    });
  }
  assert.doesNotMatch(served.server.output(), /canary/);
});

test("SIGHUP takes the keyring that was sealed anew", { timeout: TEST_MS }, async (t) => {
  const { directory, reload, credential } = await serve(t);
  await sealToDirectory(directory, { echo_key: "two" }, systemFiles);
  assert.equal(await credential(), "Bearer canary-one");
  await reload();
  assert.equal(await credential(), "Bearer two");
});

test("50 requests in flight survive 20 reloads of everything", { timeout: TEST_MS }, async (t) => {
  const { server, directory, upstreamUrl, held, at, reload, credential } = await serve(t);
  const pending = Array.from({ length: 50 }, () => server.get("/echo/held"));
  const answers = await Promise.all(pending);
  assert.equal(held.length, 50);
  for (let round = 1; round <= 20; round++) {
    const limits = `connect_timeout_seconds = ${round}\nidle_timeout_seconds = ${round}`;
    const manifest = upstreamManifest("echo", upstreamUrl, limits);
    writeFileSync(at("manifests/echo.toml"), manifest);
    await sealToDirectory(directory, { echo_key: `key-${round}` }, systemFiles);
    await reload();
    assert.equal(await credential(), `Bearer key-${round}`);
  }
  for (const response of held) response.end("b");
  const texts = await Promise.all(answers.map((each) => each.text()));
  assert.deepEqual([texts.length, ...new Set(texts)], [50, "ab"]);
});
