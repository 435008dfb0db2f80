/** Percent encoding (RFC 3986 §2.1) as routing needs it. @module */

const TRIPLET_REGEXP = /%([0-9A-Fa-f]{2})/g;
const TRIPLETS_REGEXP = /(?:%[0-9A-Fa-f]{2})+/g;
const NESTED_REGEXP = /%(?:25)+(?=[0-9A-Fa-f]{2})/g;
const UNRESERVED_REGEXP = /[A-Za-z0-9._~-]/;

/** RFC 3986 §6.2.2: unreserved triplets become characters, the others upper case. */
export function normalizeTriplets(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(TRIPLET_REGEXP, (triplet: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED_REGEXP.test(character) ? character : triplet.toUpperCase();
  });
}

/** Decodes every triplet once, as a server would; bytes that are not UTF-8 are read as Latin-1. */
export function decodeOnce(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(TRIPLETS_REGEXP, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      // Not UTF-8. Comparing needs some text, and no server would make more of it.
      return unescapeLatin1(run);
    }
  });
}

/** Decodes until nothing is left to decode, however often it was encoded: one pass, linear time. */
export function decodeDeep(text: string): string {
  if (!text.includes("%")) return text;
  return decodeOnce(text.replace(NESTED_REGEXP, "%"));
}

function unescapeLatin1(run: string): string {
  return run.replace(TRIPLET_REGEXP, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
}
