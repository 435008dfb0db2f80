/**
 * The tables inside a manifest: tools, credential generator, upload destinations, overrides.
 *
 * @module
 */

import { DEFAULT_GENERATOR_TIMEOUT_SECONDS } from "../limits.ts";
import {
  anyCaseChoice,
  choice,
  eitherTable,
  filledText,
  freeTable,
  KEY_NAME,
  kind,
  list,
  map,
  name,
  optional,
  seconds,
  secondsOrZero,
  table,
  text,
  TOKEN,
  TOOL_NAME,
  VARIABLE_NAME,
  withDefault,
} from "./fields.ts";
import type { Exact, Field } from "./fields.ts";
import type { AuthGenerator, OpenapiOverride, Tool, UploadDestination } from "./types.ts";

const RESPONSE_FORMATS = ["markdown_table", "json", "text", "raw"] as const;
const GENERATOR_TABLE = table(
  {
    type: choice(["command", "script"], "Run a program, or a text through an interpreter."),
    command: optional(filledText('The program, for type "command".', "gcloud")),
    args: withDefault(list(text("An argument."), "Arguments of the program."), []),
    interpreter: optional(filledText('The interpreter, for type "script".', "bash")),
    script: optional(filledText("The text the interpreter runs.")),
    cache_ttl_secs: withDefault(
      secondsOrZero("Seconds the result is reused; 0 means not at all."),
      0,
    ),
    output_format: withDefault(
      choice(["text", "json"], "How standard output is read."),
      "text",
    ),
    env: withDefault(map(name(VARIABLE_NAME, "Variable."), text("Value."), "Environment."), {}),
    inject: withDefault(
      map(
        filledText("Dotted path in the JSON output."),
        table({
          type: choice(["header", "env", "query"], "Kind of place."),
          name: name(TOKEN, "Name of the header, variable or parameter."),
        }, "One place."),
        "Where values of the JSON output go.",
      ),
      {},
    ),
    timeout_secs: withDefault(
      seconds("Seconds until the program is killed."),
      DEFAULT_GENERATOR_TIMEOUT_SECONDS,
    ),
  },
  "A program whose output is the credential.",
);

const DESTINATION_TABLE = eitherTable({
  kind: kind("gcs"),
  bucket: filledText("Bucket name."),
  prefix: withDefault(text("Folder inside the bucket."), "ati-uploads"),
  key_ref: withDefault(name(KEY_NAME, "Keyring entry of the service account."), "gcp_credentials"),
}, {
  kind: kind("fal_storage"),
  key_ref: withDefault(name(KEY_NAME, "Keyring entry of the API key."), "fal_api_key"),
  endpoint: optional(filledText("REST endpoint instead of the public one.")),
});

const OVERRIDE_TABLE = table({
  hint: optional(text("When to use it.")),
  tags: withDefault(list(text("A tag."), "Tags added to its own."), []),
  examples: withDefault(list(text("A call."), "Example calls."), []),
  description: optional(text("Description instead of its own.")),
  scope: optional(filledText("Scope instead of tool:<tool>.")),
  response_extract: optional(filledText("JSONPath applied to the response.", "$.items")),
  response_format: optional(choice(RESPONSE_FORMATS, "How the response is printed.")),
}, "Changes to one operation.");

const TOOL_TABLE = table({
  name: name(TOOL_NAME, "Unique name.", "weather_now"),
  description: text("What it does."),
  endpoint: withDefault(text("Path put behind base_url.", "/v1/forecast"), ""),
  method: withDefault(
    anyCaseChoice(["GET", "POST", "PUT", "DELETE", "PATCH"], "Request method, in any case."),
    "GET",
  ),
  scope: optional(filledText("Scope it needs; default tool:<name>.", "tool:weather_now")),
  input_schema: optional(freeTable("JSON Schema of its arguments.")),
  tags: withDefault(list(text("A word."), "Words to find it by."), []),
  hint: optional(text("When to use it.")),
  examples: withDefault(list(text("A call."), "Example calls."), []),
  response: optional(
    table({
      extract: optional(filledText("JSONPath that selects the result.", "$.results")),
      format: withDefault(choice(RESPONSE_FORMATS, "How it is printed."), "text"),
    }, "What is done with the response."),
  ),
}, "One tool.");

/** `[provider.auth_generator]`. */
export const AUTH_GENERATOR: Field<AuthGenerator> = GENERATOR_TABLE satisfies Exact<
  typeof GENERATOR_TABLE,
  AuthGenerator
>;

/** One entry of `upload_destinations`. */
export const UPLOAD_DESTINATION: Field<UploadDestination> = DESTINATION_TABLE satisfies Exact<
  typeof DESTINATION_TABLE,
  UploadDestination
>;

/** One entry of `openapi_overrides`. */
export const OPENAPI_OVERRIDE: Field<OpenapiOverride> = OVERRIDE_TABLE satisfies Exact<
  typeof OVERRIDE_TABLE,
  OpenapiOverride
>;

/** One entry of `[[tools]]`. */
export const TOOL: Field<Tool> = TOOL_TABLE satisfies Exact<typeof TOOL_TABLE, Tool>;
