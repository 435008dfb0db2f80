/** The system's error code in whatever the three runtimes throw. @module */

/** For example `ENOENT`; `EACCES` for what Deno's permissions refuse; else `EUNKNOWN`. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error)) return "EUNKNOWN";
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]*$/.test(error.code)) {
    return error.code;
  }
  return DENO_ERRNO[error.name] ?? "EUNKNOWN";
}

const DENO_ERRNO: Readonly<Record<string, string>> = {
  NotCapable: "EACCES",
  PermissionDenied: "EACCES",
  NotFound: "ENOENT",
  AlreadyExists: "EEXIST",
  NotADirectory: "ENOTDIR",
  IsADirectory: "EISDIR",
  BrokenPipe: "EPIPE",
  WouldBlock: "EAGAIN",
};
