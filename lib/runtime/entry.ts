/**
 * Modules that are run, or served by the runtime itself: `node server.ts`, `bun server.ts`,
 * `deno run server.ts`, `deno serve server.ts`.
 *
 * @module
 */

import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { FetchHandler, Runtime } from "../ports.ts";
import type { BunServer } from "./_bun.ts";
import { bunWebSocketHandlers } from "./_bun_upgrade.ts";
import { adaptForBun } from "./serve_bun.ts";
import { adaptForDeno } from "./serve_deno.ts";

/** How long `deno serve` is given to say that it listens, in milliseconds; it takes one. */
const DECLARE_MS = 10;

/** What a module may export as its default for a runtime, or another program, to serve. */
export interface ServerEntry {
  /** Takes a request and whatever second argument the runtime has. Absent where nobody may call it. */
  readonly fetch?: (request: Request, second?: unknown) => Response | Promise<Response>;
  /** What Bun needs to serve WebSockets. */
  readonly websocket?: object;
  /** Called by `deno serve` when it listens. */
  readonly onListen?: () => void;
}

/** The two ways a module serves. */
export interface EntryOptions {
  /** True when the module is the program: see {@link isMainModule}. */
  readonly isMain: boolean;
  /** Handles a request for a server that is not ours. */
  readonly handler: FetchHandler;
  /** Listens by itself: for a main module that no runtime serves. */
  readonly listen: () => void;
}

/**
 * The default export of a module that serves, and the decision whether it listens by itself:
 * - Node: it listens when it is the program.
 * - Bun: so too. Bun would serve any default export with a `fetch` on its own, without drain or
 *   signals; so the program exports none. Imported, it gives what `Bun.serve` takes.
 * - Deno: it listens when it is run, and does not when `deno serve` listens for it. Nothing tells the
 *   two apart but that `deno serve` calls `onListen`, at once.
 */
export function createEntry(runtime: Runtime, options: EntryOptions): ServerEntry {
  const { isMain, handler, listen } = options;
  if (runtime.name === "deno") {
    let isServed = false;
    if (isMain) setTimeout(() => isServed || listen(), DECLARE_MS);
    return {
      fetch: adaptForDeno(handler) as NonNullable<ServerEntry["fetch"]>,
      onListen(): void {
        isServed = true;
      },
    };
  }
  if (!isMain) {
    return runtime.name === "bun"
      ? { fetch: fetchOnBun(handler), websocket: bunWebSocketHandlers }
      : { fetch: (request) => handler(request) };
  }
  listen();
  return runtime.name === "bun" ? {} : { fetch: (request) => handler(request) };
}

/** Whoever calls it may be `Bun.serve`, which hands itself over, or any program. */
function fetchOnBun(handler: FetchHandler): NonNullable<ServerEntry["fetch"]> {
  const serve = adaptForBun(handler);
  return (request, second) =>
    typeof second === "object" && second !== null && "upgrade" in second
      ? serve(request, second as BunServer)
      : handler(request);
}

/** Whether a module is the program that was started. Node knows `import.meta.main` only from 24 on. */
export function isMainModule(meta: ImportMeta): boolean {
  const { main } = meta as ImportMeta & { main?: boolean };
  if (main !== undefined) return main;
  const script = process.argv[1];
  if (script === undefined) return false;
  try {
    return realpathSync(script) === realpathSync(fileURLToPath(meta.url));
  } catch {
    return false; // `node -e`, or a module that is no file
  }
}
