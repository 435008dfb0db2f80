/**
 * The kinds of fields a manifest is made of. Each carries its checks for the loader and its
 * description, pattern and examples for the JSON Schema that editors use.
 *
 * @module
 */

import * as v from "valibot";

import { suggestWord } from "../encoding/suggest.ts";
import { MAX_GLOB_CHARS, MAX_NAME_CHARS, MAX_PATH_CHARS, MAX_TIMEOUT_SECONDS } from "../limits.ts";

/** What a file may hold in one place, and what becomes of it: a `T`. */
export type Field<T> = v.GenericSchema<unknown, T>;

/** Text. */
export type TextField = v.GenericSchema<string, string>;

/** A field that may be left out. */
export type OptionalField<T> = v.OptionalSchema<Field<T>, undefined>;

/** A field that has a default. */
export type DefaultField<T> = v.OptionalSchema<Field<T>, T>;

/** What a field holds is exactly a `T`, to the last optional member; if not, a type error follows. */
export type Exact<F, T> = F extends Field<unknown>
  ? Same<Frozen<v.InferOutput<F>>, T> extends true ? unknown : never
  : never;

type Frozen<T> = unknown extends T ? T : { readonly [K in keyof T]: Frozen<T[K]> };
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/**
 * A pattern and what it asks for, in words that follow "Must be". Brackets inside a class are
 * escaped: editors run these patterns in dialects where a class may hold another.
 */
export interface TextRule {
  /** The pattern; no flags, so that JSON Schema can have it. */
  readonly pattern: RegExp;
  /** What it asks for. */
  readonly words: string;
}

/** A provider's name: it becomes part of file names, tool names and scopes. */
export const PROVIDER_NAME: TextRule = {
  pattern: /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
  words: "letters, digits, '.', '_' and '-', beginning with a letter, digit or '_'",
};

/** A tool's name: it becomes part of a scope, which ends at a space and gives `*` a meaning. */
export const TOOL_NAME: TextRule = {
  pattern: /^[A-Za-z0-9_][A-Za-z0-9._:/-]*$/,
  words: "letters, digits, '.', '_', '-', ':' and '/', beginning with a letter, digit or '_'",
};

/** A keyring entry's name, as `${name}` can mention it. Labels of password managers hold blanks. */
export const KEY_NAME: TextRule = {
  pattern: /^[ -z|~\u00a1-\uffff]*[!-z|~\u00a1-\uffff][ -z|~\u00a1-\uffff]*$/,
  words: "a keyring entry's name: no control characters, '{' or '}'",
};

/** An environment variable's name. */
export const VARIABLE_NAME: TextRule = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
  words: "a variable's name: letters, digits and '_', not beginning with a digit",
};

/** RFC 9110 §5.1: a field name is a token. Methods are tokens too (§9.1). */
export const TOKEN: TextRule = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
  words: "an HTTP token: letters, digits and !#$%&'*+-.^_`|~",
};

/** RFC 9110 §5.5 without obs-text: no line break can end the field early. */
export const HEADER_VALUE: TextRule = {
  pattern: /^[\t -~]*$/,
  words: "printable ASCII without line breaks",
};

/** A query parameter's name that needs no encoding. */
export const QUERY_NAME: TextRule = {
  pattern: /^[A-Za-z0-9._~$\[\]-]+$/,
  words: "letters, digits, '.', '_', '~', '-', '$', '[' and ']'",
};

/** A host as the Host header has it: name, IPv4 or bracketed IPv6, and perhaps a port. */
export const HOST: TextRule = {
  pattern: /^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/,
  words: 'a host name or address without scheme or path, for example "api.example.com"',
};

