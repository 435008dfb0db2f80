import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { MAX_GLOB_CHARS, MAX_NAME_CHARS, MAX_TIMEOUT_SECONDS } from "../../lib/limits.ts";
import { parsePassthroughScope } from "../../lib/scope/passthrough.ts";
import {
  HTTP,
  listIssuePaths,
  listIssues,
  listWarnings,
  parseProvider,
  PASSTHROUGH,
} from "./_manifests.ts";

/** Scopes a route may and may not ask for: what a token can narrow a scope to is not among them. */
const SCOPES: readonly string[] = [
  "llm",
  "LLM",
  "team:llm",
  "https://api.example.com/llm",
  "passthrough:github",
  "passthrough:GITHUB",
  "passthrough:a:b",
  "a:GET",
  "a:PURGE",
  "a:M-SEARCH:/x",
  "a:GET:/v1",
  "a:GET:/",
  "a:GET:v1",
  "passthrough:GITHUB:GET",
  "passthrough:a:GET:/v1",
];

/** Each value is accepted, or is refused at the field's own path, and nowhere else. */
function checkField(text: string, field: string, good: readonly string[], bad: readonly string[]) {
  for (const value of good) {
    assert.ok(parseProvider(`${text}${field} = ${value}\n`), `${field} = ${value}`);
  }
  for (const value of bad) {
    const paths = listIssuePaths(`${text}${field} = ${value}\n`);
    const name = field.replace(/\..*/, "");
    assert.ok(
      paths.length > 0 && paths.every((path) => path.startsWith(`provider.${name}`)),
      `${field} = ${value}: ${paths}`,
    );
  }
}

function checkPassthrough(field: string, good: readonly string[], bad: readonly string[]): void {
  const text = PASSTHROUGH.split("\n").filter((line) => !line.startsWith(`${field} `)).join("\n");
  checkField(text, field, good, bad);
}

