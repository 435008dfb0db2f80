/**
 * A reporter for Node's test runner: one JSON line for each test, read back by `launch.ts`.
 * Plain JavaScript, because Node 20 loads reporters before any loader of TypeScript.
 *
 * @module
 */

import { inspect } from "node:util";

/**
 * Turns the runner's events into lines.
 *
 * @param {AsyncIterable<import("node:test/reporters").TestEvent>} source
 */
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { name, details, skip, todo } = data;
    if (details.type !== "suite") {
      yield `${JSON.stringify({ name, ...judge(type, details, skip ?? todo) })}\n`;
    }
  }
}

function judge(type, { error }, skip) {
  if (type === "test:pass") return { outcome: skip === undefined ? "passed" : "skipped" };
  // A test that failed only because of a test inside it has nothing to add.
  const isOuter = error.failureType === "subtestsFailed";
  return { outcome: "failed", text: isOuter ? undefined : inspect(error.cause ?? error) };
}
