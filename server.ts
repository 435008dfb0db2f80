/**
 * The proxy as a module: `export default { fetch }`, which listens when it is the program.
 *
 * Runs unchanged by `deno serve`, `deno run`, `bun`, `tsx` and `node` (22.18 or newer), and is
 * configured by the environment: `PORT`, `ATI_BIND`, `ATI_DIR` and the other variables of
 * `parseProxySettings`. Under `deno serve` it is Deno that listens: `--port` and `--host` are in force,
 * `PORT` and `ATI_BIND` are not, and `--parallel` is not supported.
 *
 * Imported, it reads nothing until the first request.
 *
 * @module
 */

import { formatStartError, listenProxy, openProxy, parseProxySettings } from "./lib/proxy/mod.ts";
import type { OpenProxy, RequestInfo } from "./lib/proxy/mod.ts";
import { createEntry, isMainModule, openRuntime } from "./lib/runtime/mod.ts";
import type { ServerEntry } from "./lib/runtime/mod.ts";

const runtime = await openRuntime();
const isMain = isMainModule(import.meta);
let opened: OpenProxy | undefined;
let opening: Promise<OpenProxy> | undefined;

// A configuration that must not be started with stops the program before anything listens.
if (isMain) await open().catch(fail);

const entry: ServerEntry = createEntry(runtime, {
  isMain,
  handler: (request, info) => opened?.proxy.fetch(request, info) ?? openAndFetch(request, info),
  listen: () => void run().catch(fail),
});

/** What a runtime, or another program, serves. */
const server: ServerEntry = entry.onListen === undefined ? entry : { ...entry, onListen: announce };

export default server;
export type { ServerEntry };

function open(): Promise<OpenProxy> {
  opening ??= openNow().catch((error: unknown) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

async function openNow(): Promise<OpenProxy> {
  opened = await openProxy(parseProxySettings({ env: runtime.env }), runtime);
  return opened;
}

async function openAndFetch(request: Request, info?: RequestInfo): Promise<Response> {
  const { proxy } = await open();
  return await proxy.fetch(request, info);
}

async function run(): Promise<void> {
  const { stopped } = await listenProxy(await open(), runtime);
  await stopped;
  // What was cut off after the grace may still hold the process.
  process.exit(0);
}

/** `deno serve` says where it listens; nothing else calls this. */
function announce(address?: { readonly hostname: string; readonly port: number }): void {
  entry.onListen?.();
  if (address !== undefined) opened?.announce(address);
}

async function fail(error: unknown): Promise<never> {
  runtime.terminal.write("stderr", formatStartError(error));
  await runtime.terminal.flush();
  process.exit(1);
}
