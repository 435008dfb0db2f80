import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import {
  createAtiDirectory,
  removeDirectory,
  sendRaw,
  startServer,
  startUpstream,
  upstreamManifest,
} from "../proxy/_server.ts";
import type { TestServer, TestUpstream } from "../proxy/_server.ts";

const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const CREDENTIAL = "canary-path-credential";
const CALLER_KEY = "canary-virtual-key";

/**
 * What becomes of a target: the path that reaches the upstream, or the status and reason of the
 * refusal. Node and Deno show the target as it stood on the wire; Bun shows it after its own parser
 * (dot segments gone, backslashes turned), so the signature over what was sent does not match there,
 * and without one the decisions are made on what is then sent upstream.
 */
interface Row {
  readonly target: string;
  /** On Node and Deno. */
  readonly raw: string;
  /** On Bun, where it differs. */
  readonly bun?: string;
}

const INVALID = "400 invalid_path";
const DENIED = "403 path_denied";
const MISMATCH = "403 hmac_mismatch";

const ROWS: readonly Row[] = [
  // What is meant to work.
  { target: "/x/v2/chat", raw: "/base/v2/chat" },
  { target: "/x/v2/%7Euser", raw: "/base/v2/~user" },
  { target: "/x/v2/caf%c3%a9?q=%2e%2e", raw: "/base/v2/caf%C3%A9?q=%2e%2e" },
  { target: "/x", raw: "/base/" },
  // Denied, in every spelling.
  { target: "/x/config/y", raw: DENIED },
  { target: "/x/config", raw: DENIED },
  { target: "/x/config/", raw: DENIED },
  { target: "/x/CONFIG/y", raw: DENIED },
  { target: "/x/%63onfig/y", raw: DENIED },
  { target: "/x/%2563onfig/y", raw: DENIED },
  { target: "/x/config;a=b/y", raw: DENIED },
  { target: "/x/config%2fy", raw: INVALID },
  { target: "/x//config/y", raw: INVALID },
  { target: "/x/./config/y", raw: INVALID, bun: MISMATCH },
  // Out of the prefix or the base path.
  { target: "/x/v1/../config/y", raw: INVALID, bun: MISMATCH },
  { target: "/x/v1/%2e%2e/config/y", raw: INVALID, bun: MISMATCH },
  { target: "/x/v1/.%2E/config/y", raw: INVALID, bun: MISMATCH },
  { target: "/x/../admin", raw: INVALID, bun: MISMATCH },
  { target: "/x/%2e%2e/%2e%2e/admin", raw: INVALID, bun: MISMATCH },
  { target: "/x/..;/admin", raw: INVALID },
  { target: "/x/..%2fadmin", raw: INVALID },
  { target: "/x/%252e%252e/admin", raw: INVALID },
  { target: "/x/\\..\\admin", raw: INVALID, bun: MISMATCH },
  { target: "/x/..\\admin", raw: INVALID, bun: MISMATCH },
  { target: "/x/%5c..%5cadmin", raw: INVALID },
  { target: "/x/a%00b", raw: INVALID },
  { target: "/x/a%0d%0ab", raw: INVALID },
  { target: "/x/%zz", raw: INVALID },
  { target: "/x/%e0%80%af", raw: INVALID },
  // The caller's own key belongs on /v1: ours must never come in its place.
  { target: "/x/v1/chat", raw: "/base/v1/chat" },
  { target: "/x/%761/chat", raw: "/base/v1/chat" },
  { target: "/x/v%31/chat", raw: "/base/v1/chat" },
];

