/**
 * What a manifest holds once it is read: defaults filled in, wire spelling kept.
 *
 * @module
 */

/** Which part of atikit serves a provider. */
export type Handler = "http" | "openapi" | "mcp" | "cli" | "passthrough" | "file_manager";

/** How a provider's credential is sent upstream. */
export type AuthType = "none" | "bearer" | "header" | "query" | "basic" | "oauth2" | "url";

/** Request method of a tool. */
export type ToolMethod = "GET" | "POST" | "PUT" | "DELETE" | "PATCH";

/** One manifest file. */
export interface Manifest {
  /** Path of the file, as it was given. */
  readonly file: string;
  /** The provider it describes. */
  readonly provider: Provider;
  /** Its `[[tools]]`, in file order. */
  readonly tools: readonly Tool[];
}

/** What a manifest file says, without where it was read. */
export interface ManifestDocument {
  /** The `[provider]` table. */
  readonly provider: Provider;
  /** The `[[tools]]` tables, in file order. */
  readonly tools: readonly Tool[];
}

/** One upstream: where it is, what credential it takes, who serves it. */
export interface Provider {
  /** Unique name: letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  /** What it is, for people and agents; may be empty for a passthrough. */
  readonly description: string;
  /** Who serves it. */
  readonly handler: Handler;
  /** Absolute URL of the upstream; empty where the handler needs none. */
  readonly base_url: string;
  /** How the credential is sent. */
  readonly auth_type: AuthType;
  /** Keyring entry of the credential. */
  readonly auth_key_name?: string | undefined;
  /** Header for `auth_type = "header"`; the handler has its default. */
  readonly auth_header_name?: string | undefined;
  /** Query parameter for `auth_type = "query"`; default `api_key`. */
  readonly auth_query_name?: string | undefined;
  /** Put right before the credential for `auth_type = "header"`. */
  readonly auth_value_prefix?: string | undefined;
  /** Keyring entry of the OAuth 2 client secret. */
  readonly auth_secret_name?: string | undefined;
  /** OAuth 2 token endpoint: https URL, or a path below `base_url`. */
  readonly oauth2_token_url?: string | undefined;
  /** True: the OAuth 2 client authenticates by Basic instead of form fields. */
  readonly oauth2_basic_auth: boolean;
  /** Headers added to each upstream request; a passthrough expands `${name}` from the keyring. */
  readonly extra_headers: Readonly<Record<string, string>>;
  /** Program that makes the credential. */
  readonly auth_generator?: AuthGenerator | undefined;
  /** Environment variable that holds the session token for this provider. */
  readonly auth_session_token_env?: string | undefined;
  /** Environment variable that holds the MCP URL. */
  readonly mcp_url_env?: string | undefined;
  /** True: its tools are left out of listings. */
  readonly internal: boolean;
  /** Group it is listed under. */
  readonly category?: string | undefined;
  /** Skill ids or repositories to install with it. */
  readonly skills: readonly string[];

  /** MCP transport. */
  readonly mcp_transport: "stdio" | "http";
  /** Program of a stdio MCP server. */
  readonly mcp_command?: string | undefined;
  /** Its arguments. */
  readonly mcp_args: readonly string[];
  /** Its environment; values may hold `${name}`. */
  readonly mcp_env: Readonly<Record<string, string>>;
  /** URL of an http MCP server; with `auth_type = "url"` it may hold `${name}`. */
  readonly mcp_url?: string | undefined;

  /** Program of a cli provider. */
  readonly cli_command?: string | undefined;
  /** Arguments put before the caller's. */
  readonly cli_default_args: readonly string[];
  /** Its environment; values may hold `${name}` (value) or `@{name}` (path of a file with the value). */
  readonly cli_env: Readonly<Record<string, string>>;
  /** Seconds until it is killed. */
  readonly cli_timeout_secs: number;
  /** Flags whose value is an output path. */
  readonly cli_output_args: readonly string[];
  /** Sub-command to the 0-based position of its output path. */
  readonly cli_output_positional: Readonly<Record<string, number>>;

  /** Where `file_manager:upload` can put files, by name. */
  readonly upload_destinations: Readonly<Record<string, UploadDestination>>;
  /** The destination used when a call names none. */
  readonly upload_default_destination?: string | undefined;

  /** OpenAPI description: a path. */
  readonly openapi_spec?: string | undefined;
  /** Keep only operations with one of these tags. */
  readonly openapi_include_tags: readonly string[];
  /** Drop operations with one of these tags. */
  readonly openapi_exclude_tags: readonly string[];
  /** Keep only these operation ids. */
  readonly openapi_include_operations: readonly string[];
  /** Drop these operation ids. */
  readonly openapi_exclude_operations: readonly string[];
  /** Keep at most this many operations. */
  readonly openapi_max_operations?: number | undefined;
  /** Changes to single operations, by operation id. */
  readonly openapi_overrides: Readonly<Record<string, OpenapiOverride>>;

