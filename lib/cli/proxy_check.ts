/** `ati proxy check`: what a start would come to, without starting. @module */

import { AtiError, ConfigError, ManifestError } from "../errors.ts";
import { checkProxy, type CheckResult } from "../proxy/check.ts";
import type { CommandContext } from "./command.ts";
import { examineSettings } from "./proxy_flags.ts";
import { type Checked, describeTelemetry, renderCheck, tabulateRoutes } from "./proxy_report.ts";

const DEFAULT_COLUMNS = 80;

/** Runs `ati proxy check`. */
export async function runProxyCheck(context: CommandContext): Promise<number> {
  const { runtime, output, options } = context;
  const checked = await check(context);
  const { result } = checked;
  const columns = runtime.terminal.columns() ?? DEFAULT_COLUMNS;
  await output.show({
    data: toData(checked),
    text: renderCheck(checked, { style: output.style, columns }),
    table: tabulateRoutes(result),
  }, { terminal: "text", piped: "text" });

  if (!result.ok) return output.fail(summarize(result.errors));
  if (result.notices.length === 0 || !options.has("strict")) return 0;
  const error = new ConfigError(`Warnings with --strict: ${result.notices.length}`, {
    reason: "warnings",
    hint: "mend what they name, or leave --strict out",
  });
  return output.fail(error);
}

async function check(context: CommandContext): Promise<Checked> {
  const examined = examineSettings(context);
  if (!examined.ok) {
    return { settings: undefined, result: { ok: false, errors: examined.errors } };
  }
  const { settings } = examined;
  return { settings, result: await checkProxy(settings, context.runtime) };
}

// All of them were shown. The first is the one that a start ends with.
function summarize(errors: readonly AtiError[]): AtiError {
  const [first] = errors;
  const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
  return new AtiError(first?.code ?? "ERR_CONFIG", `The proxy would not start: ${count}`, {
    reason: first?.reason,
  });
}

/** The report for programs: always the same members. */
function toData({ settings, result }: Checked): Record<string, unknown> {
  const served = result.ok ? result : undefined;
  return {
    ok: result.ok,
    startup: served === undefined ? null : { ...served.startup, watch: settings?.watch },
    signature: settings === undefined ? null : {
      mode: settings.signature.mode,
      drift_seconds: settings.signature.driftSeconds,
      min_version: settings.signature.minVersion ?? 1,
      exempt_paths: settings.signature.exemptPaths,
    },
    private_addresses: settings?.privateAddresses ?? null,
    metrics: settings === undefined ? null : { token: settings.metricsToken !== undefined },
    telemetry: settings === undefined ? null : describeTelemetry(settings),
    tokens: served?.tokens ?? null,
    routes: served?.routes ?? [],
    warnings: (served?.notices ?? []).map(({ level, message, fields }) => ({
      ...fields,
      level,
      message,
    })),
    errors: listErrors(result),
  };
}

function listErrors(result: CheckResult): readonly unknown[] {
  if (result.ok) return [];
  return result.errors.map((error) => ({
    code: error.code,
    reason: error.reason ?? null,
    message: error.message,
    hint: error.hint ?? null,
    issues: error instanceof ManifestError ? error.issues : [],
  }));
}
