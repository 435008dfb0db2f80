/**
 * The pieces that OTLP messages share, in the JSON mapping of OTLP: names in lowerCamelCase, 64-bit
 * integers as text, ids as hex.
 *
 * @see {@link https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding | OTLP JSON encoding}
 *
 * @module
 */

/** A value of an attribute. */
export type AttributeValue = string | number;

/** Attributes by name; those without a value are left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** An attribute as OTLP has it. */
export interface OtlpAttribute {
  /** Name. */
  readonly key: string;
  /** Value, under the name of its type. */
  readonly value: Readonly<Record<string, AttributeValue>>;
}

/** Who reports: the program and the library. */
export interface OtlpSource {
  /** Attributes of the program. */
  readonly resource: Attributes;
  /** Version of atikit. */
  readonly version: string;
}

/** Encodes attributes. Numbers must be whole. */
export function encodeAttributes(attributes: Attributes): OtlpAttribute[] {
  const encoded: OtlpAttribute[] = [];
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    encoded.push({
      key,
      value: typeof value === "string" ? { stringValue: value } : { intValue: String(value) },
    });
  }
  return encoded;
}

/** Encodes a time in Unix milliseconds as nanoseconds, which no number here can hold. */
export function encodeTime(timeMs: number): string {
  return `${Math.trunc(timeMs)}000000`;
}

/** The scope under which everything is reported. */
export function encodeScope(source: OtlpSource): { name: string; version: string } {
  return { name: "atikit", version: source.version };
}
