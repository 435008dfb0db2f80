import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
import { ROOT } from "./_tree.ts";

/** Files that a proxy without OpenTelemetry never loads. */
const EXPORT_FILES: readonly string[] = [
  "lib/proxy/telemetry.ts",
  "lib/telemetry/exporter.ts",
  "lib/telemetry/otlp_metrics.ts",
  "lib/telemetry/otlp_sender.ts",
  "lib/telemetry/otlp_traces.ts",
  "lib/telemetry/sampler.ts",
];

test("the code of the export is loaded on demand only", async () => {
  const { outputs } = (await build({
    entryPoints: ["server.ts"],
    absWorkingDir: ROOT,
    outdir: "unused",
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    packages: "external",
    metafile: true,
    logLevel: "silent",
  })).metafile;
  const atOnce = new Set<string>();
  const visit = (name: string): void => {
    const output = outputs[name];
    if (output === undefined || atOnce.has(name)) return;
    atOnce.add(name);
    for (const { path, kind } of output.imports) if (kind === "import-statement") visit(path);
  };
  const entry = Object.keys(outputs).find((name) => outputs[name]?.entryPoint === "server.ts");
  visit(entry ?? "");
  const loaded = new Set([...atOnce].flatMap((name) => Object.keys(outputs[name]?.inputs ?? {})));
  assert.ok(loaded.has("lib/proxy/pipeline.ts"), "the graph was read");
  assert.deepEqual(EXPORT_FILES.filter((file) => loaded.has(file)), []);
  const all = new Set(Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)));
  assert.deepEqual(EXPORT_FILES.filter((file) => !all.has(file)), []);
});
