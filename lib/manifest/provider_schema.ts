/**
 * The `[provider]` table, field by field. Rules that look at several fields are in `rules.ts`.
 *
 * @module
 */

import {
  DEFAULT_CLI_TIMEOUT_SECONDS,
  DEFAULT_CONNECT_TIMEOUT_SECONDS,
  DEFAULT_IDLE_TIMEOUT_SECONDS,
  DEFAULT_MAX_MESSAGE_BYTES,
  DEFAULT_MAX_REQUEST_BYTES,
  DEFAULT_MAX_RESPONSE_BYTES,
  DEFAULT_READ_TIMEOUT_SECONDS,
  DEFAULT_WEBSOCKET_IDLE_SECONDS,
} from "../limits.ts";
import {
  changed,
  choice,
  filledList,
  filledText,
  flag,
  glob,
  HEADER_VALUE,
  HOST,
  KEY_NAME,
  list,
  map,
  name,
  optional,
  pair,
  PATH,
  PATH_OR_NOTHING,
  PROVIDER_NAME,
  QUERY_NAME,
  SCOPE,
  seconds,
  secondsOrZero,
  table,
  text,
  textLike,
  TOKEN,
  VARIABLE_NAME,
  wholeNumber,
  withDefault,
} from "./fields.ts";
import type { Exact, Field } from "./fields.ts";
import { AUTH_GENERATOR, OPENAPI_OVERRIDE, UPLOAD_DESTINATION } from "./part_schemas.ts";
import type { Provider } from "./types.ts";

