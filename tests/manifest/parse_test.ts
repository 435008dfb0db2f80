import assert from "node:assert/strict";
import { inspect } from "node:util";
import { describe, it } from "node:test";

import { ManifestError } from "../../lib/errors.ts";
import { MAX_CONFIG_FILE_BYTES, MAX_MANIFEST_DEPTH } from "../../lib/limits.ts";
import { parseManifest } from "../../lib/manifest/parse.ts";
import {
  catchManifestError,
  HTTP,
  listIssuePaths,
  listIssues,
  listWarnings,
  parseProvider,
  PASSTHROUGH,
} from "./_manifests.ts";

describe("parseManifest()", () => {
  it("fills in the defaults of the reference", () => {
    const { manifest, warnings } = parseManifest(PASSTHROUGH, { file: "m/x.toml" });

    assert.deepEqual(warnings, []);
    assert.deepEqual({ ...manifest, provider: { ...manifest.provider } }, {
      file: "m/x.toml",
      tools: [],
      provider: {
        name: "example",
        description: "",
        handler: "passthrough",
        base_url: "https://api.example.com",
        auth_type: "none",
        oauth2_basic_auth: false,
        extra_headers: {},
        internal: false,
        skills: [],
        mcp_transport: "stdio",
        mcp_args: [],
        mcp_env: {},
        cli_default_args: [],
        cli_env: {},
        cli_timeout_secs: 120,
        cli_output_args: [],
        cli_output_positional: {},
        upload_destinations: {},
        openapi_include_tags: [],
        openapi_exclude_tags: [],
        openapi_include_operations: [],
        openapi_exclude_operations: [],
        openapi_overrides: {},
        path_prefix: "/example",
        strip_prefix: true,
        forward_websockets: false,
        deny_paths: [],
        forward_authorization_paths: [],
        connect_timeout_seconds: 5,
        read_timeout_seconds: 300,
        idle_timeout_seconds: 60,
        total_timeout_seconds: 0,
        max_request_bytes: 104857600,
        max_response_bytes: 524288000,
        allow_missing_credential: false,
        allow_encoded_slash: false,
        allow_empty_segments: false,
        auth: "signature",
        redact_response: false,
        max_concurrent_requests: 0,
        websocket_idle_timeout_seconds: 600,
        max_message_bytes: 16777216,
      },
    });
  });

  it("reads a provider without handler as http, with its tools", () => {
    const { manifest } = parseManifest(
      `${HTTP}
base_url = "https://api.example.com"
auth_type = "query"
auth_key_name = "example key"

[[tools]]
name = "example_now"
description = "Now"
endpoint = "/now"
method = "patch"
scope = "tool:now"
tags = ["time"]
hint = "For the time"
examples = ["ati run example_now"]
input_schema = { type = "object", properties = { zone = { type = "string" } } }
[tools.response]
extract = "$.now"
format = "json"

[[tools]]
name = "example:later"
description = "Later"
`,
      { file: "x.toml" },
    );

    assert.equal(manifest.provider.handler, "http");
    // Through JSON: nested free tables have no prototype.
    assert.deepEqual(JSON.parse(JSON.stringify(manifest.tools)), [
      {
        name: "example_now",
        description: "Now",
        endpoint: "/now",
        method: "PATCH",
        scope: "tool:now",
        tags: ["time"],
        hint: "For the time",
        examples: ["ati run example_now"],
        input_schema: { type: "object", properties: { zone: { type: "string" } } },
        response: { extract: "$.now", format: "json" },
      },
      {
        name: "example:later",
        description: "Later",
        endpoint: "",
        method: "GET",
        tags: [],
        examples: [],
      },
    ]);
  });

  it("reads the fields of every handler", () => {
    const mcp = parseProvider(`${HTTP}
handler = "mcp"
mcp_command = "npx"
mcp_args = ["-y", "server"]
mcp_env = { TOKEN = "\${example_token}" }
auth_session_token_env = "EXAMPLE_SESSION_TOKEN"
`);
    const cli = parseProvider(`${HTTP}
handler = "cli"
cli_command = "gh"
cli_env = { KEY_FILE = "@{example_file}" }
cli_output_args = ["--out"]
cli_output_positional = { "cp from" = 1 }
`);
    const files = parseProvider(`${HTTP}
handler = "file_manager"
upload_default_destination = "main"
[provider.upload_destinations.main]
kind = "gcs"
bucket = "b"
[provider.upload_destinations.other]
kind = "fal_storage"
`);
    const openapi = parseProvider(`${HTTP}
handler = "openapi"
openapi_spec = "example.json"
openapi_max_operations = 10
[provider.openapi_overrides.getThing]
hint = "For things"
response_format = "raw"
`);
    const generated = parseProvider(`${HTTP}
auth_type = "bearer"
[provider.auth_generator]
type = "command"
command = "token"
output_format = "json"
inject = { "a.b" = { type = "header", name = "X-Token" } }
`);

    assert.equal(mcp.mcp_env.TOKEN, "${example_token}");
    assert.deepEqual(cli.cli_output_positional, { "cp from": 1 });
    assert.deepEqual(files.upload_destinations, {
      main: { kind: "gcs", bucket: "b", prefix: "ati-uploads", key_ref: "gcp_credentials" },
      other: { kind: "fal_storage", key_ref: "fal_api_key" },
    });
    assert.deepEqual(openapi.openapi_overrides, {
      getThing: { hint: "For things", response_format: "raw", tags: [], examples: [] },
    });
    assert.deepEqual(generated.auth_generator, {
      type: "command",
      command: "token",
      args: [],
      cache_ttl_secs: 0,
      output_format: "json",
      env: {},
      inject: { "a.b": { type: "header", name: "X-Token" } },
      timeout_secs: 30,
    });
  });

  it("brings path_prefix, host_match and allow_methods into the form they are compared in", () => {
    const provider = parseProvider(
      PASSTHROUGH.replace(`"/example"`, `"/example//"`) +
        `host_match = "API.Example.com:8443"\nallow_methods = ["get", "Post"]\n`,
    );

    assert.equal(provider.path_prefix, "/example");
    assert.equal(provider.host_match, "api.example.com:8443");
    assert.deepEqual(provider.allow_methods, ["GET", "POST"]);
    assert.equal(parseProvider(PASSTHROUGH.replace(`"/example"`, `"//"`)).path_prefix, "/");
  });

  it("accepts the passthrough manifest of the documentation, which has no description", () => {
    const provider = parseProvider(`[provider]
name = "example-service"
handler = "passthrough"
base_url = "https://api.example.com"
path_prefix = "/example"
strip_prefix = true
`);

    assert.equal(provider.description, "");
  });

  it("refuses an unknown handler and names the one that was meant", () => {
    const [issue] = listIssues(PASSTHROUGH.replace(`"passthrough"`, `"pass-trough"`));

    assert.match(issue ?? "", /^provider\.handler: Must be one of .*did you mean "passthrough"\?$/);
  });

  it("warns about unknown keys, at any depth, and loads all the same", () => {
    const warnings = listWarnings(`extra = 1
${HTTP.replace("description", "desciption = 'x'\ndescription")}
[provider.openapi_overrides.op]
sope = "x"
[[tools]]
name = "t"
description = "T"
tagz = []
response = { extrakt = "$" }
input_schema = { anything = { goes = true } }
`);

    assert.deepEqual(warnings, [
      "extra: Unknown key",
      `provider.desciption: Unknown key; did you mean "description"?`,
      `provider.openapi_overrides: Has no effect: only handler "openapi" reads it, this one is "http"`,
      `provider.openapi_overrides.op.sope: Unknown key; did you mean "scope"?`,
      `tools[0].tagz: Unknown key; did you mean "tags"?`,
      `tools[0].response.extrakt: Unknown key; did you mean "extract"?`,
    ]);
  });

  it("refuses unknown keys of a passthrough: a misspelt deny_paths would leave a route open", () => {
    assert.deepEqual(listIssues(`${PASSTHROUGH}deny_path = ["/admin"]\n`), [
      `provider.deny_path: Unknown key; did you mean "deny_paths"?`,
    ]);
    assert.deepEqual(listIssues(`title = "x"\n${PASSTHROUGH}`), ["title: Unknown key"]);
  });

  it("does not take a member of Object.prototype for a known key", () => {
    assert.deepEqual(listIssues(`${PASSTHROUGH}toString = 1\nhasOwnProperty = 2\n`), [
      "provider.toString: Unknown key",
      "provider.hasOwnProperty: Unknown key",
    ]);
  });

  it("tells everything at once: fields, rules and unknown keys, each with its line", () => {
    const { issues } = catchManifestError(`[provider]
name = "no good"
handler = "passthrough"
base_url = "https://user:pass@api.example.com"
auth_type = "bearer"
connect_timeout_seconds = 0
deny_paths = [
  "/a",
  "",
]
pathprefix = "/x"

[[tools]]
name = "t"
method = "HEAD"
`);

    assert.deepEqual(issues.map(({ line, path }) => [line, path]), [
      [1, "provider.auth_key_name"],
      [1, "provider"],
      [2, "provider.name"],
      [4, "provider.base_url"],
      [6, "provider.connect_timeout_seconds"],
      [9, "provider.deny_paths[1]"],
      [11, "provider.pathprefix"],
      [13, "tools[0].description"],
      [15, "tools[0].method"],
    ]);
  });

  it("does not report rules that a faulty field makes undecidable", () => {
    assert.deepEqual(listIssuePaths(PASSTHROUGH.replace(`"/example"`, `"example"`)), [
      "provider.path_prefix",
    ]);
    assert.deepEqual(listIssuePaths(`${HTTP}handler = "mcp"\nmcp_transport = "sse"\n`), [
      "provider.mcp_transport",
    ]);
  });

  it("has a message with a summary and a line for each issue", () => {
    const error = catchManifestError(`${PASSTHROUGH}strip_prefix = "yes"\ndeny_paths = "/a"\n`);

    assert.equal(error.code, "ERR_MANIFEST");
    assert.equal(
      error.message,
      "Manifest m/x.toml is invalid: 2 issues\n" +
        "m/x.toml:6: provider.strip_prefix: Must be true or false\n" +
        "m/x.toml:7: provider.deny_paths: Must be an array",
    );
    assert.ok(error.hint?.includes("ati manifest check"));
  });

  it("gives line and column of a syntax error, and nothing of the text", () => {
    const error = catchManifestError(`${PASSTHROUGH}auth_key_name = canary-secret\n`);

    assert.equal(error.issues.length, 1);
    assert.equal(error.issues[0]?.line, 6);
    assert.ok((error.issues[0]?.column ?? 0) > 1);
    assert.ok(!inspect(error, { depth: 9 }).includes("canary"));
  });

  it("refuses keys that reach a prototype, twice-set keys and integers that do not fit", () => {
    for (
      const line of [
        `__proto__ = { handler = "http" }`,
        `constructor = 1`,
        `name = "again"`,
        `max_request_bytes = 9007199254740993`,
      ]
    ) {
      assert.equal(catchManifestError(`${PASSTHROUGH}${line}\n`).issues[0]?.line, 6, line);
    }
    const error = catchManifestError(`${PASSTHROUGH}[provider.extra_headers]\n__proto__ = "x"\n`);
    assert.equal(error.issues[0]?.line, 7);
    assert.equal(({} as { handler?: unknown }).handler, undefined);
  });

  it("refuses a file that is no manifest", () => {
    assert.deepEqual(listIssues(""), ["provider: Is missing"]);
    assert.deepEqual(listIssues("provider = 1"), ["provider: Must be a table"]);
    assert.deepEqual(listIssues("[[provider]]\nname = 'x'"), ["provider: Must be a table"]);
    assert.deepEqual(listIssues("provider = 2026-01-01"), ["provider: Must be a table"]);
    assert.deepEqual(listIssues(`${HTTP}extra_headers = ["x"]`), [
      "provider.extra_headers: Must be a table",
    ]);
    assert.deepEqual(listIssues(`tools = { name = "x" }\n${HTTP}`), ["tools: Must be an array"]);
    assert.deepEqual(listIssues(`tools = [1]\n${HTTP}`), ["tools[0]: Must be a table"]);
  });

  it("reads a byte order mark and CRLF lines", () => {
    assert.equal(parseProvider(`\ufeff${PASSTHROUGH.replaceAll("\n", "\r\n")}`).name, "example");
    const error = catchManifestError(`\ufeff${PASSTHROUGH}x = 1\n`.replaceAll("\n", "\r\n"));
    assert.equal(error.issues[0]?.line, 6);
  });

  it("limits size and depth", () => {
    const filler = (size: number): string => `#${"x".repeat(size - HTTP.length - 1)}`;
    assert.equal(parseProvider(HTTP + filler(MAX_CONFIG_FILE_BYTES)).name, "example");
    assert.match(listIssues(HTTP + filler(MAX_CONFIG_FILE_BYTES + 1))[0] ?? "", /Is larger/);

    const nest = (levels: number): string =>
      `[[tools]]\nname = "t"\ndescription = "T"\ninput_schema.${
        Array.from({ length: levels }, () => "a").join(".")
      } = 1\n`;
    assert.equal(parseProvider(HTTP + nest(MAX_MANIFEST_DEPTH - 4)).name, "example");
    assert.match(listIssues(HTTP + nest(MAX_MANIFEST_DEPTH))[0] ?? "", /nested deeper/);
    const arrays = `x = ${"[".repeat(100_000)}${"]".repeat(100_000)}\n`;
    assert.equal(catchManifestError(arrays + HTTP).issues.length, 1);
    const many = 20_000;
    assert.equal(listIssues(`tools = [${"1,".repeat(many)}]\n${HTTP}`).length, many);
    const header = `[${"a.".repeat(50_000)}a]\n`;
    assert.match(listIssues(HTTP + header)[0] ?? "", /nested deeper/);
  });

  it("never quotes a value: not for any field, type or rule", () => {
    const canary = "canary\\u0001\\r\\n {}$\\\\:@?#/../x";
    const values = [`"${canary}"`, `["${canary}"]`, `{ "k" = "${canary}" }`, `[["${canary}"]]`];
    const fields = Object.keys(parseProvider(PASSTHROUGH)).concat(
      ["auth_header_name", "auth_query_name", "auth_value_prefix", "host_match", "path_replace"],
      ["oauth2_token_url", "mcp_url", "auth_generator", "host_override", "allow_methods"],
    );
    let refused = 0;
    for (const handler of ["http", "mcp", "passthrough", "nonsense-canary"]) {
      for (const field of fields.filter((name) => name !== "handler" && name !== "name")) {
        for (const value of values) {
          const text = `[provider]\nname = "x"\nhandler = "${handler}"\n${field} = ${value}\n`;
          try {
            parseManifest(text, { file: "x.toml" });
          } catch (error) {
            assert.ok(error instanceof ManifestError);
            refused++;
            const seen = inspect(error, { depth: 9 }) + JSON.stringify(error) + String(error);
            assert.ok(!seen.includes("canary"), `${field} = ${value}`);
          }
        }
      }
    }
    assert.ok(refused > 400);
  });

  it("escapes what a terminal would obey in a quoted key", () => {
    const error = catchManifestError(`${PASSTHROUGH}"\\u001b[31m\\u202ekey" = 1\n`);

    assert.equal(error.issues[0]?.path, `provider."\\u001b[31m\\u202ekey"`);
    assert.match(error.message, /^[\n -~]*$/);
    const long = catchManifestError(`${PASSTHROUGH}${"k".repeat(500)} = 1\n`);
    assert.ok((long.issues[0]?.path.length ?? 999) < 100);
  });
});
