/** What is known of methods. @module */

/**
 * Methods whose request may be sent again when the connection failed before any answer
 * (RFC 9110 §9.2.2).
 */
export const REPEATABLE_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "PUT",
  "DELETE",
]);