/** Exempt by `/otel/*`, so that no signature is asked for: it must not open anything else. */
const EXEMPT_ROWS: readonly Row[] = [
  { target: "/otel/v1/traces", raw: "/otel/v1/traces" },
  { target: "/otel/../api/secrets", raw: INVALID, bun: "403 missing_signature" },
  { target: "/otel/%2e%2e/api/secrets", raw: INVALID, bun: "403 missing_signature" },
  { target: "/otel/..;/api/secrets", raw: INVALID },
  { target: "/otel/..%2fapi/secrets", raw: INVALID },
  { target: "/otel/%252e%252e/api/secrets", raw: INVALID },
  { target: "/otel\\..\\api/secrets", raw: INVALID, bun: "403 missing_signature" },
  { target: "//otel/v1", raw: "403 missing_signature" },
  { target: "/%6ftel/v1", raw: "/otel/v1" },
  { target: "/OTEL/v1", raw: "403 missing_signature" },
  { target: "/otelx", raw: "403 missing_signature" },
];

describe("the path on a real socket", () => {
  let upstream: TestUpstream;
  let server: TestServer;
  let directory = "";

  before(async () => {
    upstream = await startUpstream();
    const edge = upstreamManifest("edge", upstream.url).replace(
      'path_prefix = "/edge"',
      'host_match = "edge.example"',
    );
    directory = createAtiDirectory({
      "manifests/x.toml": upstreamManifest(
        "x",
        `${upstream.url}/base`,
        'deny_paths = ["/config/*"]\nforward_authorization_paths = ["/v1/*"]',
      ),
      "manifests/edge.toml": edge,
      "credentials": JSON.stringify({
        x_key: CREDENTIAL,
        edge_key: CREDENTIAL,
        sandbox_signing_shared_secret: SECRET,
      }),
    });
    server = await startServer({
      ATI_DIR: directory,
      ATI_ENABLE_PASSTHROUGH: "1",
      ATI_SIG_VERIFY_MODE: "enforce",
    });
  });

  after(async () => {
    await server.kill();
    await upstream.close();
    removeDirectory(directory);
  });

  async function send(target: string, host: string, signature: string): Promise<Outcome> {
    const fields = [`Host: ${host}`, `Authorization: Bearer ${CALLER_KEY}`, "Connection: close"];
    if (signature !== "") fields.push(`X-Sandbox-Signature: ${signature}`);
    return readOutcome(
      await sendRaw(server.port, `GET ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`),
    );
  }

  for (const row of ROWS) {
    it(`decides on ${row.target}`, async () => {
      const { came, authorization } = await send(row.target, "localhost", await sign(row.target));
      assert.equal(came, expected(row));
      if (!came.startsWith("/")) return;
      assert.match(came, /^\/base\//);
      const ours = came.startsWith("/base/v1/") ? CALLER_KEY : CREDENTIAL;
      assert.equal(authorization, `Bearer ${ours}`);
    });
  }

  for (const row of EXEMPT_ROWS) {
    it(`asks for a signature on ${row.target} unless it is exempt`, async () => {
      const { came } = await send(row.target, "edge.example", "");
      assert.equal(came, expected(row));
    });
  }
});

function expected({ raw, bun }: Row): string {
  return "Bun" in globalThis ? bun ?? raw : raw;
}

/** Signed as a sandbox would: over the path as it is sent. */
async function sign(target: string): Promise<string> {
  const secret = parseSigningSecret(SECRET);
  return await signSandboxRequest({ method: "GET", path: target.replace(/\?.*$/, "") }, { secret });
}

interface Outcome {
  /** What reached the upstream, or the refusal. */
  readonly came: string;
  /** The `Authorization` that reached the upstream. */
  readonly authorization?: string | undefined;
}

function readOutcome(answer: string): Outcome {
  const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "none";
  const body = /\{.*\}/s.exec(answer)?.[0];
  if (body === undefined) return { came: status };
  const parsed = JSON.parse(body) as {
    url?: string;
    headers?: Record<string, string>;
    reason?: string;
  };
  if (parsed.url === undefined) return { came: `${status} ${parsed.reason}` };
  return { came: parsed.url, authorization: parsed.headers?.["authorization"] };
}
