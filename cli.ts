#!/usr/bin/env node
/**
 * `ati`: hands the arguments and the machine to the command line, and exits with its code.
 *
 * @module
 */

import { main } from "./lib/cli/main.ts";
import { openRuntime } from "./lib/runtime/mod.ts";

void run();

async function run(): Promise<void> {
  process.exit(await main(process.argv.slice(2), await openRuntime()));
}
