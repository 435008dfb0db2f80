/**
 * Where in a TOML text each key stands, for error messages. The text has passed the parser before,
 * so this scanner only has to tell keys, strings, arrays and tables apart; on text that is not TOML
 * it ends all the same, with whatever it found.
 *
 * @module
 */

/** Keys and array positions from the root to a value. */
export type KeyPath = readonly (string | number)[];

const BARE_KEY_REGEXP = /[A-Za-z0-9_-]+/y;
const BLANK_REGEXP = /(?:[ \t\r\n]+|#[^\n]*)*/y;
const SCALAR_REGEXP = /[^,\]}#\n]+/y;

/**
 * Scans a document once.
 *
 * @param text A document the TOML parser accepts.
 * @returns Finds the 1-based line of a key path, or of its nearest parent that stands in the text.
 */
export function createLineFinder(text: string): (path: KeyPath) => number | undefined {
  const lines = scanKeys(text);
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

function scanKeys(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const lengths = new Map<string, number>();
  let position = text.startsWith("\ufeff") ? 1 : 0;
  let line = 1;
  let counted = 0;
  let table: KeyPath = [];

  while (take(BLANK_REGEXP) !== undefined && position < text.length) {
    const start = position;
    if (text[position] === "[") table = scanHeader();
    else scanKeyValue(table);
    if (position === start) position++;
  }
  return lines;

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = position;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) position += found.length;
    return found;
  }

  function takeString(): string | undefined {
    const quote = text[position];
    if (quote !== '"' && quote !== "'") return undefined;
    const start = position;
    const delimiter = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
    position += delimiter.length;
    while (position < text.length && !text.startsWith(delimiter, position)) {
      position += quote === '"' && text[position] === "\\" ? 2 : 1;
    }
    position += delimiter.length;
    // A multi-line string may end in quotes of its own before the closing three.
    if (delimiter.length === 3) { while (text[position] === quote) position++; }
    return text.slice(start, position);
  }

  // Positions only grow from call to call, so that lines are counted once.
  function note(path: KeyPath, offset: number): void {
    for (; counted < offset; counted++) if (text[counted] === "\n") line++;
    const key = JSON.stringify(path);
    if (!lines.has(key)) lines.set(key, line);
  }

  // Each key of a dotted key is noted, so that a parent made on the way has a line too.
  function scanHeader(): KeyPath {
    const start = position;
    const isArray = text.startsWith("[[", position);
    position += isArray ? 2 : 1;
    const keys = scanDottedKey();
    let path: KeyPath = [];
    for (const [index, key] of keys.entries()) {
      path = [...path, key];
      note(path, start);
      const id = JSON.stringify(path);
      if (isArray && index === keys.length - 1) lengths.set(id, (lengths.get(id) ?? 0) + 1);
      const length = lengths.get(id);
      if (length !== undefined) note(path = [...path, length - 1], start);
    }
    while (text[position] === "]") position++;
    return path;
  }

  function scanKeyValue(parent: KeyPath): void {
    const start = position;
    let path = parent;
    for (const key of scanDottedKey()) note(path = [...path, key], start);
    if (text[position] === "=") position++;
    scanValue(path);
  }

  function scanDottedKey(): string[] {
    const keys: string[] = [];
    do {
      take(BLANK_REGEXP);
      const quoted = takeString();
      const key = quoted === undefined ? take(BARE_KEY_REGEXP) : unquote(quoted);
      if (key === undefined) break;
      keys.push(key);
      take(BLANK_REGEXP);
    } while (text[position] === "." && ++position);
    return keys;
  }

  function scanValue(path: KeyPath): void {
    take(BLANK_REGEXP);
    if (text[position] === "[") {
      scanItems("]", (index) => {
        note([...path, index], position);
        scanValue([...path, index]);
      });
    } else if (text[position] === "{") scanItems("}", () => scanKeyValue(path));
    else if (takeString() === undefined) take(SCALAR_REGEXP);
  }

  function scanItems(end: string, scanItem: (index: number) => void): void {
    position++;
    for (let index = 0; position < text.length; index++) {
      take(BLANK_REGEXP);
      if (text[position] === end) break;
      const start = position;
      scanItem(index);
      take(BLANK_REGEXP);
      if (text[position] === ",") position++;
      else if (text[position] === end || position === start) break;
    }
    position++;
  }
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  return quoted.slice(1, -1).replace(
    /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))/g,
    (_, short?: string, long?: string, byte?: string, letter?: string) => {
      const code = parseInt(short ?? long ?? byte ?? "", 16);
      if (letter === undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : "";
      return ESCAPES[letter] ?? letter;
    },
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\x1b",
};
