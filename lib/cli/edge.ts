/** `ati edge`: the sealed keyring of a proxy host, fetched from 1Password. @module */

import { decodeUtf8 } from "../encoding/utf8.ts";
import { AtiError } from "../errors.ts";
import {
  assertSealedDirectory,
  rotateInDirectory,
  sealToDirectory,
} from "../keyring/sealed_files.ts";
import type { Runtime } from "../ports.ts";
import { resolveAtiDirectory } from "../proxy/settings.ts";
import type { CommandContext } from "./command.ts";
import { describeSealed } from "./keyring.ts";
import { fetchItem } from "./one_password.ts";
import { usageError } from "./options.ts";

const DEFAULT_SERVICE = "ati";
const SERVICE_REGEXP = /^[A-Za-z0-9_.@:][A-Za-z0-9_.@:\\-]*$/;

/** Runs `ati edge bootstrap-keyring`. */
export async function bootstrapKeyring(
  { runtime, output, options }: CommandContext,
): Promise<number> {
  const directory = resolveAtiDirectory(runtime.env, options.text("atiDir"));
  const entries = await fetchItem(options, runtime);
  const sealed = await sealToDirectory(directory, entries, runtime.files);
  await output.show(describeSealed(sealed, entries), { terminal: "text", piped: "text" });
  return 0;
}

/** Runs `ati edge rotate-keyring`. */
export async function rotateKeyring(context: CommandContext): Promise<number> {
  const { runtime, output, options } = context;
  const service = options.text("service") ?? DEFAULT_SERVICE;
  if (!SERVICE_REGEXP.test(service)) throw usageError("--service is not the name of a unit");
  const directory = resolveAtiDirectory(runtime.env, options.text("atiDir"));
  await assertSealedDirectory(directory, runtime.files);
  const entries = await fetchItem(options, runtime);
  const { keyringPath, sizeBytes } = await rotateInDirectory(directory, entries, runtime.files);

  async function report(signal: Signal): Promise<void> {
    await output.show({
      data: { path: keyringPath, bytes: sizeBytes, service, pid: signal.pid },
      text: [`rotated ${keyringPath} (${sizeBytes} bytes)`, ...signal.lines],
    }, { terminal: "text", piped: "text" });
  }

  try {
    const signal = options.isOff("signal")
      ? { pid: null, lines: [`--no-signal set; skipping SIGHUP to ${service}`] }
      : await signalService(service, runtime);
    await report(signal);
    if (signal.warning !== undefined) output.warn(signal.warning);
    return 0;
  } catch (error) {
    await report({ pid: null, lines: [] });
    throw error;
  }
}

interface Signal {
  readonly pid: number | null;
  readonly lines: readonly string[];
  readonly warning?: string;
}

async function signalService(service: string, runtime: Runtime): Promise<Signal> {
  const result = await runtime.spawn("systemctl", ["show", "-p", "MainPID", "--value", service]);
  const text = decodeUtf8(result.stdout).trim();
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (result.code !== 0 || Number.isNaN(pid) || pid === 1) {
    throw new AtiError("ERR_SPAWN", `Cannot signal ${service}: systemctl gave no process of its`, {
      reason: "failed",
      hint: `the keyring is replaced; run \`systemctl kill -s HUP ${service}\`, or use --no-signal`,
    });
  }
  if (pid === 0 || !runtime.signals.send(pid, "SIGHUP")) {
    return { pid: null, lines: [], warning: `${service} is not running; no SIGHUP sent` };
  }
  return { pid, lines: [`SIGHUP sent to ${service} (pid ${pid})`] };
}
