import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";

import { parseManifest } from "../../lib/manifest/parse.ts";
import type { Provider } from "../../lib/manifest/types.ts";
import { canonicalizeTarget } from "../../lib/passthrough/canonical_path.ts";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import { forward } from "../../lib/passthrough/forward.ts";
import { createRouteTable, matchRoute } from "../../lib/passthrough/route_table.ts";
import type { RouteTable } from "../../lib/passthrough/route_table.ts";

const FOLDER = new URL("../../manifests/", import.meta.url);
const SECRET = "canary-user:canary-pass/+=";
const CLIENT_TOKEN = "client-token";

/** A path below each prefix that clients use, as the provider's documentation has it. */
const USUAL_PATHS: Readonly<Record<string, string>> = {
  anthropic: "/v1/messages",
  brave: "/res/v1/web/search?q=weather",
  cloudflare: "/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/dns_records",
  cohere: "/v2/chat",
  deepseek: "/chat/completions",
  elevenlabs: "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb?output_format=mp3_44100_128",
  exa: "/search",
  finnhub: "/v1/quote?symbol=AAPL",
  gemini: "/v1beta/models/gemini-2.5-flash:generateContent",
  github: "/repos/octocat/hello-world/contents/src/hooks/use_it.ts?ref=main",
  gitlab: "/v4/projects/group%2Fproject/repository/files/lib%2Fa.rb?ref=main",
  groq: "/openai/v1/chat/completions",
  huggingface: "/v1/chat/completions",
  linear: "/graphql",
  mistral: "/v1/chat/completions",
  notion: "/v1/pages/b55c9c91384d452b81dbd1ef79372b75",
  openai: "/v1/chat/completions",
  openrouter: "/v1/chat/completions",
  perplexity: "/chat/completions",
  replicate: "/v1/predictions",
  sendgrid: "/v3/mail/send",
  serpapi: "/search.json?engine=google&q=coffee&api_key=from-client",
  slack: "/chat.postMessage",
  stripe: "/v1/customers?limit=3",
  tavily: "/search",
  twilio: "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json",
  xai: "/v1/chat/completions",
};

interface Seen {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".toml")).sort();
const texts = new Map(files.map((file) => [file, readFileSync(new URL(file, FOLDER), "utf8")]));
const parsed = files.map((file) => parseManifest(texts.get(file) ?? "", { file }));
const providers = parsed.map(({ manifest }) => manifest.provider);