  /** Host a request must name to take this route, in lower case as compared. */
  readonly host_match?: string | undefined;
  /** Path a request must begin with: begins with `/`, no trailing slash (except the root itself). */
  readonly path_prefix?: string | undefined;
  /** True: `path_prefix` is removed before forwarding. */
  readonly strip_prefix: boolean;
  /** `[from, to]`: a leading `from` of the path becomes `to`, after stripping. */
  readonly path_replace?: readonly [from: string, to: string] | undefined;
  /** `Host` sent upstream instead of that of `base_url`. */
  readonly host_override?: string | undefined;
  /** True: WebSocket upgrades are relayed. */
  readonly forward_websockets: boolean;
  /** Globs over the rewritten path that are refused. */
  readonly deny_paths: readonly string[];
  /** Globs over the rewritten path on which the client's own `Authorization` is kept. */
  readonly forward_authorization_paths: readonly string[];
  /** Seconds until the upstream connection must stand. */
  readonly connect_timeout_seconds: number;
  /** Seconds until the response header, and between two pieces of a body. */
  readonly read_timeout_seconds: number;
  /** Seconds an unused upstream connection is kept. */
  readonly idle_timeout_seconds: number;
  /** Seconds for the whole exchange; 0 means no limit. */
  readonly total_timeout_seconds: number;
  /** Most bytes of a request body; 0 means no limit. */
  readonly max_request_bytes: number;
  /** Most bytes of a response body; 0 means no limit. */
  readonly max_response_bytes: number;
  /** True: without its credential a request is forwarded bare instead of answered 503. */
  readonly allow_missing_credential: boolean;
  /** True: `%2F` inside the path is let through. */
  readonly allow_encoded_slash: boolean;
  /** True: empty segments (`//`) inside the path are let through. */
  readonly allow_empty_segments: boolean;
  /** Methods that are forwarded, upper case; absent means all. */
  readonly allow_methods?: readonly string[] | undefined;
  /** What a caller must show: a sandbox signature (as its mode says), a session token, both, either. */
  readonly auth: PassthroughAuth;
  /** Scope that a session token must hold; absent means `passthrough:<name>`. */
  readonly scope?: string | undefined;
  /** True: injected secrets are taken out of response bodies too, in raw and encoded forms. */
  readonly redact_response: boolean;
  /** Most requests forwarded at once; 0 means no limit. */
  readonly max_concurrent_requests: number;
  /** Seconds a WebSocket may be silent both ways; 0 means no limit. */
  readonly websocket_idle_timeout_seconds: number;
  /** Most bytes of one WebSocket message, as it is on the wire; 0 means no limit. */
  readonly max_message_bytes: number;
}

/** What a caller of a passthrough route must show. */
export type PassthroughAuth = "signature" | "jwt" | "signature+jwt" | "any";

/** A program whose output is the credential. */
export interface AuthGenerator {
  /** `command` runs a program, `script` runs a text through an interpreter. */
  readonly type: "command" | "script";
  /** The program, for `command`. */
  readonly command?: string | undefined;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The interpreter, for `script`. */
  readonly interpreter?: string | undefined;
  /** The text it runs. */
  readonly script?: string | undefined;
  /** Seconds the result is reused; 0 means not at all. */
  readonly cache_ttl_secs: number;
  /** How standard output is read. */
  readonly output_format: "text" | "json";
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Dotted path in the JSON output to where that value goes. */
  readonly inject: Readonly<Record<string, InjectTarget>>;
  /** Seconds until it is killed. */
  readonly timeout_secs: number;
}

/** Where one value of an {@link AuthGenerator} goes. */
export interface InjectTarget {
  /** Kind of place. */
  readonly type: "header" | "env" | "query";
  /** Name of the header, variable or parameter. */
  readonly name: string;
}

/** A Google Cloud Storage bucket for uploads. */
export interface GcsDestination {
  /** Discriminator. */
  readonly kind: "gcs";
  /** Bucket name. */
  readonly bucket: string;
  /** Folder inside the bucket. */
  readonly prefix: string;
  /** Keyring entry of the service account. */
  readonly key_ref: string;
}

/** fal storage for uploads. */
export interface FalStorageDestination {
  /** Discriminator. */
  readonly kind: "fal_storage";
  /** Keyring entry of the API key. */
  readonly key_ref: string;
  /** REST endpoint instead of the public one. */
  readonly endpoint?: string | undefined;
}

/** Where uploads go. */
export type UploadDestination = GcsDestination | FalStorageDestination;

/** Changes to one operation of an OpenAPI description. */
export interface OpenapiOverride {
  /** When to use it. */
  readonly hint?: string | undefined;
  /** Tags added to its own. */
  readonly tags: readonly string[];
  /** Example calls. */
  readonly examples: readonly string[];
  /** Description instead of its own. */
  readonly description?: string | undefined;
  /** Scope instead of `tool:<tool>`. */
  readonly scope?: string | undefined;
  /** JSONPath applied to the response. */
  readonly response_extract?: string | undefined;
  /** How the response is printed. */
  readonly response_format?: ResponseFormat | undefined;
}

/** How a tool's response is printed. */
export type ResponseFormat = "markdown_table" | "json" | "text" | "raw";

/** One tool of a provider. */
export interface Tool {
  /** Unique name, for example `weather_now` or `github:search`. */
  readonly name: string;
  /** What it does. */
  readonly description: string;
  /** Path put behind the provider's `base_url`. */
  readonly endpoint: string;
  /** Request method. */
  readonly method: ToolMethod;
  /** Scope it needs; absent means `tool:<name>`. */
  readonly scope?: string | undefined;
  /** JSON Schema of its arguments. */
  readonly input_schema?: Readonly<Record<string, unknown>> | undefined;
  /** Words to find it by. */
  readonly tags: readonly string[];
  /** When to use it. */
  readonly hint?: string | undefined;
  /** Example calls. */
  readonly examples: readonly string[];
  /** What is done with the response. */
  readonly response?: ToolResponse | undefined;
}

/** What is done with a tool's response. */
export interface ToolResponse {
  /** JSONPath that selects the result. */
  readonly extract?: string | undefined;
  /** How it is printed. */
  readonly format: ResponseFormat;
}
