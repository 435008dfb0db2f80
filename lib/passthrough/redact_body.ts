/**
 * Taking secrets out of a body on its way: replaced by as many asterisks, so that its length and with it
 * its framing stay right.
 *
 * Found are the raw text, hex, base64 and base64url at every alignment, each with any of its bytes
 * written as `%2F`, `\u002f` or `\/`, and in any letter case. Not found is what was compressed,
 * encrypted, broken into lines or put into another character set than UTF-8 and Latin-1.
 *
 * @module
 */

import type { ByteTransform } from "../ports.ts";
import type { CompiledSecrets } from "./_secret_automaton.ts";
import { SecretScanner } from "./_secret_scanner.ts";
import type { SecretRange } from "./_secret_scanner.ts";

const ASTERISK = 0x2a;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Makes what redacts the bodies of a route, one transform a body.
 *
 * A transform holds back only bytes that may be the beginning of a secret, at most six times the
 * length of the longest spelling. Its time grows with the bytes, whatever they are.
 *
 * @param secrets What to find.
 */
export function createBodyRedactor({ automaton }: CompiledSecrets): () => ByteTransform {
  return () => {
    const scanner = new SecretScanner(automaton);
    let held = NOTHING;
    let base = 0;
    const release = (window: Uint8Array, until: number): Uint8Array => {
      const length = until - base;
      const bytes = length === window.length ? window : window.subarray(0, length);
      const decided = redact(bytes, base, scanner.ranges);
      // A copy: whoever gave the piece may use its memory again.
      held = length === window.length ? NOTHING : new Uint8Array(window.subarray(length));
      base = until;
      scanner.forget(base);
      return decided;
    };
    return {
      push(piece): Uint8Array {
        const window = held.length === 0 ? piece : concat(held, piece);
        const end = base + window.length;
        scanner.scan(window, base, base + held.length);
        return release(window, scanner.findUndecided(base, end));
      },
      flush: () => release(held, base + held.length),
    };
  };
}

/** The bytes, which begin at offset `base`, without what stands in the ranges. */
function redact(bytes: Uint8Array, base: number, ranges: readonly SecretRange[]): Uint8Array {
  if (ranges.length === 0 || ranges[0]![0] >= base + bytes.length) return bytes;
  const safe = new Uint8Array(bytes);
  for (const [start, end] of ranges) {
    const until = Math.min(end - base, safe.length);
    if (until > 0) safe.fill(ASTERISK, Math.max(start - base, 0), until);
  }
  return safe;
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
