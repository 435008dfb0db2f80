/** How values become text for people and programs. @module */

/** Rows under a header. */
export interface Table {
  /** Column titles. */
  readonly head: readonly string[];
  /** Cells, as wide as the header. */
  readonly rows: readonly (readonly string[])[];
}

// Claims and file names come from others: an escape sequence in them must not reach the terminal,
// nor may a change of direction make one thing look like another.
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from others, with control characters made visible. */
export function printable(text: string): string {
  return text.replace(CONTROL_REGEXP, escapeUnit);
}

/** Breaks text at its blanks into lines of at most `width` characters; longer words stay whole. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** JSON with members in alphabetical order. What JSON leaves bare and a terminal obeys is escaped. */
export function formatJson(value: unknown, indent: number = 2): string {
  const text = JSON.stringify(sortKeys(value), null, indent) ?? "null";
  return text.replace(CONTROL_REGEXP, (unit) => unit === "\n" ? unit : escapeUnit(unit));
}

/** The members of an object as a table of keys and values. */
export function toKeyValues(data: unknown): Table {
  const rows = Object.entries(sortKeys(data) ?? {}).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return { head: ["Key", "Value"], rows };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sortKeys(member)]));
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
