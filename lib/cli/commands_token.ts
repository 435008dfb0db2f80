/** The commands about session tokens, as data. @module */

import type { CommandSpec } from "./command.ts";

/** `ati token`. */
export const TOKEN: CommandSpec = {
  name: "token",
  summary: "Scoped session tokens and the keys that sign them",
  commands: [
    {
      name: "keygen",
      summary: "Make a signing key",
      description: "Make a signing key: an ES256 pair as PEM (PKCS#8, then SPKI), or 32 random " +
        "bytes in hex for HS256. Printed unless a file is named; files are never overwritten.",
      arguments: [
        { usage: "[algorithm]", summary: "Same as --algorithm", completes: ["ES256", "HS256"] },
      ],
      options: [
        {
          flags: "--algorithm <name>",
          summary: "ES256 or HS256, in either case",
          fallback: "ES256",
          completes: ["ES256", "HS256"],
        },
        {
          flags: "--out-private <path>",
          summary: "Write the private key or the secret to a new file, mode 0600",
          completes: "file",
        },
        {
          flags: "--out-public <path>",
          summary: "Write the public key to a new file",
          completes: "file",
        },
        { flags: "--jwk", summary: "ES256 keys as JWK instead of PEM" },
      ],
      examples: [
        "ati token keygen --out-private jwt-private.pem --out-public jwt-public.pem",
        "ati token keygen HS256",
      ],
      run: async (context) => (await import("./token_keygen.ts")).generateKey(context),
    },
    {
      name: "issue",
      summary: "Sign a session token",
      description: "Sign a session token and print it, alone, on standard output. The key is " +
        "--key, else --secret, else ATI_JWT_PRIVATE_KEY, else ATI_JWT_SECRET.",
      options: [
        { flags: "--sub <agent>", summary: "Who the token is for", required: true },
        { flags: "--scope <scopes>", summary: "Scopes, separated by spaces", required: true },
        { flags: "--ttl <duration>", summary: "Lifetime: 1800, 30m, 1h, 7d", fallback: "30m" },
        { flags: "--aud <audience>", summary: "Audience", fallback: "ati-proxy" },
        { flags: "--iss <issuer>", summary: "Issuer", fallback: "$ATI_JWT_ISSUER" },
        {
          flags: "--key <path>",
          summary: "ES256 private key: PEM (PKCS#8 or SEC1) or JWK",
          completes: "file",
        },
        { flags: "--secret <hex>", summary: "HS256 secret; - reads standard input" },
        {
          flags: "--rate <pattern=spec>",
          summary: "Rate limit, for example tool:github:*=10/hour",
          repeatable: true,
        },
        { flags: "--job-id <id>", summary: "Job the token belongs to" },
        { flags: "--sandbox-id <id>", summary: "Sandbox the token belongs to" },
        { flags: "--customer-id <id>", summary: "Customer whose credentials are used" },
        {
          flags: "--not-before <time>",
          summary: "Not valid before: +5m, Unix seconds or RFC 3339",
        },
        { flags: "--nbf <time>", summary: "Same as --not-before", hidden: true },
        { flags: "--jti <id>", summary: "Token id", fallback: "a random UUID" },
        { flags: "--export", summary: "Print `export ATI_SESSION_TOKEN=…` for eval" },
      ],
      examples: [
        'ati token issue --sub agent-7 --scope "tool:github:* help" --ttl 1h',
        'eval "$(ati token issue --sub agent-7 --scope help --export)"',
        'ati token issue --sub ci --scope "tool:*" --rate "tool:*=10/min"',
      ],
      run: async (context) => (await import("./token_issue.ts")).issue(context),
    },
    {
      name: "inspect",
      summary: "Show a token's claims without verifying it",
      arguments: [
        { usage: "[token]", summary: "The token; - or none reads standard input or the session" },
      ],
      examples: ['ati token inspect "$ATI_SESSION_TOKEN"', "ati token inspect - < token.txt"],
      run: async (context) => (await import("./token_inspect.ts")).inspect(context),
    },
    {
      name: "validate",
      summary: "Verify a token; exits 1 when it is not valid",
      description:
        "Verify signature, lifetime, audience and issuer as the proxy does. The key is " +
        "--key, else --secret, else ATI_JWT_PUBLIC_KEY, else ATI_JWT_SECRET.",
      arguments: [
        { usage: "[token]", summary: "The token; - or none reads standard input or the session" },
      ],
      options: [
        {
          flags: "--key <path>",
          summary: "Verification key: PEM, JWK or JWKS",
          completes: "file",
        },
        { flags: "--secret <hex>", summary: "HS256 secret" },
        {
          flags: "--audience <name>",
          summary: "Accepted audience",
          fallback: "$ATI_JWT_ACCEPTED_AUDIENCES, $ATI_JWT_AUDIENCE, ati-proxy",
          repeatable: true,
        },
        { flags: "--issuer <name>", summary: "Required issuer", fallback: "$ATI_JWT_ISSUER" },
      ],
      examples: [
        'ati token validate "$ATI_SESSION_TOKEN" --key jwt-public.pem',
        "ati token validate --json < token.txt | jq .scope",
      ],
      run: async (context) => (await import("./token_validate.ts")).validate(context),
    },
  ],
};

/** `ati auth`. */
export const AUTH: CommandSpec = {
  name: "auth",
  summary: "The session this shell has",
  commands: [
    {
      name: "status",
      summary: "Who the session token makes you, what it allows and for how long",
      options: [
        { flags: "--check", summary: "Exit 3 when the token is absent, expired or not valid" },
      ],
      examples: ["ati auth status", "ati auth status --check > /dev/null || renew-token"],
      run: async (context) => (await import("./auth_status.ts")).showStatus(context),
    },
  ],
};
