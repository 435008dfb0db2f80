/** A proxy in memory: sources from texts, a log of records, an upstream that tells what it got. @module */

import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { createJsonLog } from "../../lib/proxy/log.ts";
import { createProxy } from "../../lib/proxy/proxy.ts";
import type { Proxy } from "../../lib/proxy/proxy.ts";
import type { ProxyConfig } from "../../lib/proxy/config.ts";
import { DEFAULT_EXEMPT_PATHS } from "../../lib/proxy/settings.ts";
import type { SignatureSettings } from "../../lib/proxy/settings.ts";
import type { ProxySources } from "../../lib/proxy/sources.ts";
import { nativeHashes } from "../../lib/runtime/hashes.ts";
import { importSecret } from "../../lib/jwt/keys.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import type { IssueInput } from "../../lib/jwt/issue.ts";
import { Keyring } from "../../lib/keyring/keyring.ts";
import { parseManifest } from "../../lib/manifest/parse.ts";
import type { Clock, FetchLike, Hashes, RequestInfo, Upstream } from "../../lib/ports.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";

/** Milliseconds at which tests take place. */
export const NOW_MS: number = Date.UTC(2026, 10, 21, 12, 0, 0);
/** HS256 secret of the tests. */
export const JWT_SECRET: string = "a1".repeat(32);
/** Sandbox signing secret of the tests. */
export const SIGNING_SECRET: string = "b2".repeat(32);
/** Credential that must not show anywhere but upstream. */
export const CREDENTIAL = "canary-upstream-credential";

/** A record of the log. */
export type LogRecord = Readonly<Record<string, unknown>>;

/** What a test proxy is made of. */
export interface TestProxyOptions {
  readonly manifests?: readonly string[];
  readonly entries?: Readonly<Record<string, string>>;
  /** False: no JWT. Default HS256 under {@link JWT_SECRET}. */
  readonly jwt?: boolean;
  readonly passthrough?: boolean;
  readonly signature?: Partial<SignatureSettings>;
  readonly fetch?: FetchLike;
  readonly upstream?: Upstream;
  readonly hashes?: Hashes;
  readonly now?: Clock;
  readonly config?: Partial<ProxyConfig>;
}

/** A proxy and what can be seen of it. */
export interface TestProxy {
  readonly proxy: Proxy;
  /** Raw lines of the log. */
  readonly lines: string[];
  /** The log, parsed. */
  records(): LogRecord[];
  /** The lines of requests only. */
  requests(): LogRecord[];
  /** What the upstream was sent, as `METHOD url`. */
  readonly sent: string[];
  send(path: string, init?: RequestInit, info?: RequestInfo): Promise<Response>;
}

/** A passthrough manifest with a bearer credential. */
export function chatManifest(extra = ""): string {
  return `[provider]
name = "chat"
description = "Chat"
handler = "passthrough"
base_url = "http://upstream.test/base"
path_prefix = "/chat"
auth_type = "bearer"
auth_key_name = "chat_key"
${extra}`;
}

/** Reads sources from texts, as a loader would. */
export async function readSources(options: TestProxyOptions): Promise<ProxySources> {
  const { manifests = [], entries = {}, jwt = true } = options;
  const { verificationKey } = await importSecret(JWT_SECRET);
  const parsed = manifests.map((text, index) => parseManifest(text, { file: `m${index}.toml` }));
  return {
    jwt: jwt
      ? { algorithm: "HS256", verificationKeys: [verificationKey], audiences: ["ati-proxy"] }
      : undefined,
    keyring: new Keyring(entries),
    keyringSource: "credentials (plaintext)",
    manifests: parsed.map(({ manifest }) => manifest),
    warnings: parsed.flatMap(({ warnings }) => warnings),
  };
}

/** Configures a proxy that loads from texts. */
export function createConfig(options: TestProxyOptions = {}): ProxyConfig {
  return {
    version: "9.9.9",
    atiDir: "/etc/ati",
    bind: "127.0.0.1",
    port: 8090,
    enablePassthrough: options.passthrough ?? true,
    signature: {
      mode: "log",
      driftSeconds: 60,
      exemptPaths: DEFAULT_EXEMPT_PATHS,
      ...options.signature,
    },
    load: () => readSources(options),
    ...options.config,
  };
}

/** Creates a proxy in memory. */
export async function createTestProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const lines: string[] = [];
  const sent: string[] = [];
  const now = options.now ?? (() => NOW_MS);
  const answer = options.fetch ?? (() => Promise.resolve(new Response("from upstream")));
  const fetchUpstream = createFetchUpstream((url, init) => {
    sent.push(`${init?.method ?? "GET"} ${url}`);
    return answer(url, init);
  });
  const sink = {
    write: (line: string) => lines.push(line) > 0,
    dropped: () => 0,
    flush: () => Promise.resolve(),
  };
  const proxy = await createProxy(createConfig(options), {
    upstream: options.upstream ?? fetchUpstream,
    log: createJsonLog(sink, { now, level: "debug" }),
    hashes: options.hashes ?? nativeHashes,
    now,
  });
  const records = (): LogRecord[] => lines.map((line) => JSON.parse(line));
  return {
    proxy,
    lines,
    records,
    requests: () => records().filter((record) => record["request_id"] !== undefined),
    sent,
    send: async (path, init = {}, info = {}) => {
      const request = new Request(`http://proxy.test${path}`, init);
      return await proxy.fetch(request, { rawTarget: path, ...info });
    },
  };
}

/** Issues a token for the test proxy. */
export async function issueTestToken(
  input: Partial<IssueInput> = {},
  secret: string = JWT_SECRET,
): Promise<string> {
  const { signingKey } = await importSecret(secret);
  return await issueToken({ sub: "agent-7", scope: "tool:a help", ...input }, signingKey, {
    now: () => NOW_MS,
  });
}

/** Headers of a caller with a valid token. */
export async function bearer(input: Partial<IssueInput> = {}): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await issueTestToken(input)}` };
}

/** Headers of a sandbox that signs. */
export async function signed(
  path: string,
  method = "GET",
  secret: string = SIGNING_SECRET,
): Promise<Record<string, string>> {
  const header = await signSandboxRequest({ method, path }, {
    secret: parseSigningSecret(secret),
    now: () => NOW_MS,
  });
  return { "x-sandbox-signature": header, "x-sandbox-job-id": "job-1" };
}

/** The body of a problem. */
export async function readProblem(response: Response): Promise<Record<string, unknown>> {
  if (response.headers.get("content-type") !== "application/problem+json") {
    throw new Error(`no problem but ${response.headers.get("content-type")}`);
  }
  return await response.json() as Record<string, unknown>;
}
