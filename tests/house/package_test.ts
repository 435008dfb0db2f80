import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { npmCommand } from "../runtimes/install.ts";
import { readJson, ROOT } from "./_tree.ts";

const TIMEOUT_MS = 120_000;
const SECRET = "00112233445566778899aabbccddeeff".repeat(2);
const folder = mkdtempSync(join(tmpdir(), "atikit-package-"));
const consumer = join(folder, "consumer");
const npm = readJson<{ version: string; exports: Record<string, { default?: string }> }>(
  "package.json",
);
let packed: { filename: string; files: readonly { path: string; mode: number }[] };

function run(command: readonly string[], cwd: string, env: Record<string, string> = {}): string {
  const [program = "", ...args] = command;
  const result = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    env: { ...process.env, ...env, NO_COLOR: "1", npm_config_loglevel: "error" },
  });
  assert.equal(result.status, 0, `${command.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

before(() => {
  run([...npmCommand(), "run", "build"], ROOT);
  const destination = ["--pack-destination", folder];
  const report = run([...npmCommand(), "pack", "--ignore-scripts", "--json", ...destination], ROOT);
  const parsed = JSON.parse(report) as readonly typeof packed[] | Record<string, typeof packed>;
  packed = Object.values(parsed)[0] as typeof packed;
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), '{ "private": true, "type": "module" }\n');
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  run([...npmCommand(), "install", join(folder, packed.filename), ...flags], consumer);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("the tarball holds the library, the command and the documents, and nothing else", () => {
  const paths = packed.files.map(({ path }) => path);
  const odd = paths.filter((path) =>
    !/^(?:(?:README|CHANGELOG|SECURITY|CONTRIBUTING)\.md|docs\/[a-z_]+\.md|bench\/README\.md|LICENSE|package\.json)$/
      .test(path) &&
    !/^dist\/(?:(?:ati\.cjs|(?:mod|server)\.(?:js|d\.ts)|parts\/[a-z_A-Z0-9]+\.js)|THIRD_PARTY_NOTICES\.txt)$/
      .test(path) &&
    !/^dist\/lib\/(?:[a-z]+\/)?[a-z0-9_]+\.(?:js|d\.ts)$/.test(path) &&
    !/^deploy\/[A-Za-z0-9_.\/-]+$/.test(path) &&
    !/^manifests\/(?:README\.md|[a-z0-9_.-]+\.(?:toml|json))$/.test(path)
  );
  assert.deepEqual(odd, []);
  for (const { default: file } of Object.values(npm.exports)) {
    if (file !== undefined) assert.ok(paths.includes(file.slice(2)), file);
  }
  for (const path of ["dist/ati.cjs", "LICENSE", "README.md", "dist/THIRD_PARTY_NOTICES.txt"]) {
    assert.ok(paths.includes(path), path);
  }
  const command = packed.files.find(({ path }) => path === "dist/ati.cjs");
  assert.equal((command?.mode ?? 0) & 0o111, 0o111);
});

test("the build says nothing of this machine", () => {
  for (const { path } of packed.files.filter((file) => /\.(?:js|d\.ts)$/.test(file.path))) {
    const text = readFileSync(join(ROOT, path), "utf8");
    assert.ok(!text.includes(ROOT) && !text.includes("sourceMappingURL"), path);
    if (path.endsWith(".d.ts")) assert.doesNotMatch(text, /from "\.[^"]*(?<!\.d)\.ts"/, path);
  }
});

test("npx ati issues and validates a token where the tarball is installed", () => {
  const npx = [...npmCommand(), "exec", "--offline", "--", "ati"];
  const env = { ATI_JWT_SECRET: SECRET };
  const issue = ["token", "issue", "--sub", "agent-1", "--scope", "tool:echo:*"];
  const token = run([...npx, ...issue], consumer, env).trim();
  assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  run([...npx, "token", "validate", token], consumer, env);
  assert.ok(run([...npx, "version"], consumer).includes(npm.version));
});

test("a program imports every entry of the installed package", () => {
  writeFileSync(join(consumer, "program.js"), PROGRAM);
  assert.equal(run([process.execPath, "program.js"], consumer), "agent-1 true\n");
  const names = Object.keys(npm.exports).map((name) => name.replace(".", "atikit"));
  const imports = names.filter((name) => !name.endsWith(".json")).map((name) => `"${name}"`);
  const code = `await Promise.all([${imports.join()}].map((name) => import(name)));`;
  assert.equal(run([process.execPath, "--input-type=module", "-e", code], consumer), "");
});

test("the declarations check alone, under both resolutions, without skipLibCheck", async (t) => {
  const typed = PROGRAM.replace("const secret =", "const secret: string =");
  writeFileSync(join(consumer, "program.ts"), typed);
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  for (const resolution of ["nodenext", "bundler"]) {
    await t.test(resolution, () => {
      const module = resolution === "bundler" ? "esnext" : resolution;
      const options = {
        compilerOptions: {
          strict: true,
          noEmit: true,
          target: "es2022",
          lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
          types: [],
          module,
          moduleResolution: resolution,
          exactOptionalPropertyTypes: true,
        },
        files: ["program.ts"],
      };
      writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify(options));
      assert.equal(run([process.execPath, compiler, "-p", "."], consumer), "");
    });
  }
});

/** Also TypeScript: it is what the declarations are checked with. */
const PROGRAM = `
import { importSecret, issueToken, validateToken } from "atikit";
import { checkScope, parseScopes } from "atikit/scope";

const secret = "${SECRET}";
const { signingKey, verificationKey } = await importSecret(secret);
const token = await issueToken({ sub: "agent-1", scope: "tool:echo:*" }, signingKey);
const claims = await validateToken(token, { keys: [verificationKey], audiences: ["ati-proxy"] });
console.log(claims.sub, checkScope("tool:echo:say", parseScopes(claims.scope)));
`;
