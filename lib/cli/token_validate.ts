/** `ati token validate`: the proxy's verdict on a token. @module */

import { ConfigError, JwtError } from "../errors.ts";
import { loadAudiences, loadJwtConfig } from "../jwt/config.ts";
import { importSecret, importVerificationKeys, type VerificationKey } from "../jwt/keys.ts";
import { validateToken } from "../jwt/validate.ts";
import type { JwtClaims } from "../jwt/claims.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./format.ts";
import { readFileText, readToken } from "./input.ts";
import { filledList, filledText, usageError } from "./options.ts";
import { describeClaims } from "./token_inspect.ts";

// As the reference: whatever is wrong with the token, the answer is 1.
const INVALID_EXIT_CODE = 1;

/** Runs `ati token validate`. */
export async function validate(context: CommandContext): Promise<number> {
  const { runtime, output, options } = context;
  const named = filledList(options, "audience");
  const policy = {
    keys: await readVerificationKeys(context),
    audiences: named.length > 0 ? named : loadAudiences(runtime.env),
    issuer: filledText(options, "issuer") ?? (runtime.env.get("ATI_JWT_ISSUER") || undefined),
  };
  const token = await readToken(context);
  let claims: JwtClaims;
  try {
    claims = await validateToken(token, policy);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return output.fail(error, { exitCode: INVALID_EXIT_CODE, prefix: "INVALID —" });
  }
  if (output.format !== undefined) {
    const data = describeClaims(claims);
    const text = [`sub: ${printable(claims.sub)}`, `scope: ${printable(claims.scope)}`];
    await output.show({ data, text }, { terminal: "text", piped: "json" });
  }
  const { sub, scope, exp } = claims;
  output.note(`VALID sub=${printable(sub)} scope=${printable(scope)} exp=${exp}`);
  return 0;
}

async function readVerificationKeys(
  { runtime, options }: CommandContext,
): Promise<readonly VerificationKey[]> {
  const path = options.text("key");
  const secret = options.text("secret");
  if (path !== undefined && secret !== undefined) {
    throw usageError("Give one key: --key or --secret");
  }
  if (path !== undefined) return await importVerificationKeys(await readFileText(path, runtime));
  if (secret !== undefined) return [(await importSecret(secret)).verificationKey];
  const config = await loadJwtConfig(runtime);
  if (config !== undefined) return config.verificationKeys;
  throw new ConfigError("No key to verify with", {
    reason: "missing_key",
    hint: "give --key or --secret, or set ATI_JWT_PUBLIC_KEY or ATI_JWT_SECRET",
  });
}
