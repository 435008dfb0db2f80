/** `ati token inspect`: what a token says, unverified. @module */

import type { JwtClaims } from "../jwt/claims.ts";
import { inspectToken } from "../jwt/inspect.ts";
import { parseScopes } from "../scope/parse.ts";
import type { CommandContext } from "./command.ts";
import { readToken } from "./input.ts";
import { printable } from "./format.ts";
import { formatTime } from "./time.ts";

/** Runs `ati token inspect`. */
export async function inspect(context: CommandContext): Promise<number> {
  const { claims } = inspectToken(await readToken(context));
  const data = describeClaims(claims);
  const dates = new Set(["exp", "iat", "nbf"]);
  const text = Object.entries(data)
    .filter(([key, value]) => value !== null && key !== "scopes")
    .map(([key, value]) => {
      const shown = typeof value === "string" ? value : JSON.stringify(value);
      const date = dates.has(key) && typeof value === "number" ? ` (${formatTime(value)})` : "";
      return `${key}: ${printable(shown)}${date}`;
    });
  await context.output.show({ data, text }, { terminal: "text", piped: "json" });
  if (context.output.isTerminal) context.output.hint("the signature was not checked");
  return 0;
}

/** The claims as the reference shows them: every known name, `null` where the token has none. */
export function describeClaims(claims: JwtClaims): Readonly<Record<string, unknown>> {
  return {
    ati: claims.ati ?? null,
    aud: claims.aud,
    exp: claims.exp,
    iat: claims.iat,
    iss: claims.iss ?? null,
    job_id: claims.job_id ?? null,
    jti: claims.jti ?? null,
    nbf: claims.nbf ?? null,
    sandbox_id: claims.sandbox_id ?? null,
    scope: claims.scope,
    scopes: parseScopes(claims.scope),
    sub: claims.sub,
  };
}
