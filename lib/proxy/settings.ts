/**
 * What the proxy is told by flags and environment. A flag wins over its variable, a variable over
 * the default; a blank variable counts as not set.
 *
 * | flag | variable | default |
 * |---|---|---|
 * | `--port` | `PORT` | 8090 |
 * | `--bind` | `ATI_BIND` | 127.0.0.1 |
 * | `--ati-dir` | `ATI_DIR` | `$HOME/.ati`, else `.ati` |
 * | `--env-keys` | `ATI_ENV_KEYS` | off |
 * | `--enable-passthrough` | `ATI_ENABLE_PASSTHROUGH` | off |
 * | `--sig-verify-mode` | `ATI_SIG_VERIFY_MODE` | `log` |
 * | `--sig-drift-seconds` | `ATI_SIG_DRIFT_SECONDS` | 60 |
 * | `--sig-min-version` | `ATI_SIG_MIN_VERSION` | 1 |
 * | `--sig-exempt-paths` | `ATI_SIG_EXEMPT_PATHS` | {@link DEFAULT_EXEMPT_PATHS} |
 * | `--watch` | `ATI_WATCH` | off |
 * | | `ATI_SSRF_PROTECTION` | off |
 * | | `ATI_METRICS_TOKEN` | `/metrics` is open to this machine only |
 * | | `OTEL_*`, see docs/observability.md | nothing is exported |
 * | `--log-level` | `ATI_LOG_LEVEL`, then a level in `RUST_LOG` | `info` |
 *
 * @module
 */

import { AtiError, ConfigError, isAtiError } from "../errors.ts";
import {
  DEFAULT_PORT,
  DEFAULT_SIGNATURE_DRIFT_SECONDS,
  MIN_METRICS_TOKEN_CHARS,
} from "../limits.ts";
import { compileGlobs } from "../passthrough/glob.ts";
import type { AddressPolicy, Env, LogLevel } from "../ports.ts";
import type { SignatureVersion } from "../signature/header.ts";
import { parseTelemetrySettings } from "../telemetry/settings.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import { parseIpLiteral } from "./address.ts";

const MAX_PORT = 65_535;
const WHOLE_NUMBER_REGEXP = /^\d{1,15}$/;
const TRUE_WORDS: readonly string[] = ["1", "true", "yes", "on"];
const FALSE_WORDS: readonly string[] = ["0", "false", "no", "off"];
const MODES: readonly SignatureMode[] = ["log", "warn", "enforce"];
const VERSIONS = ["1", "2"] as const;
const BLOCK_WORDS: readonly string[] = [...TRUE_WORDS, "block"];
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const VISIBLE_REGEXP = /^[\x21-\x7e]+$/;
const RUST_LEVEL_REGEXP = /^(?:ati=)?(trace|debug|info|warn|error|off)$/i;

/** What happens to a request whose sandbox signature is not valid. */
export type SignatureMode = "log" | "warn" | "enforce";

/** Paths that need no signature unless `--sig-exempt-paths` replaces them (globs; `*` crosses `/`). */
export const DEFAULT_EXEMPT_PATHS: readonly string[] = [
  "/healthz",
  "/health",
  "/root/*",
  "/root/**",
  "/npm/*",
  "/npm/**",
  "/otel/*",
  "/otel/**",
  "/.well-known/jwks.json",
];

/** How sandbox signatures are judged. */
export interface SignatureSettings {
  /** What happens to a request whose signature is not valid. */
  readonly mode: SignatureMode;
  /** Allowed clock drift, in seconds. */
  readonly driftSeconds: number;
  /** Oldest version of the header that is valid; default 1. Version 2 cannot be replayed. */
  readonly minVersion?: SignatureVersion | undefined;
  /** Globs on the canonical path of requests that need no signature. */
  readonly exemptPaths: readonly string[];
}

