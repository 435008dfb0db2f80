/** `ati sign`: a signature for one request, to try a proxy with or to use from scripts. @module */

import { encodeUtf8 } from "../encoding/utf8.ts";
import { ConfigError, FileError } from "../errors.ts";
import { readKeyVariables } from "../keyring/environment.ts";
import { loadKeyring } from "../keyring/load.ts";
import { MAX_SIGNED_BODY_BYTES } from "../limits.ts";
import { canonicalizeTarget } from "../passthrough/canonical_path.ts";
import type { Runtime } from "../ports.ts";
import { SIGNING_SECRET_NAME } from "../proxy/config.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { SignatureVersion } from "../signature/header.ts";
import { parseSigningSecret } from "../signature/secret.ts";
import { signSandboxRequest } from "../signature/sign.ts";
import type { SigningInput, SignSandboxOptions } from "../signature/sign.ts";
import type { CommandContext } from "./command.ts";
import { readFileText, readInputText, trimLineBreak } from "./input.ts";
import { filledText, usageError } from "./options.ts";
import type { Options } from "./options.ts";

const HEADER = "X-Sandbox-Signature";

/** Runs `ati sign`. */
export async function sign(context: CommandContext): Promise<number> {
  const { runtime, output, options } = context;
  assertOneSource(options);
  const version = chooseVersion(options);
  const [method = "", target = ""] = context.arguments;
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? "" : target.slice(mark);
  const body = await readBody(context);
  const value = await signOrExplain({ method, path, query, body }, {
    secret: parseSigningSecret(await readSigningSecret(context)),
    version,
    nonce: options.text("nonce"),
    hashes: runtime.hashes,
  });
  await output.show({
    data: { header: HEADER, value, version },
    text: [options.has("header") ? `${HEADER}: ${value}` : value],
  }, { terminal: "text", piped: "text", isScript: true });
  for (const problem of findProblems(method, target, body)) output.warn(problem);
  if (output.isTerminal && version === 1 && query !== "") {
    output.hint("version 1 does not cover the query; --sig-version 2 does");
  }
  return 0;
}

/** What every proxy refuses, however well it is signed; whoever tries that out means it so. */
function findProblems(method: string, target: string, body: Uint8Array): readonly string[] {
  const problems: string[] = [];
  const canonical = canonicalizeTarget(target);
  if (!canonical.ok) problems.push(`the proxy refuses this target: ${canonical.reason}`);
  const verb = method.toUpperCase();
  if (body.length > 0 && (verb === "GET" || verb === "HEAD")) {
    problems.push(`the proxy reads no body of ${verb}: signed with one, it is body_mismatch`);
  }
  return problems;
}

function assertOneSource(options: Options): void {
  const bodyFile = filledText(options, "bodyFile");
  if (bodyFile !== undefined && options.text("body") !== undefined) {
    throw usageError("Give the body once: as --body or --body-file");
  }
  if (bodyFile === "-" && options.text("secretFile") === "-") {
    throw usageError("Standard input cannot be both the body and the secret");
  }
}

// What only version 2 covers asks for it. Otherwise the version that every proxy reads.
function chooseVersion(options: Options): SignatureVersion {
  const needs2 = ["body", "bodyFile", "nonce"].some((name) => options.text(name) !== undefined);
  const given = options.text("sigVersion");
  if (given === "1" && needs2) {
    throw usageError(
      "Version 1 covers neither body nor nonce",
      "leave --sig-version out, or give --sig-version 2",
    );
  }
  return given === "2" || needs2 ? 2 : 1;
}

async function readBody({ runtime, options }: CommandContext): Promise<Uint8Array> {
  const path = options.text("bodyFile");
  if (path === undefined) return encodeUtf8(options.text("body") ?? "");
  if (path === "-") return await runtime.terminal.readInput(MAX_SIGNED_BODY_BYTES);
  const bytes = await runtime.files.read(path, { maxBytes: MAX_SIGNED_BODY_BYTES });
  if (bytes === undefined) throw new FileError("ERR_FILE_NOT_FOUND", `No such file: ${path}`);
  return bytes;
}

async function readSigningSecret({ runtime, options }: CommandContext): Promise<string> {
  const path = filledText(options, "secretFile");
  if (path === "-") return await readInputText(runtime);
  if (path !== undefined) return trimLineBreak(await readFileText(path, runtime));
  const directory = resolveAtiDirectory(runtime.env, options.text("atiDir"));
  const secret = readKeyVariables(runtime.env)[SIGNING_SECRET_NAME] ??
    await readFromKeyring(directory, runtime);
  if (secret !== undefined) return secret;
  throw new ConfigError(`Cannot sign: there is no ${SIGNING_SECRET_NAME}`, {
    reason: "missing_key",
    hint: `set ATI_KEY_${SIGNING_SECRET_NAME.toUpperCase()}, store it with ` +
      `\`ati key set ${SIGNING_SECRET_NAME}\`, or give --secret-file`,
  });
}

async function readFromKeyring(atiDir: string, runtime: Runtime): Promise<string | undefined> {
  const { read, list, stat } = runtime.files;
  // The one-shot key of a keyring is the proxy's to use up.
  const files = { read, list, stat, remove: (): Promise<boolean> => Promise.resolve(true) };
  const { keyring, error } = await loadKeyring({ atiDir }, { env: runtime.env, files });
  if (error !== undefined) throw error;
  return keyring.get(SIGNING_SECRET_NAME);
}

/** What cannot be signed was typed so: a mistake of the command line, no defect. */
async function signOrExplain(request: SigningInput, options: SignSandboxOptions): Promise<string> {
  try {
    return await signSandboxRequest(request, options);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw usageError(
      error.message,
      "give the method and what follows the host: ati sign GET '/v1/chat?x=1'",
    );
  }
}
