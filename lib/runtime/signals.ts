/** Signals to and from the process. @module */

import process from "node:process";
import { AtiError } from "../errors.ts";
import type { SignalName, Signals } from "../ports.ts";
import { errnoOf } from "./_errno.ts";

/** {@link Signals} of this process. `send` throws `ERR_SPAWN` (reason `denied`) without permission. */
export const processSignals: Signals = {
  on(signal: SignalName, handler: () => void): () => void {
    // One wrapper a call, so that a handler registered twice is removed once.
    const listener = (): void => handler();
    process.on(signal, listener);
    return () => {
      process.removeListener(signal, listener);
    };
  },
  send(pid: number, signal: SignalName): boolean {
    // kill(2) reads 0 and negative numbers as process groups.
    if (!Number.isSafeInteger(pid) || pid < 1) {
      throw new RangeError("Cannot signal: bad process id");
    }
    try {
      process.kill(pid, signal);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ESRCH") return false;
      throw new AtiError("ERR_SPAWN", `Cannot signal process ${pid}: ${errno}`, {
        reason: "denied",
      });
    }
  },
};
