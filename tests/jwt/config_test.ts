import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";

import { FileError } from "../../lib/errors.ts";
import { loadAudiences, loadJwtConfig } from "../../lib/jwt/config.ts";
import type { JwtConfig } from "../../lib/jwt/config.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import { createJwks } from "../../lib/jwt/jwks.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { MAX_CONFIG_FILE_BYTES } from "../../lib/limits.ts";
import type { Env } from "../../lib/ports.ts";
import { createMemoryFiles } from "../helpers/memory_files.ts";
import { OTHER_KID, P256, PEM } from "../vectors/p256_keys.ts";
import { SECRET_HEX } from "./_forge.ts";

const FILES = {
  "/keys/private.pem": PEM.pkcs8,
  "/keys/public.pem": PEM.spki,
  "/keys/other.pem": PEM.otherSpki,
  "/keys/both.pem": PEM.otherSpki + PEM.spki,
  "/keys/set.json": JSON.stringify({
    keys: [{ kty: "EC", crv: "P-256", x: P256.x, y: P256.y, kid: "2026-01" }],
  }),
  "/keys/rsa.pem": PEM.rsaSpki,
  "/keys/broken.pem": "-----BEGIN PUBLIC KEY-----\n",
  "/keys/bytes.pem": new Uint8Array([0xff, 0xfe]),
  "/keys/large.pem": "x".repeat(MAX_CONFIG_FILE_BYTES + 1),
};
const OTHER_SECRET = "ff".repeat(32);

function envOf(variables: Readonly<Record<string, string>>): Env {
  return {
    get: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined,
    names: () => Object.keys(variables),
  };
}

async function load(variables: Readonly<Record<string, string>>): Promise<JwtConfig> {
  const files = createMemoryFiles(FILES);
  const config = await loadJwtConfig({ env: envOf(variables), files });
  assert.ok(config !== undefined);
  return config;
}

/** Asserts that a token goes through: issued with the signing key, validated with the others. */
async function assertRoundTrip(config: JwtConfig): Promise<void> {
  assert.ok(config.signingKey !== undefined);
  const aud = config.audiences[0];
  const token = await issueToken(
    { sub: "a", scope: "", aud, iss: config.issuer },
    config.signingKey,
  );
  const { verificationKeys: keys, audiences, issuer } = config;
  assert.equal((await validateToken(token, { keys, audiences, issuer })).sub, "a");
}

async function assertRefused(
  variables: Readonly<Record<string, string>>,
  reason: string,
  texts: { readonly message: RegExp; readonly hint: RegExp },
): Promise<void> {
  await assert.rejects(
    load(variables),
    (error: Error & { code: string; reason: string; hint: string }) => {
      assert.deepEqual([error.name, error.code, error.reason], [
        "ConfigError",
        "ERR_CONFIG",
        reason,
      ]);
      assert.match(error.message, texts.message);
      assert.match(error.hint, texts.hint);
      return true;
    },
  );
}

