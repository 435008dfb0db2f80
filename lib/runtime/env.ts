/** Environment variables of the process. @module */

import process from "node:process";
import type { Env } from "../ports.ts";

/** {@link Env} on `process.env`. A variable that Deno's permissions hide is as one that is not set. */
export const processEnv: Env = {
  get(name: string): string | undefined {
    try {
      return process.env[name];
    } catch {
      return undefined; // Deno throws NotCapable
    }
  },
  names(): readonly string[] {
    try {
      return Object.keys(process.env);
    } catch {
      return []; // Deno throws NotCapable
    }
  },
};
