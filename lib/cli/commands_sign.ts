/** The command that signs requests, as data. @module */

import type { CommandSpec } from "./command.ts";
import { ATI_DIR } from "./shared_options.ts";

/** `ati sign`. */
export const SIGN: CommandSpec = {
  name: "sign",
  summary: "Sign a request: the value for its X-Sandbox-Signature header",
  description: "Sign a request for a proxy that checks signatures, and print the value of its " +
    "X-Sandbox-Signature header. Version 1 covers time, method and path. Version 2 covers query and " +
    "body too, and is good for one request. The secret is --secret-file, else " +
    "$ATI_KEY_SANDBOX_SIGNING_SHARED_SECRET, else the keyring's sandbox_signing_shared_secret.",
  arguments: [
    {
      usage: "<method>",
      summary: "HTTP method",
      completes: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
    },
    { usage: "<target>", summary: "Path as it is sent, and the query: '/v1/chat?x=1'" },
  ],
  options: [
    ATI_DIR,
    {
      flags: "--sig-version <version>",
      summary: "Version of the signature",
      choices: ["1", "2"],
      fallback: "1, or 2 with a body or nonce",
    },
    { flags: "--body <text>", summary: "The body, as text" },
    {
      flags: "--body-file <path>",
      summary: "The body, byte for byte; - reads standard input",
      completes: "file",
    },
    { flags: "--nonce <nonce>", summary: "Nonce of version 2", fallback: "16 random bytes" },
    {
      flags: "--secret-file <path>",
      summary: "Read the secret from a file; - reads standard input",
      completes: "file",
    },
    { flags: "--header", summary: "Print the whole header line, for curl -H" },
  ],
  examples: [
    "ati sign GET /v1/models",
    'curl -H "$(ati sign GET /v1/models --header)" "$ATI_PROXY_URL/v1/models"',
    "ati sign POST '/v1/chat?x=1' --body-file request.json --header",
  ],
  run: async (context) => (await import("./sign.ts")).sign(context),
};
