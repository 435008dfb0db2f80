/** The text fields of a passthrough provider, checked and put into the form routing compares. @module */

import { AtiError, ConfigError } from "../errors.ts";
import { MAX_TIMER_MS } from "../limits.ts";
import { canonicalizeTarget, isPlainPath } from "./canonical_path.ts";
import { parseHost } from "./host.ts";
import { compilePathRules } from "./path_rules.ts";

export function parseBaseUrl(text: string, at: string): URL {
  if (!URL.canParse(text)) throw new ConfigError(`${at} is no absolute URL`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ConfigError(`${at} must begin with http:// or https://`);
  }
  if (url.username !== "" || url.password !== "" || /[?#]/.test(text)) {
    throw new ConfigError(`${at} must hold no user, query or fragment`, {
      hint: "put credentials into the keyring and name them in auth_key_name",
    });
  }
  const path = url.pathname.replace(/\/+$/, "");
  if (path !== "" && !isPlainPath(path)) parseCanonical(path, at);
  return url;
}

export function parseHostMatch(text: string | undefined, at: string): string | undefined {
  if (text === undefined) return undefined;
  // An IPv6 literal is unmistakable by its second colon, so its brackets may be left out.
  const host = parseHost(/^[^[\]]*:[^[\]]*:[^[\]]*$/.test(text) ? `[${text}]` : text);
  if (host === undefined) throw new ConfigError(`${at} is no host`);
  return host.port === undefined ? host.name : `${host.name}:${host.port}`;
}

export function parseHostOverride(text: string | undefined, at: string): string | undefined {
  if (text !== undefined && parseHost(text) === undefined) {
    throw new ConfigError(`${at} is no host`);
  }
  return text;
}

// A root prefix stands for every path and strips nothing: canonical paths always begin with `/`.
export function parsePrefix(text: string | undefined, at: string): string | undefined {
  const prefix = text?.replace(/\/+$/, "") ?? "";
  return prefix === "" ? undefined : parseCanonical(prefix, at);
}

function parseCanonical(path: string, at: string): string {
  const result = canonicalizeTarget(path);
  if (!result.ok || result.target.query !== "" || result.target.hasEmptySegments) {
    throw new ConfigError(`${at} is no path a request can have`, {
      reason: result.ok ? "query_or_empty_segment" : result.reason,
    });
  }
  return result.target.path;
}

export function compileRules(patterns: readonly string[], at: string): (path: string) => boolean {
  return patterns.length === 0 ? matchNothing : inField(at, () => compilePathRules(patterns));
}

function matchNothing(): boolean {
  return false;
}

// Longer than a timer can be is as good as none, and would otherwise fire at once.
export function toMilliseconds(seconds: number): number {
  return Math.min(seconds * 1000, MAX_TIMER_MS);
}

export function inField<T>(at: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof AtiError)) throw error;
    const problem = error.message.replace(/^Cannot [^:]*: /, "");
    throw new ConfigError(`${at}: ${problem}`, { reason: error.reason, hint: error.hint });
  }
}
