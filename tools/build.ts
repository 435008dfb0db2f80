/**
 * Builds what npm ships, in `dist/`: the library as one module a file with its declarations, and the
 * command `ati` as one file whose subcommands are evaluated when they are called.
 *
 *     tsx tools/build.ts
 *
 * @module
 */

import { build } from "esbuild";
import type { BuildOptions, Plugin } from "esbuild";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const COMMAND = "dist/ati.cjs";
/**
 * commander starts programs for subcommands that are files of their own; we have none, and loading
 * what starts programs takes a tenth of the whole start.
 */
const NO_SUBPROCESSES: Plugin = {
  name: "no-subprocesses",
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: /^node:child_process$/ },
      ({ path, importer }) =>
        importer.includes("/node_modules/commander/") ? { path, namespace: "none" } : undefined,
    );
    onLoad({ filter: /./, namespace: "none" }, () => ({ contents: "module.exports = {};" }));
  },
};
const NOTICES = "dist/THIRD_PARTY_NOTICES.txt";
/** Bundled CommonJS packages call `require`, which an ES module has to make for itself. */
const BANNER = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);`;
const RELATIVE_TS_REGEXP = /((?:from|import\()\s*"\.{1,2}\/[^"]*)\.ts(")/g;
/**
 * Imports of an ES module are all carried out before its first line, those of lazy parts included: a
 * command that opens no socket would load TLS. A `require` is carried out where it stands.
 */
const LAZY_PLATFORM: Plugin = {
  name: "lazy-platform",
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: /^node:/ },
      ({ path, namespace }) =>
        namespace === "platform" ? { path, external: true } : { path, namespace: "platform" },
    );
    onLoad({ filter: /./, namespace: "platform" }, ({ path }) => ({
      contents: `module.exports = require("${path}");`,
    }));
  },
};

/** Lazy imports that stay in the command's own file: what sandboxes and scripts call over and over. */
const FAST_PARTS: ReadonlySet<string> = new Set([
  "token_inspect",
  "token_issue",
  "token_validate",
  "version",
]);
const BUNDLE = {
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  minify: true,
  legalComments: "none",
  // Loaded only by the proxy, and an ordinary dependency of the package.
  external: ["undici"],
  plugins: [LAZY_PLATFORM],
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

process.chdir(ROOT);
rmSync("dist", { recursive: true, force: true });
emitLibrary();
await bundleCommand();
console.log(`dist/ is ready: ${readdirSync("dist", { recursive: true }).length} files`);

/** The library: TypeScript emits what it checked, imports of `.ts` become imports of `.js`. */
function emitLibrary(): void {
  const compiler = join("node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("Cannot build the library: the compiler found errors");
  // The compiler rewrites imports in code only; declarations should name what is really there.
  for (const name of readdirSync("dist", { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join("dist", name);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replaceAll(RELATIVE_TS_REGEXP, "$1.js$2"));
  }
}

/**
 * The command in one file with what is called often and must start fast; every other lazy import
 * becomes a part of its own, because parsing what is not called was half of the start.
 */
async function bundleCommand(): Promise<void> {
  const parts = new Map<string, string>();
  const first = await build({
    ...BUNDLE,
    entryPoints: { ati: "cli.ts" },
    // Node starts a CommonJS program a fifth sooner: its loader of ES modules stays where it is.
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    plugins: [separateParts(parts), NO_SUBPROCESSES],
  });
  const others = await build({
    ...BUNDLE,
    banner: { js: BANNER },
    entryPoints: Object.fromEntries([...parts].map(([name, file]) => [`parts/${name}`, file])),
    splitting: true,
    chunkNames: "parts/_[hash]",
  });
  chmodSync(COMMAND, 0o755);
  const inputs = [first, others].flatMap(({ metafile }) => Object.keys(metafile.inputs));
  writeFileSync(NOTICES, collectNotices(inputs));
}

/** Turns lazy imports into imports of parts, and collects them: name to source file. */
function separateParts(parts: Map<string, string>): Plugin {
  return {
    name: "separate-parts",
    setup({ onResolve }) {
      onResolve({ filter: /^\..*\.ts$/ }, ({ path, kind, resolveDir }) => {
        const name = basename(path, ".ts");
        if (kind !== "dynamic-import" || FAST_PARTS.has(name)) return undefined;
        parts.set(name, join(resolveDir, path));
        return { path: `./parts/${name}.js`, external: true };
      });
    },
  };
}

/** The licenses of the packages inside the bundle, as they ask for. */
function collectNotices(inputs: readonly string[]): string {
  const folders = new Set(
    inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  return [...folders].toSorted().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      name: string;
      version: string;
    };
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined || !existsSync(join(folder, file))) {
      throw new Error(`Cannot ship ${name}: no license file in ${folder}`);
    }
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  }).join(`\n${"-".repeat(72)}\n\n`);
}
