/** `ati token issue`: a signed session token, alone on standard output. @module */

import { ConfigError, ScopeError } from "../errors.ts";
import { loadJwtConfig } from "../jwt/config.ts";
import { type IssueInput, issueToken } from "../jwt/issue.ts";
import { importSecret, importSigningKey, type SigningKey } from "../jwt/keys.ts";
import { DEFAULT_TTL_SECONDS } from "../limits.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import { parseRate } from "../scope/rate.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./format.ts";
import { readFileText, readInputText } from "./input.ts";
import { PRIVATE_KEY_FILE } from "./key_files.ts";
import { filledText, usageError } from "./options.ts";
import { assertNarrowings, findMisspellings } from "./scope_check.ts";
import { quoteShell } from "./shell.ts";
import { formatTime, parseDuration, parseTime } from "./time.ts";

/** Runs `ati token issue`. */
export async function issue(context: CommandContext): Promise<number> {
  const nowMs = Date.now();
  const input = readInput(context, nowMs);
  assertNarrowings(input.scope);
  const key = await readSigningKey(context);
  const token = await signToken(input, { key, nowMs });
  for (const sentence of findMisspellings(input.scope)) context.output.warn(printable(sentence));
  await showToken(context, token, Math.floor(nowMs / 1000) + input.ttlSeconds);
  return 0;
}

function readInput(
  { runtime, options }: CommandContext,
  nowMs: number,
): IssueInput & { readonly ttlSeconds: number } {
  const ttl = options.text("ttl");
  const ttlSeconds = ttl === undefined ? DEFAULT_TTL_SECONDS : parseDuration(ttl, "--ttl");
  const notBefore = options.text("notBefore") ?? options.text("nbf");
  const nbf = notBefore === undefined ? undefined : parseTime(notBefore, "--not-before", nowMs);
  if (nbf !== undefined && nbf >= Math.floor(nowMs / 1000) + ttlSeconds) {
    throw usageError("--not-before lies after the end of the token");
  }
  return {
    sub: filledText(options, "sub") ?? "",
    scope: options.text("scope") ?? "",
    ttlSeconds,
    aud: filledText(options, "aud"),
    iss: filledText(options, "iss") ?? (runtime.env.get("ATI_JWT_ISSUER") || undefined),
    jti: filledText(options, "jti"),
    nbf,
    rate: parseRateOptions(options.list("rate")),
    customerId: filledText(options, "customerId"),
    jobId: filledText(options, "jobId"),
    sandboxId: filledText(options, "sandboxId"),
  };
}

async function signToken(
  input: IssueInput,
  { key, nowMs }: { readonly key: SigningKey; readonly nowMs: number },
): Promise<string> {
  try {
    return await issueToken(input, key, { now: () => nowMs });
  } catch (error) {
    if (error instanceof RangeError) throw usageError("--ttl reaches further than dates do");
    throw error;
  }
}

async function showToken(
  { runtime, output, options }: CommandContext,
  token: string,
  expiresAtSeconds: number,
): Promise<void> {
  const expiresAt = formatTime(expiresAtSeconds);
  const isExport = options.has("export");
  // `T=$(ati token issue …)` must work wherever ATI_OUTPUT is set: only a flag makes it an object.
  if (isExport) output.line(`export ATI_SESSION_TOKEN=${quoteShell(token)}`);
  else if (!output.jsonFlag) output.line(token);
  else {
    const data = { token, expires_at: expiresAt };
    await output.show({ data, text: [] }, { terminal: "json", piped: "json" });
  }
  if (!runtime.terminal.isTerminal("stderr")) return;
  output.note(`valid until ${expiresAt}`);
  if (output.isTerminal && !isExport) {
    output.hint("--export prints it as a line for `eval`; `ati auth status` shows what it allows");
  }
}

function parseRateOptions(rates: readonly string[]): Record<string, string> | undefined {
  if (rates.length === 0) return undefined;
  const entries = rates.map((text): [string, string] => {
    const split = text.indexOf("=");
    if (split < 1) throw usageError("--rate is not PATTERN=SPEC", "--rate tool:github:*=10/hour");
    const spec = text.slice(split + 1);
    checkRate(spec);
    return [text.slice(0, split), spec];
  });
  return Object.fromEntries(entries);
}

function checkRate(spec: string): void {
  try {
    parseRate(spec);
  } catch (error) {
    if (!(error instanceof ScopeError)) throw error;
    const hint = "write a number and s, m, h or d: --rate tool:github:*=10/hour";
    throw new ScopeError(error.code, `Cannot use --rate: ${error.message}`, {
      reason: error.reason,
      hint,
      cause: error,
    });
  }
}

async function readSigningKey({ runtime, options }: CommandContext): Promise<SigningKey> {
  const path = options.text("key");
  const secret = options.text("secret");
  if (path !== undefined && secret !== undefined) {
    throw usageError("Give one key: --key or --secret");
  }
  if (path !== undefined) return await importSigningKey(await readFileText(path, runtime));
  if (secret !== undefined) {
    const hex = secret === "-" ? (await readInputText(runtime)).trim() : secret;
    return (await importSecret(hex)).signingKey;
  }
  const key = (await loadJwtConfig(runtime))?.signingKey;
  if (key !== undefined) return key;
  const keyFile = `${resolveAtiDirectory(runtime.env)}/${PRIVATE_KEY_FILE}`;
  const isThere = await runtime.files.stat(keyFile) !== undefined;
  throw new ConfigError("No key to sign with", {
    reason: "missing_key",
    hint: isThere
      ? `the key is there: export ATI_JWT_PRIVATE_KEY=${quoteShell(keyFile)}`
      : "give --key or --secret, or set ATI_JWT_PRIVATE_KEY or ATI_JWT_SECRET; " +
        "`ati init --proxy --es256` makes keys",
  });
}
