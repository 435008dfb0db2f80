/**
 * `ati auth status`: who the session token makes this shell, what it allows and for how long.
 *
 * @module
 */

import { isAtiError, JwtError } from "../errors.ts";
import type { JwtClaims } from "../jwt/claims.ts";
import { loadJwtConfig } from "../jwt/config.ts";
import { inspectToken } from "../jwt/inspect.ts";
import { validateToken } from "../jwt/validate.ts";
import type { Runtime } from "../ports.ts";
import { parseScopes } from "../scope/parse.ts";
import { SESSION_TOKEN_VARIABLE } from "../session/default_file.ts";
import { resolveToken } from "../session/resolve.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./format.ts";
import type { Style } from "./style.ts";
import { formatRemaining, formatTime } from "./time.ts";

const CHECK_FAILED_EXIT_CODE = 3;

/** What could be found out about the signature; `null` where there is no key to check it with. */
interface Verification {
  readonly isVerified: boolean | null;
  readonly why: string | undefined;
  readonly reason: string | null;
}

/** Runs `ati auth status`. */
export async function showStatus({ runtime, output, options }: CommandContext): Promise<number> {
  const found = await resolveToken(SESSION_TOKEN_VARIABLE, runtime);
  if (found === undefined) {
    await output.show({
      data: { present: false, source: null },
      text: [
        `No session token: ${SESSION_TOKEN_VARIABLE} is not set.`,
        "Without one, local commands run unrestricted and a proxy with keys refuses you.",
      ],
    }, { terminal: "text", piped: "text" });
    return options.has("check") ? CHECK_FAILED_EXIT_CODE : 0;
  }
  const { claims } = inspectToken(found.token);
  const verification = await verify(found.token, runtime);
  const status = describeStatus(claims, verification, Math.floor(Date.now() / 1000));
  await output.show({
    data: { ...status, present: true, source: found.source },
    text: formatStatus(claims, { status, verification, source: found.source, style: output.style }),
  }, { terminal: "text", piped: "json" });
  const isUsable = !status.expired && verification.isVerified !== false;
  return options.has("check") && !isUsable ? CHECK_FAILED_EXIT_CODE : 0;
}

type Status = ReturnType<typeof describeStatus>;

function describeStatus(claims: JwtClaims, verification: Verification, nowSeconds: number) {
  const scopes = parseScopes(claims.scope);
  return {
    aud: claims.aud,
    exp: claims.exp,
    // Without the leeway that a verifier grants: whoever holds the token should renew it now.
    expired: nowSeconds >= claims.exp,
    help_enabled: scopes.includes("help") || scopes.includes("*"),
    iat: claims.iat,
    iss: claims.iss ?? null,
    job_id: claims.job_id ?? null,
    jti: claims.jti ?? null,
    sandbox_id: claims.sandbox_id ?? null,
    route_scopes: scopes.filter((scope) => scope.startsWith("passthrough:")).length,
    scope: claims.scope,
    scopes,
    signature_verified: verification.isVerified,
    skill_scopes: scopes.filter((scope) => scope.startsWith("skill:")).length,
    sub: claims.sub,
    time_remaining_secs: Math.max(0, claims.exp - nowSeconds),
    tool_scopes: scopes.filter((scope) => scope.startsWith("tool:")).length,
    verification: verification.reason,
  };
}

// An expired token whose signature is right is not a forged one: the dates are told apart.
async function verify(token: string, runtime: Runtime): Promise<Verification> {
  try {
    const config = await loadJwtConfig(runtime);
    if (config === undefined) {
      return { isVerified: null, why: "no verification key is configured", reason: null };
    }
    const { verificationKeys: keys, audiences, issuer } = config;
    await validateToken(token, { keys, audiences, issuer });
    return { isVerified: true, why: undefined, reason: "valid" };
  } catch (error) {
    if (!isAtiError(error)) throw error;
    if (!(error instanceof JwtError)) {
      return { isVerified: null, why: error.message, reason: error.reason ?? null };
    }
    const isDate = error.code === "ERR_JWT_EXPIRED" || error.code === "ERR_JWT_NOT_YET_VALID";
    return {
      isVerified: isDate,
      why: error.message.replace("Cannot validate JWT: ", ""),
      reason: error.reason ?? error.code,
    };
  }
}

interface StatusParts {
  readonly status: Status;
  readonly verification: Verification;
  readonly source: string;
  readonly style: Style;
}

function formatStatus(claims: JwtClaims, parts: StatusParts): string[] {
  const { status, verification, source, style } = parts;
  const audience = typeof claims.aud === "string" ? claims.aud : claims.aud.join(", ");
  return [
    ...row("Agent", claims.sub),
    ...row("Issuer", claims.iss),
    ...row("Audience", audience),
    ...row("Job ID", claims.job_id),
    ...row("Sandbox", claims.sandbox_id),
    `Scopes:   ${status.tool_scopes} tools, ${status.skill_scopes} skills, ` +
    `${status.route_scopes === 0 ? "" : `${status.route_scopes} routes, `}help ${
      status.help_enabled ? "enabled" : "disabled"
    }`,
    `  ${printable(claims.scope)}`,
    `Expires:  ${formatExpiry(status, style)}`,
    `Verified: ${formatVerification(verification, style)}`,
    ...row("Source", source),
  ];
}

function row(label: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${`${label}:`.padEnd(9)} ${printable(value)}`];
}

function formatExpiry(status: Status, style: Style): string {
  if (status.expired) return style.red("EXPIRED");
  return `${formatTime(status.exp)} (${formatRemaining(status.time_remaining_secs)} remaining)`;
}

function formatVerification({ isVerified, why }: Verification, style: Style): string {
  const because = why === undefined ? "" : ` (${printable(why)})`;
  if (isVerified === null) return `${style.yellow("UNKNOWN")}${because}`;
  return isVerified ? `${style.green("YES")}${because}` : `${style.red("NO")}${because}`;
}
