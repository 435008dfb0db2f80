import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { bundleForWeb, packagesIn } from "./_bundle.ts";
import { readJson } from "./_tree.ts";

/** What each entry may pull in from outside: the reason to have entries at all. */
const PACKAGES_OF_ENTRY: Readonly<Record<string, readonly string[]>> = {
  "./errors": [],
  "./jwt": ["jose"],
  "./scope": [],
  "./signature": [],
  "./session": [],
  "./keyring": [],
  "./manifest": ["smol-toml", "valibot"],
  "./passthrough": [],
  "./proxy": ["itty-router", "jose", "smol-toml", "valibot"],
  ".": ["itty-router", "jose", "smol-toml", "valibot"],
};
/** Entries that are made for a server and reach for it. */
const SERVER_ENTRIES: readonly string[] = ["./server", "./cli"];

const entries = readJson<{ exports: Record<string, string> }>("deno.json").exports;

test("every entry but the doors has its packages written down", () => {
  const listed = [...Object.keys(PACKAGES_OF_ENTRY), ...SERVER_ENTRIES];
  assert.deepEqual(Object.keys(entries).toSorted(), listed.toSorted());
});

test("each entry bundles for a browser without platform modules and with no package too many", async (t) => {
  for (const [entry, packages] of Object.entries(PACKAGES_OF_ENTRY)) {
    await t.test(entry, async () => {
      const bundle = await bundleForWeb(`export * from "${entries[entry]}";`, "esm");
      assert.deepEqual(bundle.external, []);
      assert.deepEqual(packagesIn(bundle).filter((name) => !packages.includes(name)), []);
      assert.doesNotMatch(bundle.code, /["']node:/);
    });
  }
});

/** What a worker has and a bare JavaScript engine has not. */
const WEB_GLOBALS = [
  "AbortController",
  "AbortSignal",
  "Headers",
  "ReadableStream",
  "Request",
  "Response",
  "TextDecoder",
  "TextEncoder",
  "TransformStream",
  "URL",
  "URLSearchParams",
  "WritableStream",
  "atob",
  "btoa",
  "clearTimeout",
  "crypto",
  "fetch",
  "performance",
  "queueMicrotask",
  "setTimeout",
  "structuredClone",
] as const;

test("mod.ts does nothing when it is imported where only Web APIs exist", async () => {
  const { code } = await bundleForWeb('export * from "./mod.ts";', "iife");
  const called: string[] = [];
  const globals = Object.fromEntries(WEB_GLOBALS.map((name) => {
    const value: unknown = globalThis[name];
    if (!["fetch", "setTimeout", "queueMicrotask"].includes(name)) return [name, value];
    return [name, () => called.push(name)];
  }));
  const names: unknown = runInContext(
    `${code}; JSON.stringify(Object.keys(atikit))`,
    createContext(globals, { codeGeneration: { strings: false, wasm: false } }),
  );
  assert.deepEqual(called, [], "no timer and no request at import");
  const exported = JSON.parse(String(names)) as string[];
  for (const name of ["issueToken", "checkScope", "createProxy", "forward", "AtiError"]) {
    assert.ok(exported.includes(name), name);
  }
});
