/** Bundles entries of the project for places that are not Node. @module */

import { build } from "esbuild";
import { ROOT } from "./_tree.ts";

/** A bundle and what went into it. */
export interface Bundle {
  /** The code, one file. */
  readonly code: string;
  /** Files inside, relative to the project. */
  readonly inputs: readonly string[];
  /** Specifiers that were left as imports. */
  readonly external: readonly string[];
}

/**
 * Bundles source text that imports from the project.
 *
 * @param source An ES module; relative imports start at the project's folder.
 * @param format What to make of it.
 * @throws When something cannot be resolved for a browser, a `node:` module for example.
 */
export async function bundleForWeb(source: string, format: "esm" | "iife"): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: ROOT, sourcefile: "entry.ts", loader: "ts" },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    format,
    ...(format === "iife" ? { globalName: "atikit" } : {}),
    platform: "browser",
    target: "es2023",
    conditions: ["worker", "browser"],
    metafile: true,
    logLevel: "silent",
  });
  return {
    code: outputFiles[0]?.text ?? "",
    inputs: Object.keys(metafile.inputs),
    external: Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.filter((one) => one.external).map(({ path }) => path)
    ),
  };
}

/** The third-party packages inside a bundle. */
export function packagesIn({ inputs }: Bundle): string[] {
  const names = inputs.flatMap((path) =>
    /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []
  );
  return [...new Set(names)].toSorted();
}
