/** `ati manifest`: what the manifests say, and what is wrong with them. @module */

import { decodeUtf8 } from "../encoding/utf8.ts";
import {
  ConfigError,
  FileError,
  isAtiError,
  ManifestError,
  type ManifestIssue,
} from "../errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../limits.ts";
import { formatManifestIssue } from "../manifest/issues.ts";
import { type LoadedManifests, loadManifests } from "../manifest/load.ts";
import { parseManifest } from "../manifest/parse.ts";
import type { Manifest } from "../manifest/types.ts";
import { createRouteTable } from "../passthrough/route_table.ts";
import type { Files } from "../ports.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./format.ts";

const ROUTE_MESSAGE_REGEXP = /^Cannot build route "[^"]*": (\w+):? (.*)$/;

/** Runs `ati manifest list`. */
export async function listManifests(context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  const directory = manifestsOf(context);
  const isThere = await runtime.files.stat(directory) !== undefined;
  const loaded = isThere
    ? await loadManifests(directory, runtime.files, { skipInvalid: true })
    : { manifests: [], warnings: [], issues: [] };
  const rows = loaded.manifests.map(describeManifest);
  await output.show({
    data: rows,
    text: rows.length === 0
      ? [`No manifests in ${printable(directory)}.`]
      : rows.map(({ name, handler, base_url }) => printable([name, handler, base_url].join("  "))),
    table: {
      head: ["NAME", "HANDLER", "URL", "AUTH", "KEY", "TOOLS"],
      rows: rows.map((row) => [
        row.name,
        row.handler,
        row.base_url,
        row.auth_type,
        row.auth_key_name ?? "",
        String(row.tools),
      ]),
    },
  }, { terminal: rows.length === 0 ? "text" : "table", piped: "json" });
  const broken = new Set(loaded.issues.map((issue) => issue.file)).size;
  if (broken > 0) output.warn(`left out: ${broken} not valid; \`ati manifest check\` says why`);
  return 0;
}

/** Runs `ati manifest check`. */
export async function checkManifests(context: CommandContext): Promise<number> {
  const { runtime, output } = context;
  const paths = context.arguments.length > 0 ? context.arguments : [manifestsOf(context)];
  const results: LoadedManifests[] = [];
  for (const path of paths) results.push(checkRoutes(await checkPath(path, runtime.files)));
  const issues = results.flatMap((result) => result.issues);
  const warnings = results.flatMap((result) => result.warnings);
  const valid = results.flatMap((result) => result.manifests).length;

  const { style } = output;
  await output.show({
    data: { valid, issues, warnings },
    text: [
      ...issues.map((issue) => `${style.red("error")}    ${printable(formatManifestIssue(issue))}`),
      ...warnings.map((issue) =>
        `${style.yellow("warning")}  ${printable(formatManifestIssue(issue))}`
      ),
      ...(issues.length > 0 ? [] : [`${style.green("✓")} ${valid} valid`]),
    ],
    table: {
      head: ["LEVEL", "FILE", "LINE", "KEY", "ISSUE"],
      rows: [
        ...issues.map((issue) => toRow("error", issue)),
        ...warnings.map((issue) => toRow("warning", issue)),
      ],
    },
  }, { terminal: "text", piped: "text" });
  if (issues.length === 0) return 0;
  const files = new Set(issues.map((issue) => issue.file)).size;
  return output.fail(
    new ManifestError(`Manifests are not valid: ${issues.length} in ${files} of them`, issues, {
      reason: "invalid_manifest",
      hint: "mend the lines named",
    }),
  );
}

async function checkPath(path: string, files: Files): Promise<LoadedManifests> {
  const facts = await files.stat(path);
  if (facts?.isDirectory === true) return await loadManifests(path, files, { skipInvalid: true });
  const bytes = await files.read(path, { maxBytes: MAX_CONFIG_FILE_BYTES });
  if (bytes === undefined) {
    throw new FileError("ERR_FILE_NOT_FOUND", `No such file or folder: ${path}`, {
      hint: "`ati init` makes the state directory; --ati-dir names another one",
    });
  }
  try {
    const { manifest, warnings } = parseManifest(decodeUtf8(bytes), { file: path });
    return { manifests: [manifest], warnings, issues: [] };
  } catch (error) {
    if (error instanceof ManifestError) {
      return { manifests: [], warnings: [], issues: error.issues };
    }
    if (!isAtiError(error) || error.code !== "ERR_ENCODING") throw error;
    const issue = { file: path, path: "", message: "Is not valid UTF-8" };
    return { manifests: [], warnings: [], issues: [issue] };
  }
}

// What only shows when a route is compiled: globs, hosts, header values.
function checkRoutes(loaded: LoadedManifests): LoadedManifests {
  const manifests: Manifest[] = [];
  const issues = [...loaded.issues];
  for (const manifest of loaded.manifests) {
    const issue = findRouteIssue(manifest);
    if (issue === undefined) manifests.push(manifest);
    else issues.push(issue);
  }
  return { ...loaded, manifests, issues };
}

function findRouteIssue({ file, provider }: Manifest): ManifestIssue | undefined {
  try {
    // Any value will do: whether the keyring holds the credential is not the manifest's fault.
    createRouteTable([provider], { get: () => "placeholder" });
    return undefined;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [, field = "", message = error.message] = ROUTE_MESSAGE_REGEXP.exec(error.message) ?? [];
    return { file, path: `provider.${field}`, message };
  }
}

function describeManifest({ file, provider, tools }: Manifest) {
  return {
    name: provider.name,
    handler: provider.handler,
    base_url: provider.base_url,
    auth_type: provider.auth_type,
    auth_key_name: provider.auth_key_name ?? null,
    tools: tools.length,
    file,
  };
}

function toRow(level: string, issue: ManifestIssue): string[] {
  return [level, issue.file, String(issue.line ?? ""), issue.path, issue.message];
}

function manifestsOf({ runtime, options }: CommandContext): string {
  return `${resolveAtiDirectory(runtime.env, options.text("atiDir"))}/manifests`;
}
