import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { programPath } from "../runtimes/install.ts";
import { blankComments, listFiles, readJson, readText, ROOT } from "./_tree.ts";

/** Floors 0 to 4: handed what they need, never reaching for it. */
const CORE = ["mod.ts", ...listFiles("lib", /\.ts$/)].filter((file) =>
  !/^lib\/(?:runtime|cli)\//.test(file)
);

/** What the core may not say, and how it gets the thing instead. */
const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["the process", /(?<![.\w"'`/-])process\s*[.?[]/],
  ["a runtime by name", /(?<![.\w"'`/-])(?:Deno|Bun)\s*[.?[]/],
  ["the console", /(?<![.\w])console\s*[.?[]/],
  ["the clock (a Clock is handed in)", /\bDate\.now\s*\(|\bnew Date\(\s*\)|(?<!new )\bDate\(\)/],
  ["chance other than Web Crypto", /\bMath\.random\b/],
  ["Buffer", /(?<![.\w])Buffer\s*\./],
  ["a require", /(?<![.\w])require\s*\(/],
  ["evaluation of text", /(?<![.\w])eval\s*\(|\bnew Function\b/],
];

/** `path:line what` for each breach. */
function findBreaches(files: readonly string[], read: (file: string) => string): string[] {
  return files.flatMap((file) =>
    blankComments(read(file)).split("\n").flatMap((line, index) =>
      FORBIDDEN.filter(([, pattern]) => pattern.test(line)).map(([what]) =>
        `${file}:${index + 1} ${what}`
      )
    )
  );
}

test("floors 0 to 4 name no process, runtime, console or clock", () => {
  assert.ok(CORE.length > 30);
  assert.deepEqual(findBreaches(CORE, readText), []);
});

test("the search finds what it looks for, and leaves comments alone", () => {
  const samples = [
    "process.env.HOME",
    "Deno.env",
    "console.log(1)",
    "Date.now()",
    "Math.random()",
    "Buffer.from(a)",
    'require("x")',
    "eval(text)",
  ];
  for (const sample of samples) {
    assert.equal(findBreaches(["x.ts"], () => `const a = 1;\n  ${sample};`).length, 1, sample);
    const quiet = `// ${sample}\n/** ${sample} */\nconst now = Date.now; it.process.next();`;
    assert.deepEqual(findBreaches(["x.ts"], () => quiet), [], sample);
  }
});

test("the core type-checks where no runtime's types exist", () => {
  const { compilerOptions } = readJson<{ compilerOptions: { types: string[]; lib: string[] } }>(
    "tsconfig.core.json",
  );
  assert.deepEqual(compilerOptions.types, []);
  assert.ok(compilerOptions.lib.every((name) => /^(?:ES\d+|WebWorker)/.test(name)));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.core.json"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.equal(`${status}\n${stdout}`, "0\n");
});

/**
 * Prints what a module left behind when it was imported: handles and listeners. Node opens the three
 * standard streams for whoever imports its process module; that is not ours to count.
 */
const PROBE = `
await import("node:process");
const look = () => [process.getActiveResourcesInfo(), process.eventNames().map(String)];
const before = JSON.stringify(look());
await import(process.env.PROBED_FILE);
const after = JSON.stringify(look());
console.log(after === before ? "quiet" : before + " became " + after);
`;

test("importing an entry prints nothing, opens nothing and ends", async (t) => {
  const { exports } = readJson<{ exports: Record<string, string> }>("deno.json");
  for (const [entry, file] of Object.entries(exports)) {
    // Importing the command runs it, as importing any program does.
    if (entry === "./cli") continue;
    await t.test(entry, () => {
      // Node 26 reads TypeScript without a loader, which would leave things of its own.
      const flags = ["--input-type=module", "--eval", PROBE];
      const result = spawnSync(programPath("node26"), flags, {
        cwd: ROOT,
        encoding: "utf8",
        timeout: 30_000,
        env: { PROBED_FILE: join(ROOT, file), HOME: "/nonexistent", NO_COLOR: "1" },
      });
      assert.deepEqual([result.status, result.stdout, result.stderr], [0, "quiet\n", ""]);
    });
  }
});
