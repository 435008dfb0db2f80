/**
 * The credential of a route: what is put into a request, and where.
 *
 * Secrets live in closures only. Nothing here prints, serializes or enumerates them.
 *
 * @module
 */

import { encodeBase64 } from "../encoding/base64.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { ConfigError } from "../errors.ts";
import type { ByteTransform, HeaderList } from "../ports.ts";
import { PROXY_HEADERS } from "../manifest/proxy_headers.ts";
import type { Provider } from "../manifest/types.ts";
import { compileSecrets } from "./_secret_automaton.ts";
import { createTextRedactor, expandPlaceholders, listPlaceholders } from "./_secret_text.ts";
import { addQueryParameter } from "./query.ts";
import { createBodyRedactor } from "./redact_body.ts";

/** Where secrets come from: `get` of a `Keyring`. */
export interface SecretSource {
  /** The secret of that name, or `undefined`. */
  get(name: string): string | undefined;
}

/** The fields of a provider that decide on its credential. */
export type CredentialFields = Pick<
  Provider,
  | "auth_type"
  | "auth_key_name"
  | "auth_header_name"
  | "auth_query_name"
  | "auth_value_prefix"
  | "extra_headers"
>;

/** What is put into one request. */
export interface Injection {
  /** Names of the header fields it sets, lower case. The client's fields of these names are dropped. */
  readonly headerNames: ReadonlySet<string>;
  /** Appends the header fields it sets. */
  addHeaders(headers: (readonly [name: string, value: string])[]): void;
  /** Replaces the query parameter it sets. Takes and gives empty text or `?` and a query. */
  addQuery(query: string): string;
}

/** The credential of a route, built once. */
export interface Credential {
  /** True when any secret is put into requests. */
  readonly injectsCredential: boolean;
  /** Name of the keyring entry that is needed and not there. */
  readonly missingCredential: string | undefined;
  /** For requests as a rule. */
  readonly injection: Injection;
  /** For requests that keep the client's own `Authorization`: extra headers only. */
  readonly bareInjection: Injection;
  /** Takes the secrets out of a header field's text: raw, base64, hex, percent-encoded and escaped. */
  redact(text: string): string;
  /** Makes what takes them out of one response body; absent where there is nothing to take out. */
  readonly createRedaction?: (() => ByteTransform) | undefined;
}

const TOKEN_REGEXP = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE_REGEXP = /^[\t\x20-\x7e]*$/;
const LONE_SURROGATE_REGEXP = /\p{Surrogate}/u;

/**
 * Builds the credential of a route from a provider's fields and the keyring.
 *
 * @param fields The provider's fields. `oauth2` and `url` inject nothing into a passthrough.
 * @param secrets The keyring.
 * @throws {ConfigError} `ERR_CONFIG` when a header name or value cannot be sent, a header is set twice,
 * `auth_key_name` is absent where one is needed, or `extra_headers` names an entry that is not there.
 */
export function createCredential(fields: CredentialFields, secrets: SecretSource): Credential {
  const used: string[] = [];
  const own = readOwnSecret(fields, secrets);
  if (own.secret !== undefined) used.push(own.secret);
  const authHeaders = own.secret === undefined ? [] : listAuthHeaders(fields, own.secret);
  const extraHeaders = listExtraHeaders(fields.extra_headers, secrets, used);
  const all = [...authHeaders, ...extraHeaders];
  for (const header of all) assertHeader(header, own.name);
  if (new Set(all.map(([name]) => name)).size < all.length) {
    throw new ConfigError("Cannot build credential: a header is set twice");
  }
  const queryName = fields.auth_query_name ?? "api_key";
  const hasQuery = fields.auth_type === "query" && own.secret !== undefined;
  const redacted = compileSecrets(listRedacted(fields, used));
  return {
    injectsCredential: used.length > 0,
    missingCredential: own.secret === undefined ? own.name : undefined,
    injection: createInjection(all, hasQuery ? [queryName, own.secret] : undefined),
    bareInjection: createInjection(extraHeaders.filter(([name]) => name !== "authorization")),
    redact: createTextRedactor(redacted),
    createRedaction: redacted && createBodyRedactor(redacted),
  };
}

