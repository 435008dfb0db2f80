/**
 * The one table from error codes to what a script sees: the reference's code and the exit code.
 *
 * | exit | meaning |
 * |---|---|
 * | 0 | success |
 * | 1 | the command failed |
 * | 2 | the command line or another input is wrong |
 * | 3 | a credential is missing, expired or not allowed |
 * | 4 | an upstream or another program failed |
 * | 5 | a rate limit is exhausted |
 *
 * @module
 */

import type { AtiError, ErrorCode } from "../errors.ts";

/** How one kind of error is reported. */
export interface ExitEntry {
  /** The code in the JSON error object. */
  readonly code: string;
  /** The exit code of the process. */
  readonly exitCode: number;
}

const FAILED: ExitEntry = { code: "tool.execution_failed", exitCode: 1 };
const INVALID: ExitEntry = { code: "input.invalid_value", exitCode: 2 };
const MISSING_ARGUMENT: ExitEntry = { code: "input.missing_arg", exitCode: 2 };
const DENIED: ExitEntry = { code: "auth.scope_denied", exitCode: 3 };
const EXPIRED: ExitEntry = { code: "auth.expired", exitCode: 3 };
const MISSING_KEY: ExitEntry = { code: "auth.missing_key", exitCode: 3 };
const UPSTREAM: ExitEntry = { code: "provider.upstream_error", exitCode: 4 };
const TIMEOUT: ExitEntry = { code: "provider.timeout", exitCode: 4 };

const EXIT_CODES = {
  ERR_ENCODING: INVALID,
  ERR_JWT_MALFORMED: INVALID,
  ERR_JWT_TOO_LARGE: INVALID,
  ERR_JWT_ALGORITHM: INVALID,
  ERR_JWT_TYPE: INVALID,
  ERR_JWT_SIGNATURE: INVALID,
  ERR_JWT_CLAIM: INVALID,
  ERR_JWT_EXPIRED: EXPIRED,
  ERR_JWT_NOT_YET_VALID: INVALID,
  ERR_JWT_AUDIENCE: INVALID,
  ERR_JWT_ISSUER: INVALID,
  ERR_JWT_KEY: INVALID,
  ERR_SCOPE_SYNTAX: INVALID,
  ERR_SCOPE_DENIED: DENIED,
  ERR_RATE_SPEC: INVALID,
  ERR_SIGNATURE: INVALID,
  ERR_SIGNATURE_SECRET: INVALID,
  ERR_SESSION_NAME: INVALID,
  ERR_SESSION_UNREADABLE: FAILED,
  ERR_KEYRING_FORMAT: INVALID,
  ERR_KEYRING_DECRYPT: FAILED,
  ERR_KEYRING_KEY: MISSING_KEY,
  ERR_KEYRING_ENTRY: INVALID,
  ERR_KEYRING_REFERENCE: FAILED,
  // The reference ends `key remove` of an unknown name with these.
  ERR_KEYRING_NOT_FOUND: FAILED,
  ERR_KEYRING_SOURCE: INVALID,
  ERR_MANIFEST: INVALID,
  ERR_PATH_INVALID: INVALID,
  ERR_PATH_DENIED: DENIED,
  ERR_ROUTE_NOT_FOUND: { code: "provider.not_found", exitCode: 4 },
  ERR_PASSTHROUGH_DISABLED: FAILED,
  ERR_CREDENTIAL_MISSING: MISSING_KEY,
  ERR_ROUTE_BUSY: UPSTREAM,
  ERR_REQUEST_TOO_LARGE: INVALID,
  ERR_RESPONSE_TOO_LARGE: UPSTREAM,
  ERR_UPSTREAM_CONNECT: UPSTREAM,
  ERR_UPSTREAM_TIMEOUT: TIMEOUT,
  ERR_UPSTREAM_FAILED: UPSTREAM,
  ERR_CLIENT_ABORTED: FAILED,
  ERR_UNAUTHENTICATED: MISSING_KEY,
  ERR_BAD_REQUEST: INVALID,
  ERR_WEBSOCKET_VERSION: INVALID,
  ERR_NOT_FOUND: FAILED,
  ERR_METHOD_NOT_ALLOWED: INVALID,
  ERR_CONFIG: INVALID,
  ERR_FILE_NOT_FOUND: FAILED,
  ERR_FILE_READ: FAILED,
  ERR_FILE_WRITE: FAILED,
  ERR_FILE_EXISTS: FAILED,
  ERR_SPAWN: UPSTREAM,
  ERR_USAGE: INVALID,
  ERR_INTERNAL: FAILED,
} as const satisfies Record<ErrorCode, ExitEntry>;

/** How an error is reported; the reason splits the codes that the reference tells apart. */
export function resolveExit(error: AtiError): ExitEntry {
  if (error.code === "ERR_USAGE" && error.reason === "missing_argument") return MISSING_ARGUMENT;
  if (error.code === "ERR_CONFIG" && error.reason === "missing_key") return MISSING_KEY;
  if (error.code === "ERR_SPAWN" && error.reason === "timeout") return TIMEOUT;
  if (error.code === "ERR_KEYRING_SOURCE" && error.reason === "op_failed") return UPSTREAM;
  return EXIT_CODES[error.code];
}
