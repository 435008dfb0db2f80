/** What `ati dev` keeps in its directory: keys, secrets, a manifest, a session token. @module */

import { encodeHex } from "../encoding/hex.ts";
import { decodeUtf8, encodeUtf8 } from "../encoding/utf8.ts";
import { ConfigError } from "../errors.ts";
import { generateHs256Secret } from "../jwt/generate.ts";
import { issueToken } from "../jwt/issue.ts";
import { importSigningKey } from "../jwt/keys.ts";
import { readCredentials, setCredential } from "../keyring/credentials.ts";
import { DEV_TOKEN_TTL_SECONDS } from "../limits.ts";
import type { Env, FileStore } from "../ports.ts";
import { SIGNING_SECRET_NAME } from "../proxy/config.ts";
import { parseSigningSecret } from "../signature/secret.ts";
import { PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, writeKeyPair } from "./key_files.ts";

const CREDENTIAL_NAME = "echo_api_key";
const SCOPES = "tool:* skill:* help";

/** Path under which the proxy serves the echo upstream. */
export const ECHO_PREFIX: string = "/echo";

/** What was made, and where it lies. */
export interface DevState {
  /** The directory. */
  readonly directory: string;
  /** File of the session token. */
  readonly tokenFile: string;
  /** File of the signing secret, in hex. */
  readonly secretFile: string;
  /** Keyring entry that the manifest injects. */
  readonly credentialName: string;
  /** When the token ends, Unix seconds. */
  readonly expiresAt: number;
}

/** Makes the state, keeping keys and secrets that an earlier run left in the directory. */
export async function prepareState(
  directory: string,
  upstreamUrl: string,
  files: FileStore,
): Promise<DevState> {
  await files.makeDirectory(`${directory}/manifests`);
  await ensureKeyPair(directory, files);
  const credentials = await readCredentials(directory, files);
  const secret = credentials[SIGNING_SECRET_NAME] ?? generateHs256Secret();
  const additions = {
    [SIGNING_SECRET_NAME]: secret,
    [CREDENTIAL_NAME]: `dummy-${generateHs256Secret().slice(0, 24)}`,
  };
  for (const [name, value] of Object.entries(additions)) {
    if (credentials[name] === undefined) await setCredential(directory, name, value, files);
  }

  const tokenFile = `${directory}/session_token`;
  const secretFile = `${directory}/signing_secret`;
  const nowMs = Date.now();
  const key = await importSigningKey(await readText(`${directory}/${PRIVATE_KEY_FILE}`, files));
  const token = await issueToken(
    { sub: "dev", scope: SCOPES, ttlSeconds: DEV_TOKEN_TTL_SECONDS },
    key,
    { now: () => nowMs },
  );
  await files.write(tokenFile, encodeUtf8(`${token}\n`), { mode: 0o600 });
  const secretHex = encodeHex(parseSigningSecret(secret));
  await files.write(secretFile, encodeUtf8(`${secretHex}\n`), { mode: 0o600 });
  const manifest = encodeUtf8(formatManifest(upstreamUrl));
  await files.write(`${directory}/manifests/echo.toml`, manifest, { mode: 0o644 });
  const expiresAt = Math.floor(nowMs / 1000) + DEV_TOKEN_TTL_SECONDS;
  return { directory, tokenFile, secretFile, credentialName: CREDENTIAL_NAME, expiresAt };
}

/** The environment of the development proxy: of the caller's `ATI_*` variables it sees none. */
export function createDevEnv(directory: string, outer: Env): Env {
  const own = new Map([
    ["ATI_DIR", directory],
    ["ATI_JWT_PUBLIC_KEY", `${directory}/${PUBLIC_KEY_FILE}`],
    ["ATI_JWT_PRIVATE_KEY", `${directory}/${PRIVATE_KEY_FILE}`],
  ]);
  return {
    get: (name) => own.get(name) ?? (name.startsWith("ATI_") ? undefined : outer.get(name)),
    names: () => [...own.keys(), ...outer.names().filter((name) => !name.startsWith("ATI_"))],
  };
}

async function ensureKeyPair(directory: string, files: FileStore): Promise<void> {
  const hasPrivate = await files.stat(`${directory}/${PRIVATE_KEY_FILE}`) !== undefined;
  const hasPublic = await files.stat(`${directory}/${PUBLIC_KEY_FILE}`) !== undefined;
  if (hasPrivate && hasPublic) return;
  if (hasPrivate || hasPublic) {
    throw new ConfigError(`Cannot use ${directory}: it holds only one half of a key pair`, {
      reason: "half_key_pair",
      hint: `restore ${hasPrivate ? PUBLIC_KEY_FILE : PRIVATE_KEY_FILE}, or name another --dir`,
    });
  }
  await writeKeyPair(directory, files);
}

function formatManifest(upstreamUrl: string): string {
  return `# Made by \`ati dev\` at each start.
[provider]
name = "echo"
description = "Shows requests as they reach the upstream"
handler = "passthrough"
base_url = "${upstreamUrl}"
path_prefix = "${ECHO_PREFIX}"
strip_prefix = true
auth_type = "bearer"
auth_key_name = "${CREDENTIAL_NAME}"
`;
}

async function readText(path: string, files: FileStore): Promise<string> {
  return decodeUtf8(await files.read(path) ?? new Uint8Array());
}