/** Everything the proxy is told from outside, checked. */
export interface ProxySettings {
  /** TCP port; 0 picks a free one. */
  readonly port: number;
  /** IP literal to listen on, without brackets. */
  readonly bind: string;
  /** Folder of manifests and keyring, without a trailing slash. */
  readonly atiDir: string;
  /** True: credentials come from `ATI_KEY_*` variables, no keyring file is read. */
  readonly envKeys: boolean;
  /** True: passthrough manifests are served. */
  readonly enablePassthrough: boolean;
  /** How sandbox signatures are judged. */
  readonly signature: SignatureSettings;
  /** True: manifests, keyring and key files are watched, and everything is reloaded when they change. */
  readonly watch: boolean;
  /** What is done where a route with a credential would dial a private address. */
  readonly privateAddresses: AddressPolicy;
  /** Opens `/metrics` to whoever shows it as a bearer token; absent: to this machine only. */
  readonly metricsToken?: string | undefined;
  /** Where spans and metrics are exported to; absent: nowhere. */
  readonly telemetry?: TelemetrySettings | undefined;
  /** Lowest level that is logged. */
  readonly logLevel: LogLevel;
}

/** The flags of `ati proxy`, as the command line has them; absent where not given. */
export interface ProxyFlags {
  /** `--port`. */
  readonly port?: string | number | undefined;
  /** `--bind`. */
  readonly bind?: string | undefined;
  /** `--ati-dir`. */
  readonly atiDir?: string | undefined;
  /** `--env-keys`. */
  readonly envKeys?: boolean | undefined;
  /** `--enable-passthrough`. */
  readonly enablePassthrough?: boolean | undefined;
  /** `--sig-verify-mode`. */
  readonly sigVerifyMode?: string | undefined;
  /** `--sig-drift-seconds`. */
  readonly sigDriftSeconds?: string | number | undefined;
  /** `--sig-min-version`. */
  readonly sigMinVersion?: string | number | undefined;
  /** `--sig-exempt-paths`: comma-separated; an empty text exempts nothing. */
  readonly sigExemptPaths?: string | undefined;
  /** `--watch`. */
  readonly watch?: boolean | undefined;
  /** `--log-level`. */
  readonly logLevel?: string | undefined;
}

/** Where {@link parseProxySettings} takes its values from. */
export interface SettingsInput {
  /** Environment variables. */
  readonly env: Env;
  /** Command line flags; default none. */
  readonly flags?: ProxyFlags | undefined;
}

/**
 * Parses the settings of the proxy from flags and environment.
 *
 * @param input Environment and flags.
 * @returns The settings, every one of them checked.
 * @throws {ConfigError} `ERR_CONFIG` when a value cannot be used; the message names the flag or
 *   variable and says what is allowed, never the value found.
 *
 * @example Usage
 * ```ts
 * import { parseProxySettings } from "atikit";
 * import assert from "node:assert/strict";
 *
 * const variables: Record<string, string> = { PORT: "9000", ATI_SIG_VERIFY_MODE: "enforce" };
 * const env = { get: (name: string) => variables[name], names: () => Object.keys(variables) };
 * const settings = parseProxySettings({ env, flags: { port: "9001" } });
 * assert.equal(settings.port, 9001);
 * assert.equal(settings.bind, "127.0.0.1");
 * assert.equal(settings.signature.mode, "enforce");
 * ```
 */
export function parseProxySettings(input: SettingsInput): ProxySettings {
  const examined = examineProxySettings(input);
  if (!examined.ok) throw examined.errors[0];
  return examined.settings;
}

/** The settings, or everything that cannot be used, in the order in which it is looked at. */
export type ExaminedSettings =
  | { readonly ok: true; readonly settings: ProxySettings }
  | { readonly ok: false; readonly errors: readonly [AtiError, ...AtiError[]] };

