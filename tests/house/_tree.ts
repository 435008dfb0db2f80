/** What the house checks look at: the files of the project and what they import. @module */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { programPath } from "../runtimes/install.ts";

/** The folder of the project, with a slash at the end. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** One import or re-export, type-only ones included. */
export interface Import {
  /** Importing file, relative to the project, with `/`. */
  readonly from: string;
  /** 1-based line of the specifier. */
  readonly line: number;
  /** Imported file relative to the project, or the specifier of a package (`jose`, `node:fs`). */
  readonly to: string;
}

const SKIPPED_FOLDERS: readonly string[] = ["node_modules", ".git", "dist"];

/** Files below a folder of the project, sorted, as paths relative to the project. */
export function listFiles(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) return pattern.test(path) ? [path] : [];
      return SKIPPED_FOLDERS.includes(entry.name) ? [] : listFiles(path, pattern);
    })
    .toSorted();
}

/** Text of a file of the project. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A JSON file of the project. */
export function readJson<T>(path: string): T {
  return JSON.parse(readText(path)) as T;
}

/**
 * Every import in the given files, as Deno's module graph sees them: with `import type`, re-exports
 * and dynamic imports of a literal, without what stands in comments or strings.
 */
export function readImports(files: readonly string[]): Import[] {
  const folder = mkdtempSync(join(tmpdir(), "atikit-graph-"));
  try {
    const entry = join(folder, "all.ts");
    writeFileSync(entry, files.map((file) => `import "${toUrl(file)}";\n`).join(""));
    const config = join(ROOT, "deno.json");
    const text = execFileSync(programPath("deno"), ["info", "--json", "-c", config, entry], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const graph = JSON.parse(text) as { modules: readonly GraphModule[] };
    const wanted = new Map(files.map((file) => [toUrl(file), file]));
    return graph.modules.flatMap((module) => {
      const from = wanted.get(module.specifier);
      if (from === undefined) return [];
      if (module.error !== undefined) throw new Error(`Cannot read ${from}: ${module.error}`);
      return (module.dependencies ?? []).map((dependency) => toImport(from, dependency));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface GraphEdge {
  readonly specifier?: string;
  readonly span: { readonly start: { readonly line: number } };
}

interface GraphModule {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: GraphEdge;
    readonly type?: GraphEdge;
  }[];
}

function toImport(
  from: string,
  dependency: NonNullable<GraphModule["dependencies"]>[number],
): Import {
  const edge = dependency.code ?? dependency.type;
  const line = (edge?.span.start.line ?? 0) + 1;
  const isFile = /^\.{0,2}\//.test(dependency.specifier);
  const target = edge?.specifier;
  if (!isFile || target === undefined) return { from, line, to: dependency.specifier };
  return { from, line, to: relative(ROOT, fileURLToPath(target)).replaceAll("\\", "/") };
}

function toUrl(file: string): string {
  return pathToFileURL(join(ROOT, file)).href;
}

/** Source with comments blanked out; line numbers stay, strings and regular expressions too. */
export function blankComments(source: string): string {
  return source.replaceAll(
    COMMENT_OR_LITERAL_REGEXP,
    (text) => /^\/[/*]/.test(text) ? text.replaceAll(/[^\n]/g, " ") : text,
  );
}

// Literals come first in the text where they stand, so a comment marker inside one is passed over.
const COMMENT_OR_LITERAL_REGEXP =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\/|(?<=[(,=:[!&|?{};\n]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;