describe("the shipped manifests", () => {
  it("are at least fourteen, and load without a warning", () => {
    assert.ok(files.length >= 14);
    assert.deepEqual(parsed.flatMap(({ warnings }) => warnings), []);
  });

  it("are named alike: file, provider, prefix and key", () => {
    for (const [index, provider] of providers.entries()) {
      assert.equal(`${provider.name}.toml`, files[index]);
      assert.equal(provider.handler, "passthrough");
      assert.equal(provider.path_prefix, `/${provider.name}`);
      assert.equal(provider.auth_key_name, `${provider.name}_api_key`);
      assert.notEqual(provider.description, "");
      assert.match(provider.base_url, /^https:\/\//);
      assert.equal(provider.allow_missing_credential, false);
    }
  });

  it("begin with the schema for editors and the command that stores the credential", () => {
    for (const [file, text] of texts) {
      const [first, second] = text.split("\n");
      assert.equal(first, "#:schema ./manifest.schema.json", file);
      assert.ok(second?.endsWith(`ati key set ${file.replace(".toml", "_api_key")}`), file);
    }
  });

  it("are listed in the README, each with the place of its credential", () => {
    const readme = readFileSync(new URL("README.md", FOLDER), "utf8");
    const [catalogue = ""] = readme.split("\n## ");
    const rows = catalogue.split("\n").filter((line) => line.startsWith("| ")).slice(1);

    assert.deepEqual(
      rows,
      providers.map((provider) => {
        const { name, path_prefix: prefix, auth_key_name: key } = provider;
        return `| ${name} | \`${prefix}\` | \`${describePlace(provider)}\` | \`${key}\` |`;
      }),
    );
    const examples = [...readme.matchAll(/```toml\n([^]*?)```/g)].map(([, text = ""]) => text);
    const [first = ""] = examples;
    assert.ok(examples.length > 1);
    for (const example of examples) {
      // A few lines stand for a manifest that has them.
      const text = example.includes("[provider]") ? example : first + example;
      assert.deepEqual(parseManifest(text, { file: "README.md" }).warnings, []);
    }
  });
});

describe("a request through each shipped manifest", () => {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const headers: [string, string][] = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      headers.push([request.rawHeaders[at]!.toLowerCase(), request.rawHeaders[at + 1]!]);
    }
    seen.push({ url: request.url ?? "", headers });
    response.end("ok");
  });
  const upstream = createFetchUpstream(fetch);
  let table: RouteTable;

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const local = providers.map((provider) => {
      const { pathname } = new URL(provider.base_url);
      return { ...provider, base_url: `http://127.0.0.1:${port}${pathname}` };
    });
    table = createRouteTable(local, { get: () => SECRET });
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function send(routes: RouteTable, provider: Provider, path: string): Promise<Response> {
    const result = canonicalizeTarget(`/${provider.name}${path}`);
    assert.ok(result.ok, path);
    const { target } = result;
    const route = matchRoute(routes, { host: "127.0.0.1:8090", path: target.path });
    assert.equal(route?.name, provider.name);
    assert.ok(route);
    const request = new Request(`http://127.0.0.1:8090${target.rawPath}`, {
      method: provider.allow_methods?.[0] ?? "GET",
      headers: {
        authorization: `Bearer ${CLIENT_TOKEN}`,
        ...(provider.auth_header_name && { [provider.auth_header_name]: CLIENT_TOKEN }),
        "x-sandbox-signature": "t=1,s=00",
        accept: "application/json",
        connection: "close",
      },
    });
    return await forward({ route, request, target }, { upstream });
  }

  for (const provider of providers) {
    it(`puts the credential of ${provider.name} where it belongs, and nowhere else`, async () => {
      const path = USUAL_PATHS[provider.name];
      assert.ok(path, "USUAL_PATHS has no line for it");
      seen.length = 0;

      const response = await send(table, provider, path);

      assert.equal(response.status, 200);
      assert.equal(await response.text(), "ok");
      const [request] = seen;
      assert.ok(request && seen.length === 1);
      const basePath = new URL(provider.base_url).pathname.replace(/\/$/, "");
      const url = new URL(request.url, "http://upstream");
      assert.equal(url.pathname, basePath + path.replace(/\?.*/, ""));
      const { header, parameter } = expectCredential(provider);
      const fields = request.headers.filter(([, value]) => holdsSecret(value));
      assert.deepEqual(fields, header === undefined ? [] : [header]);
      assert.deepEqual(
        [...url.searchParams].filter(([, value]) => holdsSecret(value)),
        parameter === undefined ? [] : [parameter],
      );
      const everything = JSON.stringify(request);
      assert.ok(!everything.includes(CLIENT_TOKEN) && !everything.includes("from-client"));
      assert.ok(!everything.includes("x-sandbox-signature"));
      for (const [name, value] of Object.entries(provider.extra_headers)) {
        assert.ok(request.headers.some(([n, v]) => n === name.toLowerCase() && v === value));
      }
    });
  }

  it("is refused on every denied path, and below it", async () => {
    seen.length = 0;
    for (const provider of providers) {
      for (const pattern of provider.deny_paths) {
        const path = pattern.replaceAll("*", "x");
        const paths = pattern.includes("*") ? [path] : [path, `${path}/x`];
        for (const denied of [...paths, path.toUpperCase()]) {
          await assert.rejects(send(table, provider, denied), { code: "ERR_PATH_DENIED" }, denied);
        }
      }
    }
    assert.equal(seen.length, 0);
  });

  it("is refused without its credential, naming the key", async () => {
    const bare = createRouteTable(providers, { get: () => undefined });
    for (const provider of providers) {
      await assert.rejects(
        send(bare, provider, USUAL_PATHS[provider.name] ?? "/"),
        (error: Error) => {
          assert.equal((error as Error & { code?: string }).code, "ERR_CREDENTIAL_MISSING");
          return error.message.includes(provider.auth_key_name ?? "no key");
        },
      );
    }
  });
});

function describePlace(provider: Provider): string {
  switch (provider.auth_type) {
    case "bearer":
      return "Authorization: Bearer";
    case "basic":
      return "Authorization: Basic";
    case "query":
      return `?${provider.auth_query_name}=`;
    default:
      return provider.auth_header_name ?? "";
  }
}

function expectCredential(provider: Provider): {
  header?: [name: string, value: string];
  parameter?: [name: string, value: string];
} {
  switch (provider.auth_type) {
    case "bearer":
      return { header: ["authorization", `Bearer ${SECRET}`] };
    case "basic":
      return { header: ["authorization", `Basic ${btoa(SECRET)}`] };
    case "query":
      return { parameter: [provider.auth_query_name ?? "", SECRET] };
    default:
      return { header: [provider.auth_header_name?.toLowerCase() ?? "", SECRET] };
  }
}

function holdsSecret(value: string): boolean {
  return value.includes("canary") || value.includes(btoa(SECRET));
}
