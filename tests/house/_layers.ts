/** Who may import whom: ARCHITECTURE as data, and the check over it. @module */

import type { Import } from "./_tree.ts";

/** What a room may import besides itself: rooms by name. */
const FLOOR_0: readonly string[] = [
  "errors",
  "ports",
  "limits",
  "private_addresses",
  "file_ports",
  "upstream_failures",
  "chain",
];
const FLOOR_1: readonly string[] = [...FLOOR_0, "encoding"];
const FLOOR_2: readonly string[] = [
  ...FLOOR_1,
  "jwt",
  "scope",
  "signature",
  "session",
  "keyring",
  "manifest",
];
const FLOOR_3: readonly string[] = [
  ...FLOOR_2,
  "passthrough",
  "telemetry",
  "tools",
  "skills",
  "store",
  "orchestrator",
  "operator",
  "ath",
];
const FLOOR_4: readonly string[] = [...FLOOR_3, "proxy"];

/** Room (or door) -> rooms it may import. A room that is not named here may import nothing. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: FLOOR_0,
  ports: FLOOR_0,
  limits: FLOOR_0,
  private_addresses: FLOOR_0,
  file_ports: FLOOR_0,
  upstream_failures: FLOOR_0,
  chain: FLOOR_0,
  encoding: FLOOR_0,
  jwt: FLOOR_1,
  scope: FLOOR_1,
  signature: FLOOR_1,
  session: FLOOR_1,
  keyring: FLOOR_1,
  manifest: FLOOR_1,
  passthrough: FLOOR_2,
  telemetry: FLOOR_1,
  tools: FLOOR_2,
  skills: FLOOR_2,
  store: FLOOR_2,
  orchestrator: FLOOR_2,
  operator: FLOOR_2,
  ath: FLOOR_2,
  proxy: FLOOR_3,
  runtime: FLOOR_0,
  cli: FLOOR_4,
  "mod.ts": FLOOR_4,
  "cli.ts": ["cli", "runtime"],
  "server.ts": ["proxy", "runtime"],
};

/** Third-party package -> the files that may import it. */
export const PACKAGE_FILES: Readonly<Record<string, readonly string[]>> = {
  jose: ["lib/jwt/_jws.ts"],
  "smol-toml": ["lib/manifest/toml.ts"],
  valibot: ["lib/manifest/fields.ts", "lib/manifest/schema.ts"],
  "itty-router": ["lib/proxy/app.ts"],
  undici: ["lib/runtime/upstream_node.ts", "lib/runtime/_dispatch_exchange.ts"],
  commander: ["lib/cli/program.ts"],
  picocolors: ["lib/cli/output.ts"],
  "cli-table3": ["lib/cli/table.ts"],
};

/** Folders whose files may import the platform's own modules. */
const PLATFORM_ROOM = "lib/runtime/";

/** Breaches of the rules, as `path:line message`, in order. */
export function checkLayers(imports: readonly Import[]): string[] {
  const breaches = imports.flatMap((one) => {
    const problem = one.to.endsWith(".ts") ? checkFile(one) : checkPackage(one);
    return problem === undefined ? [] : [`${one.from}:${one.line} ${problem}`];
  });
  return [...breaches, ...findCycles(imports)].toSorted();
}

function checkFile({ from, to }: Import): string | undefined {
  const [source, target] = [roomOf(from), roomOf(to)];
  if (!to.startsWith("lib/")) return `imports ${to}, which is outside lib/`;
  if (isPrivate(to) && folderOf(from) !== folderOf(to)) return `imports ${to}, which is private`;
  const isDoor = !from.startsWith("lib/");
  if (to.endsWith("/mod.ts") && !isDoor) return `imports ${to}: import the file, not the folder`;
  if (source === target) return undefined;
  const allowed = MAY_IMPORT[source] ?? [];
  return allowed.includes(target) ? undefined : `imports ${to}: ${source} may not use ${target}`;
}

function checkPackage({ from, to }: Import): string | undefined {
  if (to.startsWith("node:")) {
    return from.startsWith(PLATFORM_ROOM) ? undefined : `imports ${to} outside ${PLATFORM_ROOM}`;
  }
  const name = to.split("/").slice(0, to.startsWith("@") ? 2 : 1).join("/");
  const files = PACKAGE_FILES[name];
  if (files === undefined) return `imports ${to}, a package that no file may use`;
  return files.includes(from) ? undefined : `imports ${to}; only ${files.join(" and ")} may`;
}

/** One line for each import that closes a circle. */
function findCycles(imports: readonly Import[]): string[] {
  const edges = new Map<string, Import[]>();
  for (const one of imports.filter(({ to }) => to.endsWith(".ts"))) {
    edges.set(one.from, [...(edges.get(one.from) ?? []), one]);
  }
  const done = new Set<string>();
  const path: string[] = [];
  const found: string[] = [];
  const visit = (file: string): void => {
    path.push(file);
    for (const { to, line } of edges.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        found.push(`${file}:${line} closes a circle: ${[...path.slice(start), to].join(" -> ")}`);
      } else if (!done.has(to)) visit(to);
    }
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) if (!done.has(file)) visit(file);
  return found;
}

/** `lib/jwt/verify.ts` -> `jwt`; `lib/errors.ts` -> `errors`; a door is its own room. */
function roomOf(file: string): string {
  const [top = "", room = ""] = file.split("/");
  return top === "lib" ? room.replace(/\.ts$/, "") : top;
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/") + 1);
}

function isPrivate(file: string): boolean {
  return file.slice(folderOf(file).length).startsWith("_");
}
