/** Query strings, changed in one parameter and left alone otherwise. @module */

import { decodeOnce } from "./_percent.ts";

// What PHP, Rails and Express read as `name` too: `name[]`, `name[x]`, and a name cut short by NUL.
const NAME_TAIL_REGEXP = /[[\0].*$/s;

/**
 * Sets a parameter in a raw query: removes every copy of it, in any encoding or case, also behind a `;`
 * and as an element of an array (`name[]`), and appends the new one. All other bytes stay as they are.
 *
 * @param query Empty, or `?` and a query.
 * @param name The parameter's name, decoded.
 * @param value Its value, decoded.
 */
export function addQueryParameter(query: string, name: string, value: string): string {
  const added = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  const kept = removeQueryParameter(query.slice(1), name.toLowerCase());
  return kept === "" ? `?${added}` : `?${kept}&${added}`;
}

function removeQueryParameter(query: string, name: string): string {
  if (!query.includes("%") && !query.toLowerCase().includes(name)) return query;
  return query.split("&").flatMap((group) => {
    const parts = group.split(";");
    const kept = parts.filter((part) => readName(part) !== name);
    return kept.length === 0 ? [] : [kept.join(";")];
  }).join("&");
}

function readName(part: string): string {
  const name = part.split("=", 1)[0]!;
  return decodeOnce(name.replaceAll("+", " ")).replace(NAME_TAIL_REGEXP, "").trim().toLowerCase();
}
