/** `ati token keygen`: new signing keys, printed or written to new files. @module */

import { encodeUtf8 } from "../encoding/utf8.ts";
import { JwtError } from "../errors.ts";
import { type Es256KeyPair, generateEs256KeyPair, generateHs256Secret } from "../jwt/generate.ts";
import type { CommandContext } from "./command.ts";
import { formatJson } from "./format.ts";
import { usageError } from "./options.ts";

/** Runs `ati token keygen`. */
export async function generateKey(context: CommandContext): Promise<number> {
  const { options } = context;
  const named = options.text("algorithm");
  const positional = context.arguments[0];
  if (named !== undefined && positional !== undefined && named !== positional) {
    throw usageError("The algorithm is given twice");
  }
  switch ((named ?? positional ?? "ES256").toUpperCase()) {
    case "ES256":
      return await generatePair(context);
    case "HS256":
      return await generateSecret(context);
    default:
      throw new JwtError("ERR_JWT_ALGORITHM", "Unsupported algorithm", {
        reason: "unsupported_algorithm",
        hint: "ES256 and HS256 are supported",
      });
  }
}

async function generatePair(context: CommandContext): Promise<number> {
  const { output, options } = context;
  const pair = await generateEs256KeyPair();
  const { privateKey, publicKey } = formatPair(pair, options.has("jwk"));
  const privateFile = await writeKey(context, "outPrivate", privateKey);
  const publicFile = await writeKey(context, "outPublic", publicKey);
  const printed = [
    ...(privateFile === undefined ? [privateKey] : []),
    ...(publicFile === undefined ? [publicKey] : []),
  ];
  await output.show({
    data: {
      algorithm: "ES256",
      kid: pair.kid,
      ...(privateFile === undefined ? { private_key: privateKey } : { private_file: privateFile }),
      ...(publicFile === undefined ? { public_key: publicKey } : { public_file: publicFile }),
    },
    text: printed,
  }, { terminal: "text", piped: "text", isScript: true });
  if (privateFile === undefined) {
    output.hint("the private key signs tokens: keep it on the host that issues them");
  }
  return 0;
}

async function generateSecret(context: CommandContext): Promise<number> {
  const { output, options } = context;
  if (options.has("jwk") || options.text("outPublic") !== undefined) {
    throw usageError("HS256 has one secret: --jwk and --out-public are for ES256");
  }
  const secret = generateHs256Secret();
  const file = await writeKey(context, "outPrivate", `${secret}\n`);
  await output.show({
    data: { algorithm: "HS256", ...(file === undefined ? { secret } : { secret_file: file }) },
    text: file === undefined ? [secret] : [],
  }, { terminal: "text", piped: "text", isScript: true });
  if (file === undefined) output.hint("ATI_JWT_SECRET takes it, on the proxy and on the issuer");
  return 0;
}

// Each text ends in a line feed, and is printed with one more: PEM, blank line, PEM, blank line.
function formatPair(
  pair: Es256KeyPair,
  asJwk: boolean,
): { readonly privateKey: string; readonly publicKey: string } {
  if (!asJwk) return { privateKey: pair.privatePem, publicKey: pair.publicPem };
  return {
    privateKey: `${formatJson(pair.privateJwk)}\n`,
    publicKey: `${formatJson(pair.publicJwk)}\n`,
  };
}

async function writeKey(
  { runtime, output, options }: CommandContext,
  option: "outPrivate" | "outPublic",
  text: string,
): Promise<string | undefined> {
  const path = options.text(option);
  if (path === undefined) return undefined;
  const mode = option === "outPrivate" ? 0o600 : 0o644;
  await runtime.files.write(path, encodeUtf8(text), { mode, exclusive: true });
  output.note(`wrote ${path}`);
  return path;
}