/** RFC 6749 §3.3: a scope token. A star would make it a pattern, which nobody can be asked for. */
export const SCOPE: TextRule = {
  pattern: /^[!#-)+-Z\[\]-~]+$/,
  words: `a scope: visible ASCII without '"', '\\' and '*'`,
};

/** A path as it stands in a canonical request: visible ASCII, no query, no empty or dot segment. */
export const PATH: TextRule = {
  pattern: /^(?!.*\/\.{1,2}(?:\/|$))(?!.*\/\/.)\/(?:[!"$&->@-Z\[\]-~]|%[0-9A-Fa-f]{2})*$/,
  words:
    "a path that begins with '/': no '?', '#', '\\', blanks, '//', dot segments or broken %-escapes",
};

/** A path, or nothing. */
export const PATH_OR_NOTHING: TextRule = {
  pattern: /^(?:(?!.*\/\.{1,2}(?:\/|$))(?!.*\/\/.)\/(?:[!"$&->@-Z\[\]-~]|%[0-9A-Fa-f]{2})*)?$/,
  words: `empty or ${PATH.words}`,
};

/** Any text. */
export function text(description: string, ...examples: readonly string[]): TextField {
  return v.pipe(v.string(), describe(description, examples));
}

/** Text that is not empty. */
export function filledText(description: string, ...examples: readonly string[]): TextField {
  return v.pipe(
    v.string(),
    v.regex(/\S/, "Must not be empty"),
    describe(description, examples),
  );
}

/** Text of a certain form, at most 128 characters. */
export function name(
  rule: TextRule,
  description: string,
  ...examples: readonly string[]
): TextField {
  return v.pipe(
    v.string(),
    v.maxLength(MAX_NAME_CHARS, `Must be at most ${MAX_NAME_CHARS} characters long`),
    v.regex(rule.pattern, `Must be ${rule.words}`),
    describe(description, examples),
  );
}

/** Text of a certain form that may be as long as a path. */
export function textLike(
  rule: TextRule,
  description: string,
  ...examples: readonly string[]
): TextField {
  return v.pipe(
    v.string(),
    v.maxLength(MAX_PATH_CHARS, `Must be at most ${MAX_PATH_CHARS} characters long`),
    v.regex(rule.pattern, `Must be ${rule.words}`),
    describe(description, examples),
  );
}

/** A glob pattern. Its dialect is checked where globs are compiled. */
export function glob(description: string): TextField {
  return v.pipe(
    v.string(),
    v.nonEmpty("Must not be empty"),
    v.maxLength(MAX_GLOB_CHARS, `Must be at most ${MAX_GLOB_CHARS} characters long`),
    describe(description),
  );
}

/** True or false. */
export function flag(description: string): Field<boolean> {
  return v.pipe(v.boolean(), describe(description));
}

/** A whole number, at least `minimum`. */
export function wholeNumber(minimum: number, description: string): Field<number> {
  const message = `Must be a whole number, ${minimum} or more`;
  return v.pipe(
    v.number(),
    v.safeInteger(message),
    v.minValue(minimum, message),
    describe(description),
  );
}

/** Seconds, more than zero. */
export function seconds(description: string): Field<number> {
  return v.pipe(
    v.number(),
    v.gtValue(0, "Must be more than 0"),
    v.maxValue(MAX_TIMEOUT_SECONDS, `Must be at most ${MAX_TIMEOUT_SECONDS}`),
    describe(description),
  );
}

/** Seconds, or 0 to switch something off. */
export function secondsOrZero(description: string): Field<number> {
  return v.pipe(
    v.number(),
    v.minValue(0, "Must be 0 or more"),
    v.maxValue(MAX_TIMEOUT_SECONDS, `Must be at most ${MAX_TIMEOUT_SECONDS}`),
    describe(description),
  );
}

/** One word of a fixed list. The refusal names them and the one that was probably meant. */
export function choice<const T extends string>(
  options: readonly T[],
  description: string,
): Field<T> {
  return v.pipe(
    v.picklist(options, (issue) => describeChoice(options, issue.input)),
    describe(description),
  );
}

/** One word of a fixed list in any case; it becomes upper case. The words are letters. */
export function anyCaseChoice<const T extends string>(
  options: readonly T[],
  description: string,
): Field<T> {
  // Each letter in either case, spelled out: JSON Schema patterns have no flags.
  const words = options.map((option) =>
    option.replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`)
  );
  return v.pipe(
    v.string(),
    v.regex(new RegExp(`^(?:${words.join("|")})$`), `Must be one of ${options.join(", ")}`),
    // `anyOf` adds nothing to the check; editors complete from its list.
    v.metadata({ description, anyOf: [{ enum: options }, {}] }),
    v.transform((word) => word.toUpperCase() as T),
  );
}

// Refusal of a word that is not among `options`.
function describeChoice(options: readonly string[], input: unknown): string {
  const meant = typeof input === "string" ? suggestWord(input, options) : undefined;
  const list = options.map((option) => `"${option}"`).join(", ");
  return `Must be one of ${list}${meant === undefined ? "" : `; did you mean "${meant}"?`}`;
}

/** An array. */
export function list<T>(item: Field<T>, description: string): Field<T[]> {
  return v.pipe(v.array(item), describe(description));
}

/** An array that is not empty. */
export function filledList<T>(item: Field<T>, description: string): Field<T[]> {
  return v.pipe(
    v.array(item),
    v.minLength(1, "Must not be empty"),
    describe(description),
  );
}

/** An array of exactly two items. */
export function pair<A, B>(first: Field<A>, second: Field<B>, description: string): Field<[A, B]> {
  return v.pipe(
    v.strictTuple([first, second], "Must be an array of exactly two texts"),
    describe(description),
  );
}

/** A table whose keys and values are not looked at. */
export function freeTable(description: string): Field<Record<string, unknown>> {
  return v.pipe(v.record(v.string(), v.unknown()), describe(description));
}

/** A table with free keys. */
export function map<T>(
  key: TextField,
  value: Field<T>,
  description: string,
): Field<Record<string, T>> {
  return v.pipe(v.record(key, value), describe(description));
}

/** A table with fixed keys. */
export function table<const E extends v.ObjectEntries>(
  entries: E,
  description: string,
): v.GenericSchema<unknown, v.InferOutput<v.ObjectSchema<E, undefined>>> {
  return v.pipe(v.object(entries), describe(description));
}

/** Entries of a table that says by `kind` which one it is. */
export interface KindEntries extends v.ObjectEntries {
  readonly kind: v.LiteralSchema<string, undefined>;
}

/** The `kind` of a table. */
export function kind<const T extends string>(name: T): v.LiteralSchema<T, undefined> {
  return v.literal(name);
}

/** One of two tables, told apart by `kind`. */
export function eitherTable<const A extends KindEntries, const B extends KindEntries>(
  first: A,
  second: B,
): v.GenericSchema<
  unknown,
  v.InferOutput<v.ObjectSchema<A, undefined>> | v.InferOutput<v.ObjectSchema<B, undefined>>
> {
  const kinds = [first.kind.literal, second.kind.literal];
  return v.variant(
    "kind",
    [v.object(first), v.object(second)],
    (issue) => describeChoice(kinds, issue.input),
  );
}

/** A field that may be left out. */
export function optional<T>(field: Field<T>): OptionalField<T> {
  return v.optional(field);
}

/** A field with the value it has when it is left out. */
export function withDefault<T>(field: Field<T>, value: NoInfer<T>): DefaultField<T> {
  return v.optional(field, value);
}

/** Changes what was found into what the field holds. */
export function changed<T, U>(field: Field<T>, change: (value: T) => U): Field<U> {
  return v.pipe(field, v.transform(change));
}

// The JSON Schema annotations of a field.
function describe<T>(
  description: string,
  examples: readonly string[] = [],
): v.MetadataAction<T, Record<string, unknown>> {
  return v.metadata({ description, ...(examples.length > 0 ? { examples } : {}) });
}
