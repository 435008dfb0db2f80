/**
 * The errors of atikit: one base class with a stable `code`, one subclass an area.
 *
 * Branch on `code` (and `reason`), never on `message`. No message, property or cause of these errors
 * holds a secret, a token, a signature, a claim value, a header value or text of a file.
 *
 * @module
 */

/** Every code an {@link AtiError} can carry. The list is closed: `switch` over it is exhaustive. */
export const ERROR_CODES = [
  "ERR_ENCODING",
  "ERR_JWT_MALFORMED",
  "ERR_JWT_TOO_LARGE",
  "ERR_JWT_ALGORITHM",
  "ERR_JWT_TYPE",
  "ERR_JWT_SIGNATURE",
  "ERR_JWT_CLAIM",
  "ERR_JWT_EXPIRED",
  "ERR_JWT_NOT_YET_VALID",
  "ERR_JWT_AUDIENCE",
  "ERR_JWT_ISSUER",
  "ERR_JWT_KEY",
  "ERR_SCOPE_SYNTAX",
  "ERR_SCOPE_DENIED",
  "ERR_RATE_SPEC",
  "ERR_SIGNATURE",
  "ERR_SIGNATURE_SECRET",
  "ERR_SESSION_NAME",
  "ERR_SESSION_UNREADABLE",
  "ERR_KEYRING_FORMAT",
  "ERR_KEYRING_DECRYPT",
  "ERR_KEYRING_KEY",
  "ERR_KEYRING_ENTRY",
  "ERR_KEYRING_REFERENCE",
  "ERR_KEYRING_NOT_FOUND",
  "ERR_KEYRING_SOURCE",
  "ERR_MANIFEST",
  "ERR_PATH_INVALID",
  "ERR_PATH_DENIED",
  "ERR_ROUTE_NOT_FOUND",
  "ERR_PASSTHROUGH_DISABLED",
  "ERR_CREDENTIAL_MISSING",
  "ERR_ROUTE_BUSY",
  "ERR_REQUEST_TOO_LARGE",
  "ERR_RESPONSE_TOO_LARGE",
  "ERR_UPSTREAM_CONNECT",
  "ERR_UPSTREAM_TIMEOUT",
  "ERR_UPSTREAM_FAILED",
  "ERR_CLIENT_ABORTED",
  "ERR_UNAUTHENTICATED",
  "ERR_BAD_REQUEST",
  "ERR_WEBSOCKET_VERSION",
  "ERR_NOT_FOUND",
  "ERR_METHOD_NOT_ALLOWED",
  "ERR_CONFIG",
  "ERR_FILE_NOT_FOUND",
  "ERR_FILE_READ",
  "ERR_FILE_WRITE",
  "ERR_FILE_EXISTS",
  "ERR_SPAWN",
  "ERR_USAGE",
  "ERR_INTERNAL",
] as const;

/** A stable, machine-readable name of what went wrong. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an {@link AtiError} may carry besides its code and message. */
export interface AtiErrorOptions {
  /** A finer machine-readable reason inside the code, for example `missing_signature`. */
  readonly reason?: string | undefined;
  /** What the reader should do next, as one sentence or command. */
  readonly hint?: string | undefined;
  /** The error below this one. Must itself be free of secrets. */
  readonly cause?: unknown;
}

/** Base of every error that atikit throws on purpose. */
export class AtiError extends Error {
  /** The stable code to branch on. */
  readonly code: ErrorCode;
  /** A finer reason inside the code, where there is one. */
  readonly reason: string | undefined;
  /** What to do next, where that is known. */
  readonly hint: string | undefined;

  /**
   * Makes the error.
   *
   * @param code The stable code.
   * @param message A sentence for people: names, never values.
   * @param options Reason, hint and cause.
   */
  constructor(code: ErrorCode, message: string, options: AtiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = options.reason;
    this.hint = options.hint;
  }
}

/** Bytes or text that are not in the encoding they should be in. */
export class EncodingError extends AtiError {
  /**
   * Makes the error.
   *
   * @param message What is wrong, without the input.
   * @param options Reason, hint and cause.
   */
  constructor(message: string, options?: AtiErrorOptions) {
    super("ERR_ENCODING", message, options);
  }
}

/** A token or a signing key that cannot be used: any `ERR_JWT_*` code. */
export class JwtError extends AtiError {}

/** A scope or rate specification that is malformed, or a scope that is not held. */
export class ScopeError extends AtiError {
  /** The scopes that are not held, in the order they were asked for; empty for other codes. */
  readonly missing: readonly string[];

  /**
   * Makes the error.
   *
   * @param code The stable code.
   * @param message Names, never values.
   * @param options As the base, and what is missing.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: AtiErrorOptions & { readonly missing?: readonly string[] } = {},
  ) {
    super(code, message, options);
    this.missing = options.missing ?? [];
  }
}

/** A sandbox signature or its secret that cannot be used. */
export class SignatureError extends AtiError {}

/** A session token that cannot be found or read. */
export class SessionError extends AtiError {}

/** A keyring, its key or one of its entries that cannot be used. */
export class KeyringError extends AtiError {}

/** One thing wrong with one manifest file. */
export interface ManifestIssue {
  /** Path of the file, as it was given to the loader. */
  readonly file: string;
  /** 1-based line, where it is known. */
  readonly line?: number | undefined;
  /** 1-based column, where it is known. */
  readonly column?: number | undefined;
  /** Dotted key path, for example `provider.deny_paths[0]`; empty for the whole file. */
  readonly path: string;
  /** What is wrong: names and allowed values, never the value found. */
  readonly message: string;
}

/** Manifests that cannot be loaded: every issue of every file at once. */
export class ManifestError extends AtiError {
  /** All issues, in file and line order. */
  readonly issues: readonly ManifestIssue[];

  /**
   * Makes the error.
   *
   * @param message Summary.
   * @param issues What is wrong, where.
   * @param options Reason, hint and cause.
   */
  constructor(message: string, issues: readonly ManifestIssue[], options?: AtiErrorOptions) {
    super("ERR_MANIFEST", message, options);
    this.issues = issues;
  }
}

/** A request that the passthrough refuses or cannot complete. */
export class PassthroughError extends AtiError {}

/** A configuration that must not be started with; names the variable or file. */
export class ConfigError extends AtiError {
  /**
   * Makes the error.
   *
   * @param message Names the variable or file and why.
   * @param options Reason, hint and cause.
   */
  constructor(message: string, options?: AtiErrorOptions) {
    super("ERR_CONFIG", message, options);
  }
}

/** A file that cannot be read or written: any `ERR_FILE_*` code. */
export class FileError extends AtiError {}

/** True when `value` is an {@link AtiError}, also one made by another copy of this module. */
export function isAtiError(value: unknown): value is AtiError {
  return value instanceof AtiError ||
    (value instanceof Error && "code" in value && typeof value.code === "string" &&
      (ERROR_CODES as readonly string[]).includes(value.code));
}
