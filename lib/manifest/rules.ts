/**
 * What a manifest must hold across fields: credentials, and what each handler needs. Pure functions
 * of the document; what they find is data.
 *
 * @module
 */

import type { Report, RuleFinding } from "./_findings.ts";
import { checkPassthrough } from "./passthrough_rules.ts";
import type { AuthType, Handler, ManifestDocument, Provider } from "./types.ts";

// Which handler reads which fields; all others are common to several.
const OWN_FIELDS: readonly (readonly [pattern: RegExp, handler: Handler])[] = [
  [/^mcp_/, "mcp"],
  [/^cli_/, "cli"],
  [/^upload_/, "file_manager"],
  [/^openapi_/, "openapi"],
  [
    /^(?:host_match|host_override|path_prefix|path_replace|strip_prefix|forward_|deny_paths|allow_)/,
    "passthrough",
  ],
  [/^(?:connect|read|idle|total)_timeout_seconds$|^max_re(?:quest|sponse)_bytes$/, "passthrough"],
];

const KEYED_AUTH_TYPES: readonly AuthType[] = ["bearer", "header", "query", "basic"];

/**
 * Checks a document whose fields are valid each for itself.
 *
 * @param document The document, with defaults.
 * @param given The keys that stand in the file's `[provider]` table.
 * @returns What is wrong, and what is probably not meant.
 */
export function checkRules(document: ManifestDocument, given: readonly string[]): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const report: Report = (severity, path, message) => {
    findings.push({ severity, path, message });
  };
  const { provider } = document;
  checkFieldUse(provider, given, report);
  checkAuth(provider, given, report);
  checkGenerator(provider, report);
  checkBaseUrl(provider, report);
  checkHandler(provider, given, report);
  checkToolNames(document, report);
  return findings;
}

function checkFieldUse(provider: Provider, given: readonly string[], report: Report): void {
  if (provider.handler !== "passthrough" && !given.includes("description")) {
    report("error", ["provider", "description"], "Is missing");
  }
  for (const key of given) {
    const owner = OWN_FIELDS.find(([pattern]) => pattern.test(key))?.[1];
    if (owner !== undefined && owner !== provider.handler) {
      const message = `Has no effect: only handler "${owner}" reads it, this one is ` +
        `"${provider.handler}"`;
      report("warning", ["provider", key], message);
    }
  }
}

function checkAuth(provider: Provider, given: readonly string[], report: Report): void {
  const { auth_type: type, handler } = provider;
  const isGenerated = given.includes("auth_generator") && handler !== "passthrough";
  if (KEYED_AUTH_TYPES.includes(type) && provider.auth_key_name === undefined && !isGenerated) {
    const message = `Is missing: auth_type "${type}" needs a keyring entry`;
    report("error", ["provider", "auth_key_name"], message);
  }
  if (type === "url" && handler !== "mcp") {
    report(
      "warning",
      ["provider", "auth_type"],
      `"url" sends a credential only with handler "mcp"`,
    );
  }
  if (type !== "oauth2" || handler === "passthrough") return;
  for (const field of ["auth_key_name", "auth_secret_name", "oauth2_token_url"] as const) {
    if (provider[field] === undefined) {
      report("error", ["provider", field], `Is missing: auth_type "oauth2" needs it`);
    }
  }
  const target = provider.oauth2_token_url;
  const isAbsolute = target !== undefined && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(target);
  // RFC 6749 §3.2: the token endpoint is only ever spoken to over TLS.
  if (target !== undefined && !/^https:\/\//i.test(isAbsolute ? target : provider.base_url)) {
    report("error", ["provider", "oauth2_token_url"], "Must be https");
  }
}

function checkGenerator(provider: Provider, report: Report): void {
  const generator = provider.auth_generator;
  if (generator === undefined) return;
  const needed = generator.type === "command"
    ? ["command"] as const
    : ["interpreter", "script"] as const;
  for (const field of needed) {
    if (generator[field] === undefined) {
      const message = `Is missing: type "${generator.type}" needs it`;
      report("error", ["provider", "auth_generator", field], message);
    }
  }
}

function checkBaseUrl(provider: Provider, report: Report): void {
  if (!["http", "openapi", "passthrough"].includes(provider.handler)) return;
  if (provider.base_url === "") return;
  const fault = findUrlFault(provider.base_url);
  if (fault !== undefined) report("error", ["provider", "base_url"], fault);
}

function findUrlFault(text: string): string | undefined {
  const written = /^https?:\/\/[^/?#\\\s]+(\/[^?#]*)?([?#].*)?$/i.exec(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (written === null || url === undefined) return "Must be an absolute http or https URL";
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/]*@/.test(text)) {
    return "Must not hold credentials: store them with `ati key set` and set auth_key_name";
  }
  if (written[2] !== undefined) return "Must not have a query or fragment";
  // What a URL parser would change on the way out is not what the deny rules were written for.
  if ((written[1] ?? "/") !== url.pathname) {
    return "Must have its path as it is sent: no dot segments, blanks or unencoded characters";
  }
  return undefined;
}

function checkHandler(provider: Provider, given: readonly string[], report: Report): void {
  const need = (field: "mcp_url" | "mcp_command" | "cli_command", why: string): void => {
    if (provider[field] === undefined) {
      report("error", ["provider", field], `Is missing: ${why} needs it`);
    }
  };
  switch (provider.handler) {
    case "passthrough":
      return checkPassthrough(provider, given, report);
    case "mcp":
      if (provider.mcp_transport === "stdio") need("mcp_command", `mcp_transport "stdio"`);
      else if (provider.mcp_url_env === undefined) need("mcp_url", `mcp_transport "http"`);
      return checkMcpUrl(provider, report);
    case "cli":
      return need("cli_command", `handler "cli"`);
    case "openapi":
      if (provider.openapi_spec === undefined) {
        const message = "Is missing: without it the provider has no operations";
        report("warning", ["provider", "openapi_spec"], message);
      }
      return;
    case "file_manager":
      return checkDestinations(provider, report);
    case "http":
      return;
  }
}

function checkMcpUrl(provider: Provider, report: Report): void {
  // A placeholder may stand for the whole URL, or for a part of it that a parser would refuse.
  if (
    provider.mcp_url !== undefined && !/^(?:https?:\/\/[^\s]+|\$\{[^\s]*)$/i.test(provider.mcp_url)
  ) {
    report("error", ["provider", "mcp_url"], "Must be an absolute http or https URL");
  }
}

function checkDestinations(provider: Provider, report: Report): void {
  const chosen = provider.upload_default_destination;
  if (chosen !== undefined && !Object.hasOwn(provider.upload_destinations, chosen)) {
    const message = "Must name an entry of upload_destinations";
    report("error", ["provider", "upload_default_destination"], message);
  }
}

function checkToolNames(document: ManifestDocument, report: Report): void {
  const seen = new Set<string>();
  for (const [index, tool] of document.tools.entries()) {
    if (seen.has(tool.name)) {
      report("warning", ["tools", index, "name"], "Is used twice: the last tool of that name wins");
    }
    seen.add(tool.name);
  }
}