interface OwnSecret {
  readonly name: string | undefined;
  readonly secret: string | undefined;
}

function readOwnSecret(fields: CredentialFields, secrets: SecretSource): OwnSecret {
  const { auth_type: type, auth_key_name: name } = fields;
  if (type === "none" || type === "oauth2" || type === "url") {
    return { name: undefined, secret: undefined };
  }
  if (name === undefined || name === "") {
    throw new ConfigError(`Cannot build credential: auth_type "${type}" needs "auth_key_name"`);
  }
  return { name, secret: readSecret(name, secrets) };
}

function readSecret(name: string, secrets: SecretSource): string | undefined {
  const secret = secrets.get(name);
  // An empty entry is no credential: sending it would look authenticated and not be.
  if (secret === undefined || secret === "") return undefined;
  if (LONE_SURROGATE_REGEXP.test(secret)) {
    throw new ConfigError(`Cannot build credential: keyring entry "${name}" is not valid Unicode`);
  }
  return secret;
}

function listAuthHeaders(fields: CredentialFields, secret: string): [string, string][] {
  switch (fields.auth_type) {
    case "bearer":
      return [["authorization", `Bearer ${secret}`]];
    case "basic":
      return [["authorization", `Basic ${encodeBase64(encodeUtf8(secret))}`]];
    case "header": {
      const name = (fields.auth_header_name ?? "X-Api-Key").toLowerCase();
      return [[name, `${fields.auth_value_prefix ?? ""}${secret}`]];
    }
    default:
      return [];
  }
}

function listExtraHeaders(
  templates: Readonly<Record<string, string>>,
  secrets: SecretSource,
  used: string[],
): [string, string][] {
  return Object.entries(templates).map(([name, template]) => {
    for (const key of listPlaceholders(template)) {
      const secret = readSecret(key, secrets);
      if (secret === undefined) {
        throw new ConfigError(
          `Cannot build credential: extra_headers "${name}" needs keyring entry "${key}"`,
          { reason: "missing_entry", hint: `set it with: ati key set ${key}` },
        );
      }
      used.push(secret);
    }
    return [name.toLowerCase(), expandPlaceholders(template, (key) => secrets.get(key)!)];
  });
}

function assertHeader(header: readonly [string, string], keyName: string | undefined): void {
  const [name, value] = header;
  if (!TOKEN_REGEXP.test(name) || PROXY_HEADERS.has(name)) {
    throw new ConfigError(`Cannot build credential: header "${name}" cannot be set`);
  }
  // RFC 9110 §5.5: a line break in a value would end the field and begin another.
  if (!HEADER_VALUE_REGEXP.test(value)) {
    throw new ConfigError(
      `Cannot build credential: the value for header "${name}" holds a character no header may hold`,
      { reason: "header_value", hint: `check keyring entry "${keyName ?? name}"` },
    );
  }
}

function createInjection(
  headers: HeaderList,
  parameter?: readonly [name: string, value: string],
): Injection {
  return {
    headerNames: new Set(headers.map(([name]) => name)),
    addHeaders(target): void {
      for (const header of headers) target.push(header);
    },
    addQuery(query): string {
      return parameter === undefined ? query : addQueryParameter(query, parameter[0], parameter[1]);
    },
  };
}

/** The secrets, and what they are put together to where that is another text. */
function listRedacted(fields: CredentialFields, used: readonly string[]): string[] {
  const [own] = used;
  if (own === undefined) return [];
  switch (fields.auth_type) {
    case "basic":
      // A `user:password` entry is a secret by its password too.
      return [...used, encodeBase64(encodeUtf8(own)), own.replace(/^[^:]*:/, "")];
    case "query":
      return [...used, encodeURIComponent(own)];
    default:
      return [...used];
  }
}
