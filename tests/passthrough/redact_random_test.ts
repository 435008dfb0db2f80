import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeBase64, encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { compileSecrets } from "../../lib/passthrough/_secret_automaton.ts";
import { toBytes } from "../../lib/passthrough/_secret_spellings.ts";
import { createBodyRedactor } from "../../lib/passthrough/redact_body.ts";

const CASES = 1500;
/** Alphabets in which a text is easily read in several ways, and one as keys have. */
const ALPHABETS = ["ab", "%25", "%u0\\", 'aA/\\"%4', "0123456789abcdef", "k-Z_9+q/=%w&? "];

/** The same numbers in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

const random = createRandom(20);

function pick(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[random(alphabet.length)]).join("");
}

function escapeSome(text: string): string {
  return [...text].map((character) => {
    const hex = character.charCodeAt(0).toString(16).padStart(2, "0");
    const forms = [`%${hex}`, `%${hex.toUpperCase()}`, `\\u00${hex}`];
    if ('/\\"'.includes(character)) forms.push(`\\${character}`);
    return random(2) === 0 ? character : forms[random(forms.length)]!;
  }).join("");
}

/** A spelling of a secret; `from` and `to` are where nothing but the secret is in it. */
function spell(secret: string, alphabet: string): { text: string; from: number; to: number } {
  const kind = random(4);
  if (kind < 2) {
    const text = escapeSome(secret);
    return { text, from: 0, to: text.length };
  }
  if (kind === 2) {
    const hex = encodeHex(toBytes(secret));
    const text = [...hex].map((digit) => random(2) === 0 ? digit : digit.toUpperCase()).join("");
    return { text, from: 0, to: text.length };
  }
  const before = pick(alphabet, random(4));
  const encode = random(2) === 0 ? encodeBase64 : encodeBase64Url;
  const text = encode(toBytes(before + secret + pick(alphabet, random(4))));
  const from = Math.ceil(before.length * 8 / 6);
  return { text, from, to: Math.ceil((before + secret).length * 8 / 6) };
}

function show(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

test("createBodyRedactor() finds every secret in random texts, however they are cut", () => {
  for (let round = 0; round < CASES; round++) {
    const alphabet = ALPHABETS[round % ALPHABETS.length]!;
    const secrets = [pick(alphabet, 8 + random(10)), pick(alphabet, 8 + random(10))];
    const create = createBodyRedactor(compileSecrets(secrets)!);
    let text = "";
    const places: [from: number, to: number][] = [];
    for (let count = random(3); count >= 0; count--) {
      text += pick(`${alphabet}%\\ x`, random(12));
      const { text: spelling, from, to } = spell(secrets[random(2)]!, alphabet);
      places.push([text.length + from, text.length + to]);
      text += spelling;
    }
    text += pick(`${alphabet}%\\ x`, random(6));
    const outcomes = [text.length, 1, 5].map((most) => {
      const transform = create();
      let safe = "";
      for (let at = 0; at < text.length;) {
        const length = most === 5 ? 1 + random(5) : most;
        safe += show(transform.push(toBytes(text.slice(at, at + length))));
        at += length;
      }
      return safe + show(transform.flush());
    });
    for (const safe of outcomes) {
      assert.equal(safe, outcomes[0], text);
      assert.equal(safe.length, text.length);
      for (const [from, to] of places) assert.match(safe.slice(from, to), /^\**$/, text);
    }
  }
});

test("createBodyRedactor() takes time by the bytes, whatever secret and text are", () => {
  const hostile = [
    ["a".repeat(8192), "a".repeat(60_000)],
    ["a".repeat(8192), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa%61".repeat(1000)],
    ["%25".repeat(2000), "%25".repeat(10_000)],
    ["0".repeat(64), "%30\\u0030".repeat(6000)],
    ["\\\\".repeat(500), "\\".repeat(60_000)],
  ] as const;
  for (const [secret, text] of hostile) {
    const transform = createBodyRedactor(compileSecrets([secret])!)();
    const started = performance.now();
    const length = transform.push(toBytes(text)).length + transform.flush().length;
    assert.equal(length, text.length);
    assert.ok(performance.now() - started < 5000, `${secret.slice(0, 6)} took too long`);
  }
});