describe("parseManifest() checks of a passthrough", () => {
  it("takes base_url as an absolute http or https URL without credentials, query or fragment", () => {
    checkPassthrough("base_url", [
      `"https://api.example.com"`,
      `"HTTP://127.0.0.1:8080/base/path/"`,
      `"https://[::1]/"`,
      `"https://example.com/a%20b/@c"`,
    ], [
      `""`,
      `"api.example.com"`,
      `"/relative"`,
      `"//example.com"`,
      `"ftp://example.com"`,
      `"wss://example.com"`,
      `"https:example.com"`,
      `"https:///example.com"`,
      `"https://"`,
      `"https://exa mple.com"`,
      `" https://example.com"`,
      `"https://example.com:99999"`,
      `"https://user@example.com"`,
      `"https://user:pass@example.com"`,
      `"https://@example.com"`,
      `"https://example.com?key=1"`,
      `"https://example.com/?"`,
      `"https://example.com/#"`,
      `"https://example.com/a/../b"`,
      `"https://example.com/%2e%2e/b"`,
      `"https://example.com/a b"`,
      `"https://example.com\\\\@evil.example"`,
      `"https://example.com/\\u00e4"`,
      `"https://example.com/\\n"`,
    ]);
  });

  it("needs base_url, and path_prefix or host_match", () => {
    assert.deepEqual(listIssues(`[provider]\nname = "x"\nhandler = "passthrough"\n`), [
      `provider.base_url: Is missing: handler "passthrough" needs it`,
      `provider: Needs path_prefix or host_match: handler "passthrough"`,
    ]);
    assert.ok(parseProvider(PASSTHROUGH.replace(/path_prefix.*/, `host_match = "a.example"`)));
  });

  it("takes path_prefix as a path in the form of canonical requests", () => {
    checkPassthrough("path_prefix", [`"/"`, `"/a"`, `"/a/b/"`, `"/~a:b@c%20[1]"`, `"/a.b/..."`], [
      `""`,
      `"a"`,
      `"/a?b"`,
      `"/a#b"`,
      `"/a b"`,
      `"/a\\\\b"`,
      `"/a\\u0000"`,
      `"/a\\n"`,
      `"/\\u00e4"`,
      `"/a//b"`,
      `"/."`,
      `"/.."`,
      `"/a/../b"`,
      `"/a/./"`,
      `"/a%"`,
      `"/a%2"`,
      `"/a%zz"`,
      `"/${"a".repeat(8192)}"`,
      `["/a"]`,
    ]);
  });

  it("takes path_replace as exactly two texts, the first a path, the second a path or empty", () => {
    checkPassthrough("path_replace", [`["/v1", "/v2"]`, `["/", "/api/"]`, `["/v1", ""]`], [
      `[]`,
      `["/a"]`,
      `["/a", "/b", "/c"]`,
      `["a", "/b"]`,
      `["", "/b"]`,
      `["/a", "b"]`,
      `["/a", "/../b"]`,
      `["/a", "/b?c"]`,
      `[1, 2]`,
      `"/a"`,
    ]);
  });

  it("takes host_match and host_override as hosts without scheme or path", () => {
    for (const field of ["host_match", "host_override"]) {
      checkPassthrough(field, [`"a.example"`, `"A.example:443"`, `"[::1]:80"`, `"127.0.0.1"`], [
        `""`,
        `" "`,
        `"https://a.example"`,
        `"a.example/x"`,
        `"a.example:"`,
        `"a@b"`,
        `"a b"`,
        `"a\\r\\nX-Evil: 1"`,
        `"::1"`,
        `"*.example"`,
      ]);
    }
  });

  it("takes globs that are not empty and not too long", () => {
    for (const field of ["deny_paths", "forward_authorization_paths"]) {
      checkPassthrough(field, [`[]`, `["/a", "*"]`, `["/${"a".repeat(MAX_GLOB_CHARS - 1)}"]`], [
        `[""]`,
        `["/${"a".repeat(MAX_GLOB_CHARS)}"]`,
        `"/a"`,
        `[1]`,
      ]);
    }
  });

  it("takes deadlines that are positive and finite; 0 only where it means none", () => {
    const never = [`-1`, `nan`, `inf`, `-inf`, `"5"`, `${MAX_TIMEOUT_SECONDS + 1}`, `true`];
    for (const field of ["connect", "read", "idle"]) {
      checkPassthrough(
        `${field}_timeout_seconds`,
        [`1`, `0.25`, `${MAX_TIMEOUT_SECONDS}`],
        [`0`, ...never],
      );
    }
    checkPassthrough("total_timeout_seconds", [`0`, `0.5`, `${MAX_TIMEOUT_SECONDS}`], never);
  });

  it("takes byte caps that are whole and not negative", () => {
    for (const field of ["max_request_bytes", "max_response_bytes"]) {
      checkPassthrough(field, [`0`, `1`, `9007199254740991`], [`-1`, `1.5`, `inf`, `nan`, `"1"`]);
    }
  });

  it("takes allow_methods as a list of tokens that is not empty", () => {
    checkPassthrough("allow_methods", [`["GET"]`, `["PROPFIND", "x-own"]`], [
      `[]`,
      `[""]`,
      `["GET POST"]`,
      `["GET\\r\\n"]`,
      `"GET"`,
    ]);
  });

  it("takes switches as true or false only", () => {
    const fields = ["strip_prefix", "forward_websockets", "allow_missing_credential"];
    for (const field of [...fields, "allow_encoded_slash", "allow_empty_segments"]) {
      checkPassthrough(field, [`true`, `false`], [`"true"`, `1`, `[]`]);
    }
  });

  it("refuses redact_response beside forward_websockets, whose frames are not redacted", () => {
    checkPassthrough("redact_response", [`true`, `true\nforward_websockets = false`], [
      `true\nforward_websockets = true`,
      `1`,
    ]);
  });

  it("refuses extra headers that are no tokens, break the line or belong to the proxy", () => {
    checkPassthrough("extra_headers", [
      `{ X-A = "1", x_b = "", "!#" = "\${key} \\t~" }`,
    ], [
      `{ "X A" = "1" }`,
      `{ "" = "1" }`,
      `{ "X:" = "1" }`,
      `{ "X\\r\\nY" = "1" }`,
      `{ X = "a\\r\\nY: b" }`,
      `{ X = "a\\nb" }`,
      `{ X = "a\\u0000b" }`,
      `{ X = "\\u00e4" }`,
      `{ X = 1 }`,
      `{ Host = "a.example" }`,
      `{ connection = "close" }`,
      `{ Content-Length = "0" }`,
      `{ Transfer-Encoding = "chunked" }`,
      `{ X-A = "1", x-a = "2" }`,
    ]);
    assert.match(
      listIssues(`${PASSTHROUGH}extra_headers = { Host = "a" }`)[0] ?? "",
      /host_override/,
    );
  });

  it("refuses an extra header of the name that carries the credential", () => {
    const header = (auth: string, name: string): string =>
      `${PASSTHROUGH}auth_key_name = "k"\n${auth}\nextra_headers = { ${name} = "x" }\n`;

    assert.deepEqual(listIssuePaths(header(`auth_type = "bearer"`, "authorization")), [
      "provider.extra_headers.authorization",
    ]);
    assert.deepEqual(listIssuePaths(header(`auth_type = "header"`, "x-API-key")), [
      "provider.extra_headers.x-API-key",
    ]);
    assert.ok(parseProvider(header(`auth_type = "query"`, "Authorization")));
    assert.deepEqual(
      listIssuePaths(`${PASSTHROUGH}auth_key_name = "k"
auth_type = "header"
auth_header_name = "Host"`),
      ["provider.auth_header_name"],
    );
  });

  it("warns of what a passthrough does not do", () => {
    assert.deepEqual(listWarnings(`${PASSTHROUGH}auth_type = "oauth2"\n`), [
      `provider.auth_type: A passthrough sends no "oauth2" credential`,
    ]);
    assert.deepEqual(
      listWarnings(`${PASSTHROUGH}auth_generator = { type = "command", command = "x" }\n`),
      ["provider.auth_generator: A passthrough runs no generator"],
    );
    assert.deepEqual(listWarnings(`${PASSTHROUGH}scope = "llm"\n`), [
      `provider.scope: Has no effect: auth "signature" asks for no token`,
    ]);
    for (const auth of ["jwt", "signature+jwt", "any"]) {
      assert.deepEqual(listWarnings(`${PASSTHROUGH}auth = "${auth}"\nscope = "llm"\n`), []);
    }
  });

  it("takes no scope that reads as a narrowed one", () => {
    const text = `${PASSTHROUGH}auth = "jwt"\n`;
    for (const scope of SCOPES) {
      const isNarrowed = parsePassthroughScope(scope) !== undefined;
      const issues = isNarrowed ? listIssuePaths(`${text}scope = "${scope}"\n`) : [];
      assert.deepEqual(issues, isNarrowed ? ["provider.scope"] : [], scope);
      if (!isNarrowed) assert.equal(parseProvider(`${text}scope = "${scope}"\n`).scope, scope);
    }
  });
});