/** Reads the settings as {@link parseProxySettings} does, and goes on behind a bad one. */
export function examineProxySettings(input: SettingsInput): ExaminedSettings {
  const { env, flags = {} } = input;
  const errors: AtiError[] = [];
  const keep: Keep = (read) => {
    try {
      return read();
    } catch (error) {
      if (!isAtiError(error)) throw error;
      errors.push(error);
      // Seen by nobody: with an error there are no settings.
      return undefined as never;
    }
  };
  keep(() => refuseDatabase(env));
  const port = pick(flags.port, env, "--port", "PORT");
  const bind = pick(flags.bind, env, "--bind", "ATI_BIND");
  const settings: ProxySettings = {
    port: keep(() => port === undefined ? DEFAULT_PORT : parseWhole(port, MAX_PORT)),
    bind: keep(() => bind === undefined ? "127.0.0.1" : parseBind(bind)),
    atiDir: keep(() => resolveAtiDirectory(env, flags.atiDir)),
    envKeys: keep(() => flags.envKeys ?? parseSwitch(env, "ATI_ENV_KEYS")),
    enablePassthrough: keep(() =>
      flags.enablePassthrough ?? parseSwitch(env, "ATI_ENABLE_PASSTHROUGH")
    ),
    signature: readSignatureSettings({ env, flags }, keep),
    watch: keep(() => flags.watch ?? parseSwitch(env, "ATI_WATCH")),
    privateAddresses: keep(() => parseAddressPolicy(env)),
    metricsToken: keep(() => parseMetricsToken(env)),
    telemetry: keep(() => parseTelemetrySettings(env)),
    logLevel: keep(() => parseLevel(env, flags.logLevel)),
  };
  const [first, ...others] = errors;
  return first === undefined ? { ok: true, settings } : { ok: false, errors: [first, ...others] };
}

/** Reads one setting, or keeps why it cannot be used. */
type Keep = <T>(read: () => T) => T;

function readSignatureSettings(
  { env, flags = {} }: SettingsInput,
  keep: Keep,
): SignatureSettings {
  const mode = pick(flags.sigVerifyMode, env, "--sig-verify-mode", "ATI_SIG_VERIFY_MODE");
  const drift = pick(flags.sigDriftSeconds, env, "--sig-drift-seconds", "ATI_SIG_DRIFT_SECONDS");
  const oldest = pick(flags.sigMinVersion, env, "--sig-min-version", "ATI_SIG_MIN_VERSION");
  const exempt = pick(flags.sigExemptPaths, env, "--sig-exempt-paths", "ATI_SIG_EXEMPT_PATHS");
  return {
    mode: keep(() => mode === undefined ? "log" : parseWord(mode, MODES)),
    driftSeconds: keep(() =>
      drift === undefined
        ? DEFAULT_SIGNATURE_DRIFT_SECONDS
        : parseWhole(drift, Number.MAX_SAFE_INTEGER)
    ),
    minVersion: keep(() => oldest === undefined || parseWord(oldest, VERSIONS) === "1" ? 1 : 2),
    exemptPaths: keep(() => exempt === undefined ? DEFAULT_EXEMPT_PATHS : parseGlobList(exempt)),
  };
}

// Whoever names a database counts on its keys, revocations and logs: none of them would be there.
function refuseDatabase(env: Env): void {
  if ((env.get("ATI_DB_URL")?.trim() ?? "") === "") return;
  throw new ConfigError("Cannot use ATI_DB_URL: this version keeps nothing in a database", {
    hint: "start without it: unset ATI_DB_URL",
  });
}

/** A value and the flag or variable it came from. */
interface Given {
  readonly value: string;
  readonly source: string;
}

function pick(
  flag: string | number | undefined,
  env: Env,
  flagName: string,
  variable: string,
): Given | undefined {
  if (flag !== undefined) return { value: String(flag).trim(), source: flagName };
  const value = env.get(variable)?.trim();
  return value === undefined || value === "" ? undefined : { value, source: variable };
}

