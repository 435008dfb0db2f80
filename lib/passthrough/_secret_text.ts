/** Secrets inside text: expanding placeholders with them, and taking them out again. @module */

import { encodeBase64 } from "../encoding/base64.ts";
import { encodeUtf8 } from "../encoding/utf8.ts";
import { MIN_REDACTED_CHARS } from "../limits.ts";

const PLACEHOLDER_REGEXP = /\$\{([^}]*)\}/g;
const REDACTED = "[redacted]";

/** Replaces each `${name}` once; a value that looks like a placeholder itself stays as it is. */
export function expandPlaceholders(text: string, lookUp: (name: string) => string): string {
  return text.replace(PLACEHOLDER_REGEXP, (_, name: string) => lookUp(name));
}

/** The names that `${name}` placeholders of a text refer to. */
export function listPlaceholders(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER_REGEXP)].map((match) => match[1]!);
}

/**
 * A function that takes secrets out of a text, in raw, percent-encoded and base64 form. Secrets too
 * short to be told from ordinary text are left.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MIN_REDACTED_CHARS) continue;
    forms.add(secret).add(encodeURIComponent(secret)).add(encodeBase64(encodeUtf8(secret)));
  }
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    let result = text;
    for (const form of ordered) {
      if (result.includes(form)) result = result.replaceAll(form, REDACTED);
    }
    return result;
  };
}
