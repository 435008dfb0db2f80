/** Secrets inside text: expanding placeholders with them, and taking them out again. @module */

import type { CompiledSecrets, SecretAutomaton } from "./_secret_automaton.ts";
import { SecretScanner } from "./_secret_scanner.ts";
import { toBytes } from "./_secret_spellings.ts";

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
 * A function that takes secrets out of a text of characters that stand for bytes, such as a header
 * field: in every form in which they are taken out of bodies.
 *
 * @param secrets What to find; without it every text stays as it is.
 */
export function createTextRedactor(
  secrets: CompiledSecrets | undefined,
): (text: string) => string {
  if (secrets === undefined) return (text) => text;
  const mayHold = createPrefilter(secrets);
  return (text) => mayHold(text) ? redactText(text, secrets.automaton) : text;
}

/**
 * A quick look that lets nothing through which holds a secret (Wu and Manber, 1994): from two characters
 * it knows how far on the next spelling can end at the earliest.
 */
function createPrefilter({ spellings, automaton }: CompiledSecrets): (text: string) => boolean {
  const { classes, classCount } = automaton;
  const width = Math.min(...spellings.map(({ length }) => length));
  const shifts = new Int32Array(classCount * classCount).fill(width - 1);
  for (const spelling of spellings) {
    for (let index = 1; index < width; index++) {
      const pair = classes[spelling[index - 1]!]! * classCount + classes[spelling[index]!]!;
      shifts[pair] = Math.min(shifts[pair]!, width - 1 - index);
    }
  }
  const classOf = (text: string, index: number): number => classes[text.charCodeAt(index)] ?? 0;
  return (text) => {
    let index = width - 1;
    if (text.length <= index) return false;
    // Escapes make a spelling longer; only the whole search knows them.
    if (text.includes("%") || text.includes("\\")) return true;
    while (index < text.length) {
      const shift = shifts[classOf(text, index - 1) * classCount + classOf(text, index)]!;
      if (shift === 0) return true;
      index += shift;
    }
    return false;
  };
}

function redactText(text: string, automaton: SecretAutomaton): string {
  const scanner = new SecretScanner(automaton);
  scanner.scan(toBytes(text), 0, 0);
  let safe = "";
  let rest = 0;
  for (const [start, end] of scanner.ranges) {
    safe += text.slice(rest, start) + REDACTED;
    rest = end;
  }
  return safe + text.slice(rest);
}
