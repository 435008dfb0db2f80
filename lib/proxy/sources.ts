/**
 * Everything the proxy serves from, read from the ATI directory and the environment in one go.
 *
 * @module
 */

import type { AtiError, ManifestIssue } from "../errors.ts";
import { loadJwtConfig } from "../jwt/config.ts";
import type { JwtConfig } from "../jwt/config.ts";
import type { Keyring } from "../keyring/keyring.ts";
import { loadKeyring } from "../keyring/load.ts";
import type { KeyringFiles, LoadedKeyring } from "../keyring/load.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { loadManifests } from "../manifest/load.ts";
import type { LoadedManifests } from "../manifest/load.ts";
import { parseToml } from "../manifest/toml.ts";
import type { Manifest } from "../manifest/types.ts";
import { isPlainObject } from "../encoding/json.ts";
import type { Env, Files } from "../ports.ts";
import type { ProxySettings } from "./settings.ts";

/** What the proxy serves from: one consistent reading of keys, credentials and manifests. */
export interface ProxySources {
  /** How session tokens are verified; absent: no authentication by token. */
  readonly jwt?: JwtConfig | undefined;
  /** Upstream credentials and the signing secret. */
  readonly keyring: Pick<Keyring, "get">;
  /** Where the keyring came from, for example `keyring.enc (persistent key)`. */
  readonly keyringSource: string;
  /** What is odd about the keyring, but no error: a one-shot key that could not be removed. */
  readonly keyringIssue?: AtiError | undefined;
  /** The manifests. */
  readonly manifests: readonly Manifest[];
  /** What is odd in manifests and config.toml, but no error. */
  readonly warnings: readonly ManifestIssue[];
  /** Members of `[proxy.jwt]` in config.toml, which the proxy does not read; default none. */
  readonly unreadJwtKeys?: readonly string[] | undefined;
  /** True: there is an `ATI_JWT_SECRET` that is passed over for `ATI_JWT_PUBLIC_KEY`. */
  readonly isSecretUnread?: boolean | undefined;
}

/** What a source loader needs of the machine. */
export interface SourcePorts {
  /** Environment variables. */
  readonly env: Env;
  /** Files; a one-shot sealing key is removed through it. */
  readonly files: KeyringFiles;
}

/**
 * Makes the loader that a proxy calls at start and at each reload. Every call reads everything anew;
 * a one-shot sealing key, gone from disk after the first call, is remembered for the later ones.
 *
 * @param settings Where to read.
 * @param ports Environment and files.
 * @returns The loader. It rejects with an `AtiError` that names the variable or file and says why:
 *   broken JWT configuration, keyring that cannot be opened, no manifests folder, broken manifests.
 */
export function createSourceLoader(
  settings: Pick<ProxySettings, "atiDir" | "envKeys">,
  ports: SourcePorts,
): () => Promise<ProxySources> {
  const parts = createSourceParts(settings, ports);
  return async () => {
    const jwt = await parts.jwt();
    const { manifests, warnings } = await parts.manifests();
    const config = await parts.config();
    // Last: opening a sealed keyring uses up a key that exists once.
    const loaded = await parts.keyring();
    return {
      jwt,
      keyring: loaded.keyring,
      keyringSource: loaded.source,
      keyringIssue: loaded.removalError,
      manifests,
      warnings: [...warnings, ...config.warnings],
      unreadJwtKeys: config.jwtKeys,
      isSecretUnread: jwt?.algorithm === "ES256" && isFilled(ports.env.get("ATI_JWT_SECRET")),
    };
  };
}

/** The parts of the sources, each read anew by each call; they reject as the loader does. */
export interface SourceParts {
  /** Keys and names that tokens are verified with. */
  jwt(): Promise<JwtConfig | undefined>;
  /** Provider manifests. */
  manifests(): Promise<LoadedManifests>;
  /** What of config.toml concerns the proxy. */
  config(): Promise<ConfigFile>;
  /** Upstream credentials. */
  keyring(): Promise<LoadedKeyring>;
}

/** Makes the readers that {@link createSourceLoader} calls one after the other. */
export function createSourceParts(
  { atiDir, envKeys }: Pick<ProxySettings, "atiDir" | "envKeys">,
  ports: SourcePorts,
): SourceParts {
  let sealingKey: Uint8Array | undefined;
  return {
    jwt: () => loadJwtConfig(ports),
    manifests: () => loadManifests(`${atiDir}/manifests`, ports.files),
    config: () => readConfigFile(`${atiDir}/config.toml`, ports.files),
    async keyring() {
      const loaded = await loadKeyring({ atiDir, envKeys, sealingKey }, ports);
      if (loaded.error !== undefined) throw loaded.error;
      sealingKey = loaded.sealingKey ?? sealingKey;
      return loaded;
    },
  };
}

/** What of config.toml concerns the proxy. */
export interface ConfigFile {
  /** Members of `[proxy.jwt]`, which are not in force. */
  readonly jwtKeys: readonly string[];
  /** What is odd about the file. */
  readonly warnings: readonly ManifestIssue[];
}

/** As lists of keys are read: commas alone hold none. */
function isFilled(text: string = ""): boolean {
  return /[^,\s]/.test(text);
}

/** The keys of `[proxy.jwt]`: people expect them to be in force, and nothing in that file is. */
async function readConfigFile(file: string, files: Files): Promise<ConfigFile> {
  const bytes = await files.read(file, { maxBytes: MAX_CONFIG_FILE_BYTES });
  if (bytes === undefined) return { jwtKeys: [], warnings: [] };
  // Bytes that are not UTF-8 become characters that no key is made of.
  const parsed = parseToml(new TextDecoder().decode(bytes));
  if (!parsed.ok) {
    const message = "Is not valid TOML; nothing in this file is in force";
    return { jwtKeys: [], warnings: [{ file, line: parsed.line, path: "", message }] };
  }
  const proxy = parsed.value["proxy"];
  const jwt = isPlainObject(proxy) ? proxy["jwt"] : undefined;
  return { jwtKeys: isPlainObject(jwt) ? Object.keys(jwt) : [], warnings: [] };
}