describe("loadJwtConfig()", () => {
  it("returns undefined when no key variable is set", async () => {
    const others = { ATI_JWT_ISSUER: "x", ATI_JWT_AUDIENCE: "y", ATI_JWT_ACCEPTED_AUDIENCES: "" };
    for (const variables of [{}, others]) {
      const config = await loadJwtConfig({ env: envOf(variables), files: createMemoryFiles() });
      assert.equal(config, undefined);
    }
  });

  it("loads a pair of ES256 keys", async () => {
    const config = await load({
      ATI_JWT_PUBLIC_KEY: "/keys/public.pem",
      ATI_JWT_PRIVATE_KEY: "/keys/private.pem",
    });
    assert.equal(config.algorithm, "ES256");
    assert.equal(config.signingKey?.kid, P256.kid);
    assert.deepEqual(config.audiences, ["ati-proxy"]);
    assert.equal(Object.hasOwn(config, "issuer"), false);
    await assertRoundTrip(config);
  });

  it("loads a public key alone, which cannot sign", async () => {
    const config = await load({ ATI_JWT_PUBLIC_KEY: "/keys/public.pem" });
    assert.equal(config.signingKey, undefined);
    assert.equal(createJwks(config.verificationKeys).keys[0]?.kid, P256.kid);
  });

  it("loads a private key alone, which can also verify", async () => {
    const config = await load({ ATI_JWT_PRIVATE_KEY: " /keys/private.pem\n" });
    assert.deepEqual(config.verificationKeys.map(({ kid }) => kid), [P256.kid]);
    await assertRoundTrip(config);
  });

  it("accepts only the public half of the private key from a file with other keys", async () => {
    const files = createMemoryFiles({ "/k": PEM.otherSpki + PEM.pkcs8 });
    const env = envOf({ ATI_JWT_PRIVATE_KEY: "/k" });
    const config = await loadJwtConfig({ env, files });
    assert.deepEqual(config?.verificationKeys.map(({ kid }) => kid), [P256.kid]);
  });

  it("loads several public keys from several files and blocks, each once", async () => {
    for (
      const paths of ["/keys/other.pem, ,/keys/public.pem,", "/keys/both.pem,/keys/public.pem"]
    ) {
      const config = await load({
        ATI_JWT_PUBLIC_KEY: paths,
        ATI_JWT_PRIVATE_KEY: "/keys/private.pem",
      });
      assert.deepEqual(config.verificationKeys.map(({ kid }) => kid), [OTHER_KID, P256.kid]);
      await assertRoundTrip(config);
    }
  });

  it("signs under the kid by which the public key is published", async () => {
    const config = await load({
      ATI_JWT_PUBLIC_KEY: "/keys/set.json",
      ATI_JWT_PRIVATE_KEY: "/keys/private.pem",
    });
    assert.equal(config.signingKey?.kid, "2026-01");
    assert.equal(createJwks(config.verificationKeys).keys[0]?.kid, "2026-01");
  });

  it("prefers the public key to the secret", async () => {
    const config = await load({
      ATI_JWT_PUBLIC_KEY: "/keys/public.pem",
      ATI_JWT_SECRET: SECRET_HEX,
    });
    assert.equal(config.algorithm, "ES256");
    assert.equal(config.verificationKeys.length, 1);
  });

  it("loads a secret", async () => {
    const config = await load({ ATI_JWT_SECRET: SECRET_HEX, ATI_JWT_ISSUER: "orchestrator" });
    assert.equal(config.algorithm, "HS256");
    assert.equal(config.issuer, "orchestrator");
    assert.deepEqual(createJwks(config.verificationKeys), { keys: [] });
    await assertRoundTrip(config);
  });

  it("signs with the first of several secrets and accepts all", async () => {
    const config = await load({ ATI_JWT_SECRET: `${OTHER_SECRET}, ${SECRET_HEX}` });
    const old = await load({ ATI_JWT_SECRET: SECRET_HEX });
    assert.equal(config.verificationKeys.length, 2);
    await assertRoundTrip(config);
    await assertRoundTrip({ ...config, signingKey: old.signingKey });
    await assert.rejects(assertRoundTrip({ ...old, signingKey: config.signingKey }), {
      reason: "bad_signature",
    });
  });

  it("treats an empty issuer as not set", async () => {
    for (const issuer of ["", "  "]) {
      const config = await load({ ATI_JWT_SECRET: SECRET_HEX, ATI_JWT_ISSUER: issuer });
      assert.equal(config.issuer, undefined);
    }
  });

  it("treats an empty key variable as not set while another one holds a key", async () => {
    const config = await load({
      ATI_JWT_PUBLIC_KEY: "",
      ATI_JWT_PRIVATE_KEY: " ",
      ATI_JWT_SECRET: SECRET_HEX,
    });
    assert.equal(config.algorithm, "HS256");
  });

  it("rejects key variables that are all empty rather than go on without keys", async () => {
    for (const name of ["ATI_JWT_PUBLIC_KEY", "ATI_JWT_PRIVATE_KEY", "ATI_JWT_SECRET"]) {
      for (const value of ["", " ", " , "]) {
        await assertRefused({ [name]: value }, "key_missing", {
          message: new RegExp(name),
          hint: /ati token keygen --algorithm (ES256|HS256)/,
        });
      }
    }
  });

  it("rejects a private key beside a secret without a public key", async () => {
    const variables = { ATI_JWT_PRIVATE_KEY: "/keys/private.pem", ATI_JWT_SECRET: SECRET_HEX };
    await assertRefused(variables, "keys_ambiguous", {
      message: /ATI_JWT_PRIVATE_KEY.*ATI_JWT_SECRET/,
      hint: /unset ATI_JWT_SECRET/,
    });
  });

  it("rejects a private key that belongs to no public one", async () => {
    const variables = {
      ATI_JWT_PUBLIC_KEY: "/keys/other.pem",
      ATI_JWT_PRIVATE_KEY: "/keys/private.pem",
    };
    await assertRefused(variables, "key_mismatch", {
      message: /ATI_JWT_PRIVATE_KEY.*ATI_JWT_PUBLIC_KEY/,
      hint: /ATI_JWT_PUBLIC_KEY/,
    });
  });

  const unreadable = {
    "/keys/none.pem": "does not exist",
    "/keys": "cannot be read",
    "/keys/large.pem": "cannot be read",
    "/keys/bytes.pem": "is not text",
  };
  for (const name of ["ATI_JWT_PUBLIC_KEY", "ATI_JWT_PRIVATE_KEY"]) {
    for (const [path, why] of Object.entries(unreadable)) {
      it(`rejects ${name}=${path}: it ${why}`, async () => {
        await assertRefused(
          { ATI_JWT_PUBLIC_KEY: "/keys/public.pem", [name]: path },
          "key_unreadable",
          {
            message: new RegExp(`${name}: ${path} ${why}`),
            hint: /ati token keygen --algorithm ES256/,
          },
        );
      });
    }
    it(`rejects ${name} with a file that holds no key for it`, async () => {
      for (const path of ["/keys/rsa.pem", "/keys/broken.pem"]) {
        await assertRefused(
          { ATI_JWT_PUBLIC_KEY: "/keys/public.pem", [name]: path },
          "key_invalid",
          {
            message: new RegExp(`${name} \\(${path}\\): it is not`),
            hint: /ati token keygen --algorithm ES256/,
          },
        );
      }
    });
  }

  it("rejects one broken file among several", async () => {
    await assertRefused(
      { ATI_JWT_PUBLIC_KEY: "/keys/public.pem,/keys/none.pem" },
      "key_unreadable",
      {
        message: /none\.pem/,
        hint: /keygen/,
      },
    );
  });

  it("rejects a public key in place of the private one", async () => {
    await assertRefused({ ATI_JWT_PRIVATE_KEY: "/keys/public.pem" }, "key_invalid", {
      message: /ATI_JWT_PRIVATE_KEY/,
      hint: /keygen/,
    });
  });

  it("rejects a secret that is not hex or too short, and says which of several", async () => {
    const texts = { message: /ATI_JWT_SECRET: .*hexadecimal/, hint: /--algorithm HS256/ };
    for (const secret of ["secret", `${SECRET_HEX}x`, `0x${SECRET_HEX}`, PEM.spki]) {
      await assertRefused({ ATI_JWT_SECRET: secret }, "secret_invalid", texts);
    }
    await assertRefused({ ATI_JWT_SECRET: "ab".repeat(31) }, "secret_invalid", {
      message: /ATI_JWT_SECRET: .*shorter than 32 bytes/,
      hint: /--algorithm HS256/,
    });
    await assertRefused({ ATI_JWT_SECRET: `${SECRET_HEX},ab` }, "secret_invalid", {
      message: /ATI_JWT_SECRET \(entry 2\)/,
      hint: /--algorithm HS256/,
    });
  });

  it("rejects an empty list of audiences", async () => {
    const variables = { ATI_JWT_SECRET: SECRET_HEX, ATI_JWT_ACCEPTED_AUDIENCES: "," };
    await assertRefused(variables, "audiences_empty", {
      message: /ATI_JWT_ACCEPTED_AUDIENCES/,
      hint: /export ATI_JWT_ACCEPTED_AUDIENCES=ati-proxy/,
    });
  });

  it("never shows a key that stands where its path should", async () => {
    const base64 = PEM.pkcs8.split("\n").slice(1, -2).join("");
    const values = [
      PEM.pkcs8,
      PEM.pkcs8.replaceAll("\n", "\\n"),
      base64,
      SECRET_HEX,
      JSON.stringify({ kty: "EC", d: P256.d }),
    ];
    for (const name of ["ATI_JWT_PUBLIC_KEY", "ATI_JWT_PRIVATE_KEY"]) {
      for (const value of values) {
        for (const failing of [false, true]) {
          const files = createMemoryFiles(FILES);
          files.onOperation = (_, path) => {
            if (failing) throw new FileError("ERR_FILE_READ", `Cannot read ${path}: it is odd`);
          };
          const loading = loadJwtConfig({ env: envOf({ [name]: value }), files });
          await assert.rejects(loading, (error: Error & { hint: string }) => {
            assert.ok(!inspect(error, { depth: 9 }).includes(value.slice(-30)), name);
            assert.match(error.hint, /not the key itself/);
            return true;
          });
        }
      }
    }
  });

  it("passes on what is no refusal of the file port", async () => {
    const files = createMemoryFiles(FILES);
    files.onOperation = () => {
      throw new TypeError("bug");
    };
    const env = envOf({ ATI_JWT_PUBLIC_KEY: "/keys/public.pem" });
    await assert.rejects(loadJwtConfig({ env, files }), { name: "TypeError" });
  });
});