function parseWhole({ value, source }: Given, max: number): number {
  const number = WHOLE_NUMBER_REGEXP.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number) || number > max) {
    const range = max === MAX_PORT ? `from 0 to ${max}` : "of at least 0";
    throw new ConfigError(`Cannot read ${source}: not a whole number ${range}`);
  }
  return number;
}

function parseBind({ value, source }: Given): string {
  const literal = parseIpLiteral(value);
  if (literal !== undefined) return literal;
  throw new ConfigError(`Cannot read ${source}: not an IP literal (host names are not resolved)`, {
    hint: `use 127.0.0.1, 0.0.0.0, ::1 or another address of this machine; the port has its own` +
      ` setting, --port or PORT`,
  });
}

function parseWord<Word extends string>({ value, source }: Given, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === value.toLowerCase());
  if (word !== undefined) return word;
  throw new ConfigError(`Cannot read ${source}: not one of ${words.join(", ")}`);
}

function parseSwitch(env: Env, variable: string): boolean {
  const given = pick(undefined, env, "", variable);
  if (given === undefined) return false;
  return TRUE_WORDS.includes(parseWord(given, [...TRUE_WORDS, ...FALSE_WORDS]));
}

function parseAddressPolicy(env: Env): AddressPolicy {
  const given = pick(undefined, env, "", "ATI_SSRF_PROTECTION");
  if (given === undefined) return "allow";
  const word = parseWord(given, [...BLOCK_WORDS, "warn", ...FALSE_WORDS]);
  if (word === "warn") return "warn";
  return BLOCK_WORDS.includes(word) ? "block" : "allow";
}

function parseMetricsToken(env: Env): string | undefined {
  const token = pick(undefined, env, "", "ATI_METRICS_TOKEN")?.value;
  if (token === undefined) return undefined;
  if (token.length >= MIN_METRICS_TOKEN_CHARS && VISIBLE_REGEXP.test(token)) return token;
  throw new ConfigError(
    `Cannot read ATI_METRICS_TOKEN: not ${MIN_METRICS_TOKEN_CHARS} or more visible ASCII characters`,
    { hint: "make one with: openssl rand -hex 32" },
  );
}

function parseGlobList({ value, source }: Given): readonly string[] {
  const globs = value.split(",").map((glob) => glob.trim()).filter((glob) => glob !== "");
  try {
    compileGlobs(globs);
  } catch (error) {
    if (!(error instanceof AtiError)) throw error;
    throw new ConfigError(`Cannot read ${source}: a glob in the list is malformed`, {
      hint: "write /npm/* for everything below /npm; close every [ and {",
      cause: error,
    });
  }
  return globs;
}

function parseLevel(env: Env, flag: string | undefined): LogLevel {
  const given = pick(flag, env, "--log-level", "ATI_LOG_LEVEL");
  if (given !== undefined) return parseWord(given, LEVELS);
  // RUST_LOG is shared with other programs: a directive that is not for us is passed over.
  for (const directive of (env.get("RUST_LOG") ?? "").split(",")) {
    const word = RUST_LEVEL_REGEXP.exec(directive.trim())?.[1]?.toLowerCase();
    if (word === "trace") return "debug";
    if (word === "off") return "error";
    if (word !== undefined) return word as LogLevel;
  }
  return "info";
}

/** The ATI directory: the flag, else `ATI_DIR`, else `$HOME/.ati`, else `.ati`. */
export function resolveAtiDirectory(env: Env, flag?: string): string {
  const home = env.get("HOME")?.trim() ?? "";
  const fallback = home === "" ? ".ati" : `${home}/.ati`;
  const chosen = flag ?? (env.get("ATI_DIR")?.trim() || fallback);
  if (chosen === "") throw new ConfigError("Cannot read --ati-dir: the text is empty");
  return chosen.length > 1 ? chosen.replace(/\/+$/, "") || "/" : chosen;
}
