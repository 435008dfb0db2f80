import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeBase64, encodeBase64Url } from "../../lib/encoding/base64.ts";
import { encodeHex } from "../../lib/encoding/hex.ts";
import { encodeUtf8 } from "../../lib/encoding/utf8.ts";
import { compileSecrets } from "../../lib/passthrough/_secret_automaton.ts";
import { toBytes } from "../../lib/passthrough/_secret_spellings.ts";
import { createBodyRedactor } from "../../lib/passthrough/redact_body.ts";
import type { ByteTransform } from "../../lib/ports.ts";

const SECRET = 'sk-live_4f9A/b+c%41\\z"é';

const creators = new Map<string, () => ByteTransform>();

/** A transform for some secrets, by default for the one above. */
function makeTransform(...secrets: string[]): ByteTransform {
  const key = secrets.join("\n");
  let create = creators.get(key);
  if (create === undefined) {
    const compiled = compileSecrets(secrets.length === 0 ? [SECRET] : secrets);
    assert.ok(compiled);
    create = createBodyRedactor(compiled);
    creators.set(key, create);
  }
  return create();
}

/** Bytes as characters, one each. */
function show(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** UTF-8 text, its bytes as characters. */
function utf8(text: string): string {
  return show(encodeUtf8(text));
}

function pass(transform: ByteTransform, pieces: readonly Uint8Array[]): string {
  return [...pieces.map((piece) => show(transform.push(piece))), show(transform.flush())].join("");
}

/** The same bytes whole, byte by byte, and in two pieces at every position. */
function* cutEverywhere(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

function stars(count: number): string {
  return "*".repeat(count);
}

/** Checks what becomes of `before + spelling + after`, however it comes. */
function assertRedacted(spelling: string, before = "<a ", after = " b>", secret = SECRET): void {
  const expected = before + stars(spelling.length) + after;
  for (const pieces of cutEverywhere(toBytes(before + spelling + after))) {
    assert.equal(pass(makeTransform(secret), pieces), expected, `${pieces.length} pieces`);
  }
}

test("createBodyRedactor() takes out the raw secret, as UTF-8 and as Latin-1", () => {
  assertRedacted(utf8(SECRET));
  assertRedacted(SECRET);
  assertRedacted(utf8(SECRET), "", "");
});

test("createBodyRedactor() takes out hex of either case, also mixed", () => {
  const hex = encodeHex(encodeUtf8(SECRET));
  assertRedacted(hex);
  assertRedacted(hex.toUpperCase());
  assertRedacted([...hex].map((digit, index) => index % 2 ? digit.toUpperCase() : digit).join(""));
});

test("createBodyRedactor() takes out percent-encoding, whole, usual or mixed", () => {
  const bytes = encodeUtf8(SECRET);
  const every = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`);
  assertRedacted(every.join(""));
  assertRedacted(every.join("").toUpperCase());
  assertRedacted(encodeURIComponent(SECRET));
  assertRedacted(encodeURIComponent(encodeURIComponent(SECRET)));
  for (const offset of [0, 1, 2]) {
    const mixed = Array.from(bytes, (byte, index) => {
      return index % 3 === offset ? every[index]! : String.fromCharCode(byte);
    });
    assertRedacted(mixed.join(""));
  }
});

test("createBodyRedactor() takes out what a JSON string makes of it", () => {
  const json = JSON.stringify(SECRET).slice(1, -1);
  assertRedacted(utf8(json), '{"key":"', '"}');
  assertRedacted(utf8(json.replaceAll("/", "\\/")), '{"key":"', '"}');
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  assertRedacted([...SECRET].map(escape).join(""), '{"key":"', '"}');
  assertRedacted(SECRET.replace(/[^a-z]/g, escape), '{"key":"', '"}');
  const wide = "pass\u{1f600}word\u4e2d/x";
  assertRedacted(wide.replace(/[^\x20-\x7e]/g, escape), '{"key":"', '"}', wide);
});

test("createBodyRedactor() takes out base64 and base64url inside a larger text", () => {
  const alphabets = [(bytes: Uint8Array) => encodeBase64(bytes), encodeBase64Url];
  for (
    const secret of ["12345678", "123456789", "1234567890", SECRET, "\xff\xfe\xfb\xef~~~???>>>"]
  ) {
    const bytes = encodeUtf8(secret);
    for (const encode of alphabets) {
      assertRedacted(encode(bytes), " ", " ", secret);
      for (const before of ["", "a", "ab", "abc"]) {
        for (const after of ["", "\x00", "\xff\xff", "abc"]) {
          const whole = encode(encodeUtf8(before + secret + after));
          const first = Math.ceil(encodeUtf8(before).length * 8 / 6);
          for (const pieces of cutEverywhere(toBytes(whole))) {
            const safe = pass(makeTransform(secret), pieces);
            // The first character holds bits of what stands before; all others are the secret's.
            const last = Math.ceil(encodeUtf8(before + secret).length * 8 / 6);
            assert.equal(safe.slice(0, first), whole.slice(0, first));
            assert.match(safe.slice(first, last), /^\*+$/);
            assert.equal(
              safe.slice(last).replace(/^[*=]+/, ""),
              whole.slice(last).replace(/^=+/, ""),
            );
          }
        }
      }
    }
  }
});

test("createBodyRedactor() takes out base64 that was escaped once more", () => {
  const text = encodeBase64(encodeUtf8("~~~???>>>~~~???>>>"));
  assert.match(text, /[+/]/);
  assertRedacted(text.replaceAll("/", "\\/"), '"', '"', "~~~???>>>~~~???>>>");
  assertRedacted(encodeURIComponent(text), "k=", "&", "~~~???>>>~~~???>>>");
});

test("createBodyRedactor() takes out a secret with spaces from a form", () => {
  assertRedacted("correct+horse+%26+battery", "k=", "&a=b", "correct horse & battery");
});

test("createBodyRedactor() takes out overlapping and adjacent secrets", () => {
  const cases = [
    [["abcdefgh", "efghijkl"], "xabcdefghijklx", "x************x"],
    [["abcdefgh", "abcdefghijkl"], "abcdefghijxabcdefghijkl", "********ijx************"],
    [["abcdefgh", "cdefghij"], "abcdefghabcdefghijx", "******************x"],
    [["abababab"], "xababababababx", "x************x"],
    [["abababab"], "abababaabababab", "abababa********"],
    [["aaaaaaaa"], "aaaaaaa aaaaaaaaaaaa", "aaaaaaa ************"],
    [["abcdefgh"], "abcdefghabcdefgh", "****************"],
    [["%25%25%25"], "%25%25%25%2525%25x", "*****************x"],
    [["deadbeefdeadbeef"], "100%deadb%65efdeadbeef", "100%******************"],
    [["netWORK0"], "\\\\netWORK0 \\netWORK0", "\\\\******** \\********"],
  ] as const;
  for (const [secrets, text, expected] of cases) {
    for (const pieces of cutEverywhere(toBytes(text))) {
      assert.equal(pass(makeTransform(...secrets), pieces), expected, text);
    }
  }
});

test("createBodyRedactor() leaves everything else as it is", () => {
  const texts = [
    SECRET.slice(1),
    SECRET.slice(0, -1),
    SECRET.replace("4", "5"),
    encodeBase64(encodeUtf8(SECRET.slice(2))),
    "100% \\ %4 %zz \\u00 \\u12 \\x %",
    "",
  ];
  for (const text of texts) {
    for (const pieces of cutEverywhere(toBytes(text))) {
      assert.equal(pass(makeTransform(), pieces), text);
    }
  }
});

test("createBodyRedactor() holds back only what may be the beginning of a secret", () => {
  const held = (text: string): number =>
    text.length - makeTransform("topsecret").push(toBytes(text)).length;
  for (
    const text of ["data: hello\n\n", "a topsecreT!", "topsecre\n", "topsecret", "100%\n", "\\x"]
  ) {
    assert.equal(held(text), 0, text);
  }
  assert.equal(held("data: top"), 3);
  assert.equal(held("data: topse%63"), 8);
  assert.equal(held("data: \\u0074o"), 7);
  assert.equal(held("topsectopsec"), 6);
  assert.equal(held("5%"), 1);
  assert.equal(held("a\\u00"), 4);
});

test("createBodyRedactor() gives back the very piece where nothing is in it", () => {
  const piece = toBytes("nothing at all\n");
  assert.equal(makeTransform().push(piece), piece);
});

test("createBodyRedactor() changes no bytes of the caller's, and keeps none", () => {
  const transform = makeTransform("topsecret");
  const piece = toBytes("a topsecret b tops");
  const before = show(piece);
  const first = show(transform.push(piece));
  assert.equal(show(piece), before);
  piece.fill(0);
  assert.equal(
    first + show(transform.push(toBytes("ecre."))) + show(transform.flush()),
    "a ********* b topsecre.",
  );
});

test("createBodyRedactor() makes transforms that know nothing of each other", () => {
  const create = createBodyRedactor(compileSecrets(["topsecret"])!);
  const [one, two] = [create(), create()];
  assert.equal(show(one.push(toBytes("topse"))), "");
  assert.equal(show(two.push(toBytes("cret "))), "cret ");
  assert.equal(show(one.flush()), "topse");
});

test("compileSecrets() leaves out what is too short to be told from text", () => {
  assert.equal(compileSecrets(["1234567", ""]), undefined);
  assert.equal(
    pass(makeTransform("1234567", "87654321"), [toBytes("1234567 87654321")]),
    "1234567 ********",
  );
});
