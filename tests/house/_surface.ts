/** The exported names of every entry, as `deno doc` sees them. @module */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { programPath } from "../runtimes/install.ts";
import { readJson, ROOT } from "./_tree.ts";

/** Where the names are written down. */
export const SURFACE_FILE: string = join(ROOT, "tests/house/public_surface.txt");

interface DocSymbol {
  readonly name: string;
  readonly declarations?: readonly { readonly kind: string }[];
}

/** One line an exported name: entry, kind, name. */
export function readSurface(): string {
  const entries = Object.entries(
    readJson<{ exports: Record<string, string> }>("deno.json").exports,
  );
  return entries.map(([entry, file]) => {
    const names = readNames(file).map((line) => `${entry} ${line}\n`);
    return names.join("");
  }).join("\n");
}

function readNames(file: string): string[] {
  const text = execFileSync(programPath("deno"), ["doc", "--json", file], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { nodes } = JSON.parse(text) as {
    nodes: Readonly<Record<string, { readonly symbols: readonly DocSymbol[] }>>;
  };
  return Object.values(nodes)
    .flatMap(({ symbols }) => symbols)
    .map(({ name, declarations = [] }) => `${declarations[0]?.kind ?? "unknown"} ${name}`)
    .toSorted();
}
