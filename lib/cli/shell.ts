/** Text for a POSIX shell. @module */

/** One word for `sh`, quoted where it has to be. A leading `~` stays for the shell only unquoted. */
export function quoteShell(text: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A path that means the same from every working folder. */
export function absolutePath(path: string, workingFolder: string): string {
  return path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path) ? path : `${workingFolder}/${path}`;
}