const PROVIDER_TABLE = table({
  name: name(PROVIDER_NAME, "Unique name; prefix of its tools' names.", "openai"),
  // Only a passthrough may go without: rules.ts looks whether the file has it.
  description: withDefault(text("What it is, for people and agents."), ""),
  handler: withDefault(
    choice(
      ["http", "openapi", "mcp", "cli", "passthrough", "file_manager"],
      "Who serves it: hand-written HTTP tools, an OpenAPI description, an MCP server, a program, " +
        "a raw HTTP route, or file transfer.",
    ),
    "http",
  ),
  base_url: withDefault(
    text("Absolute http or https URL of the upstream.", "https://api.example.com/v1"),
    "",
  ),
  auth_type: withDefault(
    choice(
      ["none", "bearer", "header", "query", "basic", "oauth2", "url"],
      'How the credential is sent: not at all, "Authorization: Bearer", a header of your choice, ' +
        "a query parameter, Basic with a stored user:password, OAuth 2 client credentials, or " +
        "inside mcp_url.",
    ),
    "none",
  ),
  auth_key_name: optional(
    name(KEY_NAME, "Keyring entry of the credential, as given to `ati key set`.", "openai_api_key"),
  ),
  auth_header_name: optional(
    name(TOKEN, 'Header for auth_type "header"; default X-Api-Key (mcp: Authorization).'),
  ),
  auth_query_name: optional(
    name(QUERY_NAME, 'Query parameter for auth_type "query"; default api_key.'),
  ),
  auth_value_prefix: optional(
    textLike(
      HEADER_VALUE,
      'Put right before the credential for auth_type "header"; end it with a space where one ' +
        "belongs.",
      "Token ",
    ),
  ),
  auth_secret_name: optional(name(KEY_NAME, "Keyring entry of the OAuth 2 client secret.")),
  oauth2_token_url: optional(
    filledText("OAuth 2 token endpoint: https URL, or a path below base_url.", "/oauth/token"),
  ),
  oauth2_basic_auth: withDefault(
    flag("The OAuth 2 client authenticates by Basic instead of form fields."),
    false,
  ),
  extra_headers: withDefault(
    map(
      name(TOKEN, "Header name."),
      textLike(HEADER_VALUE, "Header value."),
      "Headers added to each upstream request. A passthrough expands ${name} from the keyring.",
    ),
    {},
  ),
  auth_generator: optional(AUTH_GENERATOR),
  auth_session_token_env: optional(
    name(
      VARIABLE_NAME,
      "Environment variable with the session token for this provider; without it " +
        "ATI_SESSION_TOKEN is used.",
      "PARCHA_TOOLS_SESSION_TOKEN",
    ),
  ),
  internal: withDefault(flag("Leave its tools out of listings."), false),
  category: optional(filledText("Group it is listed under.", "search")),
  skills: withDefault(
    list(filledText("Skill id or repository."), "Skills to install with it."),
    [],
  ),

  mcp_transport: withDefault(
    choice(["stdio", "http"], "MCP: talk to a program, or to a URL."),
    "stdio",
  ),
  mcp_command: optional(filledText("MCP over stdio: the program.", "npx")),
  mcp_args: withDefault(list(text("An argument."), "MCP over stdio: its arguments."), []),
  mcp_env: withDefault(
    map(
      name(VARIABLE_NAME, "Variable."),
      text("Value."),
      "MCP over stdio: its environment; values may hold ${name} of a keyring entry.",
    ),
    {},
  ),
  mcp_url: optional(
    filledText(
      'MCP over http: the URL; with auth_type "url" it may hold ${name} of a keyring entry.',
      "https://mcp.example.com/mcp",
    ),
  ),
  mcp_url_env: optional(
    name(VARIABLE_NAME, "Environment variable of the sandbox that holds the MCP URL."),
  ),

  cli_command: optional(filledText("Program to run.", "gh")),
  cli_default_args: withDefault(
    list(text("An argument."), "Arguments put before the caller's."),
    [],
  ),
  cli_env: withDefault(
    map(
      name(VARIABLE_NAME, "Variable."),
      text("Value."),
      "Its environment; values may hold ${name} (a keyring entry) or @{name} (path of a file " +
        "with it).",
    ),
    {},
  ),
  cli_timeout_secs: withDefault(
    seconds("Seconds until the program is killed."),
    DEFAULT_CLI_TIMEOUT_SECONDS,
  ),
  cli_output_args: withDefault(
    list(filledText("A flag.", "--output"), "Flags whose value is an output path."),
    [],
  ),
  cli_output_positional: withDefault(
    map(
      text("Sub-command."),
      wholeNumber(0, "0-based position of its output path."),
      "Sub-commands that take an output path by position.",
    ),
    {},
  ),

  upload_destinations: withDefault(
    map(filledText("Destination name."), UPLOAD_DESTINATION, "Where uploads can go, by name."),
    {},
  ),
  upload_default_destination: optional(
    filledText("The destination used when a call names none."),
  ),

  openapi_spec: optional(
    filledText("OpenAPI 3.0 description: absolute path, or relative to the specs folder."),
  ),
  openapi_include_tags: withDefault(
    list(text("A tag."), "Keep only operations with one of these tags."),
    [],
  ),
  openapi_exclude_tags: withDefault(
    list(text("A tag."), "Drop operations with one of these tags."),
    [],
  ),
  openapi_include_operations: withDefault(
    list(text("An operation id."), "Keep only these operations."),
    [],
  ),
  openapi_exclude_operations: withDefault(
    list(text("An operation id."), "Drop these operations."),
    [],
  ),
  openapi_max_operations: optional(wholeNumber(1, "Keep at most this many operations.")),
  openapi_overrides: withDefault(
    map(text("Operation id."), OPENAPI_OVERRIDE, "Changes to single operations, by operation id."),
    {},
  ),

  host_match: optional(
    changed(
      textLike(
        HOST,
        "Passthrough: host a request must name to take this route.",
        "api.example.com",
      ),
      (host) => host.toLowerCase(),
    ),
  ),
  path_prefix: optional(
    changed(
      textLike(PATH, "Passthrough: path a request must begin with.", "/openai"),
      (path) => path.replace(/(?<=.)\/+$/, ""),
    ),
  ),
  strip_prefix: withDefault(flag("Passthrough: remove path_prefix before forwarding."), true),
  path_replace: optional(
    pair(
      textLike(PATH, "Replaced where the path begins with it."),
      textLike(PATH_OR_NOTHING, "What it becomes."),
      "Passthrough: [from, to], applied after strip_prefix.",
    ),
  ),
  host_override: optional(
    textLike(HOST, "Passthrough: Host sent upstream instead of base_url's."),
  ),
  forward_websockets: withDefault(flag("Passthrough: relay WebSocket upgrades."), false),
  deny_paths: withDefault(
    list(
      glob("Glob: * and ? also match '/'."),
      "Passthrough: paths (after strip_prefix and path_replace) answered 403. A pattern without " +
        "a star covers everything below it.",
    ),
    [],
  ),
  forward_authorization_paths: withDefault(
    list(
      glob("Glob: * and ? also match '/'."),
      "Passthrough: paths on which the client's own Authorization goes upstream and the " +
        "credential is not injected.",
    ),
    [],
  ),
  connect_timeout_seconds: withDefault(
    seconds("Passthrough: seconds until the connection must stand."),
    DEFAULT_CONNECT_TIMEOUT_SECONDS,
  ),
  read_timeout_seconds: withDefault(
    seconds("Passthrough: seconds until the response header, and between two pieces of a body."),
    DEFAULT_READ_TIMEOUT_SECONDS,
  ),
  idle_timeout_seconds: withDefault(
    seconds("Passthrough: seconds an unused connection is kept."),
    DEFAULT_IDLE_TIMEOUT_SECONDS,
  ),
  total_timeout_seconds: withDefault(
    secondsOrZero("Passthrough: seconds for the whole exchange; 0 means no limit."),
    0,
  ),
  max_request_bytes: withDefault(
    wholeNumber(0, "Passthrough: most bytes of a request body; 0 means no limit."),
    DEFAULT_MAX_REQUEST_BYTES,
  ),
  max_response_bytes: withDefault(
    wholeNumber(0, "Passthrough: most bytes of a response body; 0 means no limit."),
    DEFAULT_MAX_RESPONSE_BYTES,
  ),
  allow_missing_credential: withDefault(
    flag("Passthrough: forward without the credential where it is not in the keyring."),
    false,
  ),
  allow_encoded_slash: withDefault(flag("Passthrough: let %2F inside the path through."), false),
  allow_empty_segments: withDefault(flag("Passthrough: let // inside the path through."), false),
  allow_methods: optional(
    filledList(
      changed(name(TOKEN, "A method.", "GET"), (method) => method.toUpperCase()),
      "Passthrough: the only methods that are forwarded.",
    ),
  ),
  auth: withDefault(
    choice(
      ["signature", "jwt", "signature+jwt", "any"],
      "Passthrough: what a caller must show: a sandbox signature (as --sig-verify-mode says), a " +
        "session token that holds the scope, both, or either.",
    ),
    "signature",
  ),
  scope: optional(
    textLike(
      SCOPE,
      "Passthrough: the scope a session token must hold; passthrough:<name> when absent.",
    ),
  ),
  redact_response: withDefault(
    flag(
      "Passthrough: take injected secrets out of response bodies too: raw, base64, hex and " +
        "percent-encoded.",
    ),
    false,
  ),
  max_concurrent_requests: withDefault(
    wholeNumber(0, "Passthrough: most requests forwarded at once; 0 means no limit."),
    0,
  ),
  websocket_idle_timeout_seconds: withDefault(
    secondsOrZero("Passthrough: seconds a WebSocket may be silent both ways; 0 means no limit."),
    DEFAULT_WEBSOCKET_IDLE_SECONDS,
  ),
  max_message_bytes: withDefault(
    wholeNumber(0, "Passthrough: most bytes of one WebSocket message; 0 means no limit."),
    DEFAULT_MAX_MESSAGE_BYTES,
  ),
}, "The upstream this file describes.");

/** `[provider]`. */
export const PROVIDER: Field<Provider> = PROVIDER_TABLE satisfies Exact<
  typeof PROVIDER_TABLE,
  Provider
>;
