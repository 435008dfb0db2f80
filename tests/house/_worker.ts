/**
 * A worker as somebody would write it: the proxy on Web APIs alone. Bundled and run in workerd by
 * `workerd_test.ts`.
 *
 * @module
 */

import {
  createFetchUpstream,
  createProxy,
  importSecret,
  issueToken,
  Keyring,
  parseManifest,
  parseSigningSecret,
  signSandboxRequest,
  validateToken,
  verifySandboxSignature,
} from "../../mod.ts";
import type { Proxy } from "../../mod.ts";

/** What the platform hands to the worker. */
export interface WorkerEnv {
  /** Base URL of the upstream. */
  readonly UPSTREAM: string;
  /** Hex secret of session tokens. */
  readonly JWT_SECRET: string;
  /** Secret of sandbox signatures. */
  readonly SIGNING_SECRET: string;
  /** Credential of the upstream. */
  readonly CREDENTIAL: string;
}

let proxy: Proxy | undefined;

/** What a worker exports. */
export interface Worker {
  /** Answers a request. */
  fetch(request: Request, env: WorkerEnv): Promise<Response>;
}

const worker: Worker = {
  async fetch(request: Request, env: WorkerEnv): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/worker/token") return await checkToken(env);
    if (pathname === "/worker/signature") return await checkSignature(env);
    proxy ??= await openProxy(env);
    return await proxy.fetch(request);
  },
};

// Workers are found by their default export; nothing else in the project has one.
export default worker;

async function checkToken(env: WorkerEnv): Promise<Response> {
  const { signingKey, verificationKey } = await importSecret(env.JWT_SECRET);
  const token = await issueToken({ sub: "worker", scope: "tool:echo:*" }, signingKey);
  const policy = { keys: [verificationKey], audiences: ["ati-proxy"] };
  const { sub } = await validateToken(token, policy);
  return Response.json({ token, sub });
}

async function checkSignature(env: WorkerEnv): Promise<Response> {
  const secret = parseSigningSecret(env.SIGNING_SECRET);
  const line = { method: "GET", path: "/echo/hello" };
  const header = await signSandboxRequest(line, { secret });
  const good = await verifySandboxSignature({ ...line, header }, { secret });
  const other = await verifySandboxSignature({ ...line, path: "/echo/other", header }, { secret });
  return Response.json({ header, good: good.valid, other: other.valid });
}

async function openProxy(env: WorkerEnv): Promise<Proxy> {
  const { verificationKey } = await importSecret(env.JWT_SECRET);
  const { manifest, warnings } = parseManifest(toManifest(env.UPSTREAM), { file: "echo.toml" });
  const jwt = {
    algorithm: verificationKey.algorithm,
    verificationKeys: [verificationKey],
    audiences: ["ati-proxy"],
  };
  const keyring = new Keyring({
    echo_token: env.CREDENTIAL,
    sandbox_signing_shared_secret: env.SIGNING_SECRET,
  });
  return await createProxy({
    version: "0.2.0",
    atiDir: "worker",
    bind: "127.0.0.1",
    port: 8090,
    enablePassthrough: true,
    signature: { mode: "enforce", driftSeconds: 60, exemptPaths: ["/health", "/whoami"] },
    load: () =>
      Promise.resolve({
        jwt,
        keyring,
        keyringSource: "worker bindings",
        manifests: [manifest],
        warnings,
      }),
  }, { upstream: createFetchUpstream(fetch) });
}

function toManifest(upstream: string): string {
  return `
[provider]
name = "echo"
description = "An upstream that answers what it was asked"
handler = "passthrough"
base_url = "${upstream}"
path_prefix = "/echo"
strip_prefix = true
auth_type = "bearer"
auth_key_name = "echo_token"
`;
}
