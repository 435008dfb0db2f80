import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { JWT_SECRET } from "./_proxy.ts";
import { createAtiDirectory, removeDirectory, runServer, startServer } from "./_server.ts";

const START_MS = 30_000;

interface Refusal {
  /** What is wrong. */
  readonly title: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What standard error must say. */
  readonly says: readonly RegExp[];
}

const REFUSALS: readonly Refusal[] = [
  {
    title: "an HS256 secret that is not hex",
    env: { ATI_JWT_SECRET: "canary-not-hex" },
    says: [/ATI_JWT_SECRET/, /hex/, /ati token keygen/],
  },
  {
    title: "an HS256 secret that is too short",
    env: { ATI_JWT_SECRET: "a1".repeat(31) },
    says: [/ATI_JWT_SECRET/, /ati token keygen/],
  },
  {
    title: "a public key that is no key",
    files: { "public.pem": "-----BEGIN PUBLIC KEY-----\nY2FuYXJ5\n-----END PUBLIC KEY-----\n" },
    env: { ATI_JWT_PUBLIC_KEY: "public.pem" },
    says: [/ATI_JWT_PUBLIC_KEY/, /public\.pem/, /hint: /],
  },
  {
    title: "a public key that is not there",
    env: { ATI_JWT_PUBLIC_KEY: "nowhere.pem" },
    says: [/ATI_JWT_PUBLIC_KEY/, /nowhere\.pem/],
  },
  {
    title: "an empty audience list",
    env: { ATI_JWT_SECRET: JWT_SECRET, ATI_JWT_ACCEPTED_AUDIENCES: " , " },
    says: [/ATI_JWT_ACCEPTED_AUDIENCES/, /hint: /],
  },
  {
    title: "broken manifests, all of them at once",
    files: {
      "manifests/a.toml": '[provider]\nname = "canary',
      "manifests/b.toml": '[provider]\nname = "b"\ndescription = "B"\nhandler = "passthrough"\n',
    },
    says: [/a\.toml:2/, /b\.toml/],
  },
  {
    title: "a keyring that cannot be opened",
    files: { "keyring.enc": "c".repeat(64) },
    says: [/keyring\.enc/, /hint: /],
  },
  {
    title: "enforce without the signing secret",
    env: { ATI_SIG_VERIFY_MODE: "enforce" },
    says: [/sandbox_signing_shared_secret/, /enforce/, /ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET/],
  },
  {
    title: "no authentication on every address",
    env: { ATI_BIND: "0.0.0.0" },
    says: [/0\.0\.0\.0/, /ATI_JWT_PUBLIC_KEY/, /ati init --proxy/],
  },
  {
    title: "a port that is none",
    env: { PORT: "http" },
    says: [/PORT/],
  },
];

test("server.ts refuses to start, says why and how to mend it, and exits with 1", async (t) => {
  for (const { title, files = {}, env = {}, says } of REFUSALS) {
    await t.test(title, { timeout: START_MS }, async () => {
      const directory = createAtiDirectory(files);
      try {
        const paths = Object.entries(env).map(([name, value]) =>
          [name, value.endsWith(".pem") ? join(directory, value) : value] as const
        );
        const { exited, output } = runServer({ ATI_DIR: directory, ...Object.fromEntries(paths) });
        assert.equal(await exited, 1, output());
        for (const pattern of says) assert.match(output(), pattern);
        assert.match(output(), /^error: /m);
        assert.doesNotMatch(output(), /canary|Y2FuYXJ5|node_modules|^\s+at /m);
      } finally {
        removeDirectory(directory);
      }
    });
  }
});

test("server.ts refuses a missing manifests folder and names `ati init`", async () => {
  const { exited, output } = runServer({ ATI_DIR: join("/", "nonexistent", "ati") });
  assert.equal(await exited, 1);
  assert.match(output(), /No manifests directory found at/);
  assert.match(output(), /ati init/);
});

test("server.ts refuses an address that is taken", async () => {
  const directory = createAtiDirectory({});
  const first = await startServer({ ATI_DIR: directory });
  try {
    const second = runServer({ ATI_DIR: directory, PORT: String(first.port) });
    assert.equal(await second.exited, 1);
    assert.match(second.output(), /^error: .*in use|EADDRINUSE/im);
  } finally {
    await first.kill();
    removeDirectory(directory);
  }
});

test("server.ts listens on loopback when nothing is said, and warns that it is open", async () => {
  const directory = createAtiDirectory({});
  const server = await startServer({ ATI_DIR: directory });
  try {
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:/);
    const record = server.records().find(({ message }) => message === "ATI proxy server starting");
    assert.equal(record?.["auth"], "DISABLED (no JWT keys configured)");
    assert.match(server.output(), /authentication is disabled/);
    assert.equal((await server.get("/whoami")).status, 200);
  } finally {
    await server.kill();
    removeDirectory(directory);
  }
});

test("server.ts listens on IPv6 loopback, with and without brackets", async () => {
  const directory = createAtiDirectory({});
  try {
    for (const bind of ["::1", "[::1]"]) {
      const server = await startServer({ ATI_DIR: directory, ATI_BIND: bind });
      assert.equal((await server.get("/health")).status, 200);
      await server.kill();
    }
  } finally {
    removeDirectory(directory);
  }
});
