/**
 * `ati init`: the state directory, and with `--proxy` the keys that sign session tokens.
 *
 * A signing key that exists is never replaced unless `--force` is given, and then kept beside the new
 * one: whoever holds tokens of the old key would be locked out.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../encoding/utf8.ts";
import { FileError } from "../errors.ts";
import { generateHs256Secret } from "../jwt/generate.ts";
import { DEFAULT_PORT } from "../limits.ts";
import type { FileStore } from "../ports.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";
import { PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, writeKeyPair } from "./key_files.ts";
import { usageError } from "./options.ts";
import { absolutePath, quoteShell } from "./shell.ts";

const FOLDERS: readonly string[] = ["manifests", "specs", "skills"];
const CONFIG = "config.toml";
const SECRET_LINE_REGEXP = /^\s*secret\s*=/m;

const TEMPLATE = `# ATI configuration
#
# Provider manifests live in manifests/, credentials are stored by \`ati key set\`.
# \`ati init --proxy --es256\` makes the keys of a proxy.
`;

type Mode = "plain" | "HS256" | "ES256";

/** Runs `ati init`. */
export async function initialize({ runtime, output, options }: CommandContext): Promise<number> {
  const { files, env } = runtime;
  const mode = readMode(options.has("proxy"), options.has("es256"));
  const directory = absolutePath(
    resolveAtiDirectory(env, options.text("atiDir")),
    runtime.cwd(),
  );
  const force = options.has("force");
  if (mode !== "plain" && !force) await refuseExistingKeys(directory, files);

  for (const folder of FOLDERS) await files.makeDirectory(`${directory}/${folder}`);
  const backups = mode === "plain" ? [] : await backUp(directory, files);
  const written = await writeFiles(directory, mode, { files, force });

  const exports = describeExports(directory, mode, options.text("atiDir") !== undefined);
  const created = [...FOLDERS.map((folder) => `${folder}/`), ...written];
  for (const backup of backups) output.note(`kept the old file as ${backup}`);
  output.note(`initialized ${directory}: ${created.join(" ")}`);
  await output.show(
    { data: { ati_dir: directory, created, backups, exports }, text: exports },
    { terminal: "text", piped: "text", isScript: true },
  );
  output.hint(
    mode === "plain"
      ? "`ati key set <name>` stores a credential, `ati init --proxy --es256` makes a proxy's keys"
      : "next, in this shell:\n  ati proxy\n" +
        '  ati token issue --sub agent-1 --scope "tool:* help"',
  );
  return 0;
}

function readMode(proxy: boolean, es256: boolean): Mode {
  if (es256 && !proxy) throw usageError("--es256 needs --proxy", "ati init --proxy --es256");
  if (!proxy) return "plain";
  return es256 ? "ES256" : "HS256";
}

async function refuseExistingKeys(directory: string, files: FileStore): Promise<void> {
  const found: string[] = [];
  for (const name of [PRIVATE_KEY_FILE, PUBLIC_KEY_FILE]) {
    if (await files.stat(`${directory}/${name}`) !== undefined) found.push(name);
  }
  if (SECRET_LINE_REGEXP.test(await readText(`${directory}/${CONFIG}`, files))) found.push(CONFIG);
  if (found.length > 0) throw keyExistsError(directory, found);
}

function keyExistsError(directory: string, found: readonly string[]): FileError {
  const mode = found.some((name) => name !== CONFIG) ? "ES256" : "HS256";
  const exports = describeExports(directory, mode, false);
  return new FileError(
    "ERR_FILE_EXISTS",
    `Cannot make new keys: ${directory} holds ${found.join(", ")}`,
    {
      reason: "key_exists",
      hint: `to use what is there:\n  ${exports.join("\n  ")}\n` +
        "or --force, which replaces them, keeps the old ones as a backup and ends every token",
    },
  );
}

// Only a file that somebody wrote something into is worth keeping.
async function backUp(directory: string, files: FileStore): Promise<string[]> {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const backups: string[] = [];
  for (const name of [CONFIG, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE]) {
    const old = await files.read(`${directory}/${name}`);
    if (old === undefined || (name === CONFIG && holdsCommentsOnly(old))) {
      continue;
    }
    const backup = `${directory}/${name}.${stamp}.bak`;
    await files.write(backup, old, { mode: 0o600, exclusive: true });
    backups.push(backup);
  }
  return backups;
}

function holdsCommentsOnly(bytes: Uint8Array): boolean {
  return decodeUtf8(bytes).split("\n").every((line) => /^\s*(?:#|$)/.test(line));
}

async function writeFiles(
  directory: string,
  mode: Mode,
  { files, force }: { readonly files: FileStore; readonly force: boolean },
): Promise<string[]> {
  const config = `${directory}/${CONFIG}`;
  switch (mode) {
    case "plain":
      if (await files.stat(config) !== undefined) return [];
      await files.write(config, encodeUtf8(TEMPLATE), { mode: 0o644 });
      return [CONFIG];
    case "HS256": {
      const members = ['algorithm = "HS256"', `secret = "${generateHs256Secret()}"`];
      const text = encodeUtf8(formatConfig(members));
      // Under the lock: of two that start at once only one may set the secret.
      await files.update(config, (old) => {
        const isTaken = old !== undefined && SECRET_LINE_REGEXP.test(decodeUtf8(old));
        if (isTaken && !force) throw keyExistsError(directory, [CONFIG]);
        return text;
      }, { mode: 0o600 });
      return [CONFIG];
    }
    case "ES256": {
      await writeKeyPair(directory, files, { replace: force });
      const members = [
        'algorithm = "ES256"',
        `private_key = "${PRIVATE_KEY_FILE}"`,
        `public_key = "${PUBLIC_KEY_FILE}"`,
      ];
      await files.write(config, encodeUtf8(formatConfig(members)), { mode: 0o644 });
      return [CONFIG, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE];
    }
  }
}

function formatConfig(jwt: readonly string[]): string {
  return `# The proxy takes its JWT keys from ATI_JWT_* variables, not from this file.

[proxy]
port = ${DEFAULT_PORT}
bind = "127.0.0.1"

[proxy.jwt]
${jwt.join("\n")}

# A token for an agent:
#   ati token issue --sub agent-1 --scope "tool:* help"
`;
}

function describeExports(directory: string, mode: Mode, namesDirectory: boolean): string[] {
  const lines = namesDirectory && mode !== "plain" ? [exportLine("ATI_DIR", directory)] : [];
  if (mode === "HS256") {
    // Read out of the file, so that the secret is neither on the screen nor in the history.
    const config = quoteShell(`${directory}/${CONFIG}`);
    lines.push(`export ATI_JWT_SECRET="$(sed -n 's/^secret = "\\(.*\\)"$/\\1/p' ${config})"`);
  }
  if (mode === "ES256") {
    lines.push(exportLine("ATI_JWT_PUBLIC_KEY", `${directory}/${PUBLIC_KEY_FILE}`));
    lines.push(exportLine("ATI_JWT_PRIVATE_KEY", `${directory}/${PRIVATE_KEY_FILE}`));
  }
  return lines;
}

function exportLine(name: string, value: string): string {
  return `export ${name}=${quoteShell(value)}`;
}

async function readText(path: string, files: FileStore): Promise<string> {
  const bytes = await files.read(path);
  return bytes === undefined ? "" : decodeUtf8(bytes);
}
