/**
 * Fetches the other runtimes and finds their programs.
 *
 * Nothing here needs an install script to run: the programs are taken straight from the packages
 * that npm picks for this platform, all pinned by the lock file beside this one.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A program that comes with `tests/runtimes`. */
export type FetchedProgram = "node26" | "deno" | "bun" | "workerd";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const MODULES = join(FOLDER, "node_modules");
const STAMP = join(MODULES, ".complete");
const INSTALL_TIMEOUT_MS = 600_000;

/** Where each program lies inside the packages that npm picks for this platform. */
const PROGRAMS: Readonly<
  Record<FetchedProgram, { scope: string; match: RegExp; file: string }>
> = {
  node26: {
    scope: ".",
    match: /^node-(?:bin-)?(?:linux|darwin|win)-/,
    file: "bin/node",
  },
  deno: { scope: "@deno", match: /./, file: "deno" },
  bun: { scope: "@oven", match: /^bun-/, file: "bin/bun" },
  workerd: { scope: "@cloudflare", match: /^workerd-/, file: "bin/workerd" },
};

/**
 * Installs the runtimes unless they are there already, as the lock file says.
 *
 * @param say Told one line before anything is fetched.
 * @throws {Error} When npm fails, or a program does not start here.
 */
export function ensureRuntimes(say: (line: string) => void): void {
  const wanted = stampText();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  say(
    "Fetching Node 26, Deno, Bun and workerd from npm (about 250 MB, once) ...",
  );
  const [command, ...prefix] = npmCommand();
  const done = spawnSync(
    command,
    [
      ...prefix,
      "install",
      "--no-save",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--prefix",
      FOLDER,
    ],
    {
      encoding: "utf8",
      timeout: INSTALL_TIMEOUT_MS,
      shell: command === "npm.cmd",
    },
  );
  if (done.status !== 0) {
    throw new Error(
      `Cannot fetch the runtimes: npm failed\n${done.stdout}${done.stderr}`,
    );
  }
  for (const program of Object.keys(PROGRAMS) as FetchedProgram[]) {
    linkProgram(program);
  }
  writeFileSync(STAMP, wanted);
}

/**
 * The path of a fetched program.
 *
 * @throws {Error} When it is not installed, or does not start on this machine.
 */
export function programPath(program: FetchedProgram): string {
  const { scope, match, file } = PROGRAMS[program];
  const folder = join(MODULES, scope);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => match.test(name)) : [];
  for (const name of names) {
    const path = join(folder, name, file) +
      (process.platform === "win32" ? ".exe" : "");
    // Two C libraries may be on offer for one platform; the one that starts is ours.
    if (existsSync(path) && programVersion(path) !== undefined) return path;
  }
  throw new Error(
    `Cannot find ${program} under tests/runtimes: run "npm test" once to fetch it`,
  );
}

/** The version a program reports, or `undefined` when it does not start. */
export function programVersion(path: string): string | undefined {
  const { status, stdout } = spawnSync(path, ["--version"], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return status === 0 ? /\d[\w.-]*/.exec(stdout)?.[0] : undefined;
}

/** The npm that started us, or the one on the path. */
export function npmCommand(): [command: string, ...args: string[]] {
  const cli = process.env["npm_execpath"];
  if (cli?.endsWith(".js") || cli?.endsWith(".cjs")) {
    return [process.execPath, cli];
  }
  return [process.platform === "win32" ? "npm.cmd" : "npm"];
}

/** `node_modules/.bin` points at launchers that need install scripts; point it at the programs. */
function linkProgram(program: FetchedProgram): void {
  const path = programPath(program);
  if (process.platform === "win32") return;
  const link = join(MODULES, ".bin", program === "node26" ? "node" : program);
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), path), link);
  if ((statSync(path).mode & 0o111) === 0) {
    throw new Error(`Cannot run ${program}: not executable`);
  }
}

function stampText(): string {
  const lock = readFileSync(join(FOLDER, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  return `${digest} ${process.platform} ${process.arch}\n`;
}