describe("loadAudiences()", () => {
  const cases: readonly (readonly [Record<string, string>, string[]])[] = [
    [{}, ["ati-proxy"]],
    [{ ATI_JWT_AUDIENCE: "tools" }, ["tools"]],
    [{ ATI_JWT_AUDIENCE: " tools " }, ["tools"]],
    [{ ATI_JWT_AUDIENCE: "" }, ["ati-proxy"]],
    [{ ATI_JWT_AUDIENCE: "  " }, ["ati-proxy"]],
    [{ ATI_JWT_AUDIENCE: "a,b" }, ["a,b"]],
    [{ ATI_JWT_ACCEPTED_AUDIENCES: " a, ,b ,,a" }, ["a", "b"]],
    [{ ATI_JWT_ACCEPTED_AUDIENCES: "a", ATI_JWT_AUDIENCE: "b" }, ["a"]],
  ];
  for (const [variables, audiences] of cases) {
    it(`gives ${audiences.join(" and ")} for ${JSON.stringify(variables)}`, () => {
      assert.deepEqual(loadAudiences(envOf(variables)), audiences);
    });
  }

  it("rejects a list that is set but names nobody, also the empty text", () => {
    for (const list of ["", " ", ",", " , ,"]) {
      const env = envOf({ ATI_JWT_ACCEPTED_AUDIENCES: list, ATI_JWT_AUDIENCE: "ati-proxy" });
      assert.throws(() => loadAudiences(env), { code: "ERR_CONFIG", reason: "audiences_empty" });
    }
  });
});
