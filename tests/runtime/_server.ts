/** A server for one test, and a gate to hold a handler at. @module */

import type { FetchHandler, Listener, ListenOptions } from "../../lib/ports.ts";
import { testRuntime } from "../helpers/runtime.ts";

/** The `Host` line of raw requests. */
export const HOST = "Host: a.example:1\r\n";

/** Listens on a free port while `use` runs. */
export async function withServer(
  handler: FetchHandler,
  use: (port: number, listener: Listener) => Promise<void>,
  options: Partial<ListenOptions> = {},
): Promise<void> {
  const { listen } = await testRuntime();
  const listener = await listen(handler, { hostname: "127.0.0.1", port: 0, ...options });
  try {
    await use(listener.port, listener);
  } finally {
    await listener.close(0);
  }
}

/** Where a handler waits until the test lets it go on. */
export interface Gate {
  /** Resolves when somebody came to the gate. */
  readonly entered: Promise<void>;
  /** Waits until the gate is open. */
  pass(): Promise<void>;
  open(): void;
}

/** Makes a closed gate. */
export function createGate(): Gate {
  let enter = (): void => {};
  let open = (): void => {};
  const entered = new Promise<void>((resolve) => enter = resolve);
  const opened = new Promise<void>((resolve) => open = resolve);
  return {
    entered,
    pass(): Promise<void> {
      enter();
      return opened;
    },
    open: () => open(),
  };
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
