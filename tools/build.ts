/**
 * Builds what npm ships, in `dist/`: the library as one module a file with its declarations, and the
 * command `ati` as one file whose subcommands are evaluated when they are called.
 *
 *     tsx tools/build.ts
 *
 * @module
 */

import { build } from "esbuild";
import type { Plugin } from "esbuild";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const COMMAND = "dist/ati.js";
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

async function bundleCommand(): Promise<void> {
  const { metafile } = await build({
    entryPoints: ["cli.ts"],
    outfile: COMMAND,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minify: true,
    legalComments: "none",
    banner: { js: BANNER },
    // Loaded only by the proxy, and an ordinary dependency of the package.
    external: ["undici"],
    plugins: [LAZY_PLATFORM],
    metafile: true,
    logLevel: "warning",
  });
  chmodSync(COMMAND, 0o755);
  writeFileSync(NOTICES, collectNotices(Object.keys(metafile.inputs)));
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