describe("parseManifest() checks of any provider", () => {
  it("takes names that are safe in file names and scopes", () => {
    const named = (name: string): string => HTTP.replace(`"example"`, name);
    for (const name of [`"a"`, `"_llm"`, `"A-1.b_c"`, `"${"a".repeat(MAX_NAME_CHARS)}"`]) {
      assert.ok(parseProvider(named(name)));
    }
    for (
      const name of [
        `""`,
        `"."`,
        `"../x"`,
        `"a/b"`,
        `"a b"`,
        `"a:b"`,
        `"a*"`,
        `"a\\n"`,
        `"\\u00e4"`,
        `"-a"`,
        `"${"a".repeat(MAX_NAME_CHARS + 1)}"`,
        `1`,
      ]
    ) assert.deepEqual(listIssuePaths(named(name)), ["provider.name"], name);
  });

  it("needs a description unless it is a passthrough; it may be empty", () => {
    assert.deepEqual(listIssues(`[provider]\nname = "x"\n`), ["provider.description: Is missing"]);
    assert.equal(parseProvider(`[provider]\nname = "x"\ndescription = ""\n`).description, "");
  });

  it("needs auth_key_name where auth_type takes a credential from the keyring", () => {
    for (const text of [HTTP, PASSTHROUGH]) {
      for (const type of ["bearer", "header", "query", "basic"]) {
        assert.deepEqual(listIssues(`${text}auth_type = "${type}"\n`), [
          `provider.auth_key_name: Is missing: auth_type "${type}" needs a keyring entry`,
        ]);
        assert.ok(parseProvider(`${text}auth_type = "${type}"\nauth_key_name = "k"\n`));
      }
    }
    const generator =
      `auth_type = "bearer"\nauth_generator = { type = "command", command = "x" }\n`;
    assert.ok(parseProvider(HTTP + generator));
    assert.deepEqual(listIssuePaths(PASSTHROUGH + generator), ["provider.auth_key_name"]);
  });

  it("takes auth_type in lower case only", () => {
    checkField(`${HTTP}auth_key_name = "k"\n`, "auth_type", [`"none"`, `"bearer"`], [
      `"Bearer"`,
      `"digest"`,
      `""`,
      `1`,
    ]);
  });

  it("takes names of headers, parameters, variables and entries in their own grammars", () => {
    checkField(HTTP, "auth_header_name", [`"X-Api-Key"`], [`""`, `"X Y"`, `"X:"`, `"X\\r\\n"`]);
    checkField(HTTP, "auth_query_name", [`"api_key"`, `"a[b]"`], [`""`, `"a=b"`, `"a&b"`, `"a#b"`]);
    checkField(HTTP, "auth_value_prefix", [`""`, `"Token "`], [`"a\\nb"`, `"\\u0000"`]);
    checkField(HTTP, "auth_key_name", [`"k"`, `"My key"`], [
      `""`,
      `" "`,
      `"a}b"`,
      `"a\\nb"`,
      `"\\u001b"`,
    ]);
    checkField(HTTP, "auth_session_token_env", [`"A_B1"`], [`""`, `"1A"`, `"../x"`, `"A=B"`]);
  });

  it("needs key, secret and an https token URL for oauth2", () => {
    const oauth = `${HTTP}auth_type = "oauth2"\n`;
    assert.deepEqual(listIssuePaths(oauth), [
      "provider.auth_key_name",
      "provider.auth_secret_name",
      "provider.oauth2_token_url",
    ]);
    const full = `${oauth}auth_key_name = "k"\nauth_secret_name = "s"\n`;
    const withUrl = (url: string, base = ""): string =>
      `${full}oauth2_token_url = "${url}"\nbase_url = "${base}"\n`;
    assert.ok(parseProvider(withUrl("https://id.example/token")));
    assert.ok(parseProvider(withUrl("/token", "https://api.example")));
    for (
      const text of [withUrl("http://id.example/token"), withUrl("/token", "http://a.example")]
    ) {
      assert.deepEqual(listIssues(text), ["provider.oauth2_token_url: Must be https"]);
    }
  });

  it("needs what a generator's type needs", () => {
    const generator = (fields: string): string => `${HTTP}auth_generator = { ${fields} }\n`;

    assert.deepEqual(listIssuePaths(generator(`type = "command"`)), [
      "provider.auth_generator.command",
    ]);
    assert.deepEqual(listIssuePaths(generator(`type = "script"`)), [
      "provider.auth_generator.interpreter",
      "provider.auth_generator.script",
    ]);
    assert.deepEqual(listIssuePaths(generator(`command = "x"`)), ["provider.auth_generator.type"]);
    assert.ok(parseProvider(generator(`type = "script", interpreter = "sh", script = "true"`)));
  });

  it("needs what its handler needs", () => {
    const of = (handler: string, rest = ""): string => `${HTTP}handler = "${handler}"\n${rest}`;

    assert.deepEqual(listIssuePaths(of("mcp")), ["provider.mcp_command"]);
    assert.deepEqual(listIssuePaths(of("mcp", `mcp_transport = "http"`)), ["provider.mcp_url"]);
    assert.deepEqual(listIssuePaths(of("mcp", `mcp_command = "x"\nmcp_url = "ftp://x"`)), [
      "provider.mcp_url",
    ]);
    assert.ok(parseProvider(of("mcp", `mcp_transport = "http"\nmcp_url_env = "MCP_URL"`)));
    assert.ok(parseProvider(of("mcp", `mcp_transport = "http"\nmcp_url = "https://x/\${k}"`)));
    assert.ok(parseProvider(of("mcp", `mcp_transport = "http"\nmcp_url = "\${whole}"`)));
    assert.deepEqual(listIssuePaths(of("cli")), ["provider.cli_command"]);
    assert.deepEqual(listWarnings(of("openapi")), [
      "provider.openapi_spec: Is missing: without it the provider has no operations",
    ]);
    assert.deepEqual(listIssues(of("file_manager", `upload_default_destination = "x"`)), [
      "provider.upload_default_destination: Must name an entry of upload_destinations",
    ]);
    assert.match(
      listIssues(of("file_manager", `upload_destinations.a = { kind = "gsc", bucket = "b" }`))[0] ??
        "",
      /^provider\.upload_destinations\.a\.kind: .*did you mean "gcs"\?$/,
    );
  });

  it("warns about fields that only another handler reads: a forgotten handler line shows", () => {
    assert.deepEqual(listWarnings(`${HTTP}base_url = "https://x"\ndeny_paths = ["/admin"]\n`), [
      `provider.deny_paths: Has no effect: only handler "passthrough" reads it, this one is "http"`,
    ]);
    assert.equal(listWarnings(`${PASSTHROUGH}mcp_args = []\ncli_env = {}\n`).length, 2);
    assert.deepEqual(listWarnings(`${HTTP}auth_type = "url"\n`), [
      `provider.auth_type: "url" sends a credential only with handler "mcp"`,
    ]);
  });

  it("takes a tool's method in any case, PATCH included, and no other", () => {
    const tool = (method: string): string =>
      `${HTTP}[[tools]]\nname = "t"\ndescription = "T"\nmethod = "${method}"\n`;
    for (const method of ["GET", "get", "Post", "pUT", "delete", "PATCH", "Patch"]) {
      assert.ok(parseProvider(tool(method)));
    }
    for (const method of ["", "HEAD", "GETS", " GET", "GET\\n"]) {
      assert.deepEqual(listIssuePaths(tool(method)), ["tools[0].method"]);
    }
  });

  it("takes tool names that fit into a scope, and warns about one used twice", () => {
    const tools = (...names: string[]): string =>
      HTTP + names.map((name) => `[[tools]]\nname = "${name}"\ndescription = "T"\n`).join("");
    assert.ok(parseProvider(tools("a", "github:search/repos", "_b-c.d")));
    for (const name of ["", "a b", "a*", "tool:*", "\\u00e4"]) {
      assert.deepEqual(listIssuePaths(tools(name)), ["tools[0].name"], name);
    }
    assert.deepEqual(listWarnings(tools("a", "b", "a")), [
      "tools[2].name: Is used twice: the last tool of that name wins",
    ]);
  });
});
