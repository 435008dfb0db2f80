/** Upstream credentials in memory, in an object that does not print them. @module */

/**
 * Credentials by name. Printing, serializing, cloning or spreading it gives names at most, never
 * values; a value leaves through {@link Keyring.get} only.
 *
 * Security: JavaScript cannot lock, wipe or hide memory. Whoever can read the memory of the process
 * can read the values.
 *
 * @example Usage
 * ```ts
 * import assert from "node:assert/strict";
 * import { Keyring } from "atikit";
 *
 * const keyring = new Keyring({ github_token: "ghp_secret" });
 * assert.equal(keyring.get("GITHUB_TOKEN"), "ghp_secret");
 * assert.equal(`${keyring}`, "Keyring(github_token)");
 * ```
 */
export class Keyring {
  readonly #entries: ReadonlyMap<string, string>;

  static {
    // Node and Bun ask for the first, Deno for the second. Without them an inspector is free to
    // show private fields.
    for (const name of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
      const value = function (this: Keyring): string {
        return this.toString();
      };
      Object.defineProperty(this.prototype, Symbol.for(name), { value });
    }
  }

  /**
   * Copies the entries. An empty value counts as not set and is left out.
   *
   * @param entries Values by name.
   */
  constructor(entries: Readonly<Record<string, string>>) {
    this.#entries = new Map(Object.entries(entries).filter(([, value]) => value !== ""));
  }

  /** How many credentials there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of the name in lower case, else of the name as it is; `undefined` when neither is set. */
  get(name: string): string | undefined {
    return this.#entries.get(name.toLowerCase()) ?? this.#entries.get(name);
  }

  /** True when {@link Keyring.get} finds a value. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The names, sorted by code unit. */
  names(): string[] {
    return [...this.#entries.keys()].sort();
  }

  /** The names, for messages and logs. */
  toString(): string {
    return `Keyring(${this.names().join(", ")})`;
  }

  /** The names, for `JSON.stringify`. */
  toJSON(): { readonly names: readonly string[] } {
    return { names: this.names() };
  }
}
