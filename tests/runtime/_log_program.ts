/** Logs far more than a pipe holds, shows that it still runs, and exits. @module */

import process from "node:process";
import { openRuntime } from "../../lib/runtime/mod.ts";

const runtime = await openRuntime();
const log = runtime.openLog();
if (process.argv[2] === "few") { for (let line = 0; line < 500; line++) log.write(String(line)); }
else {
  for (let round = 0; round < 5; round++) {
    for (let line = 0; line < 5000; line++) log.write("x".repeat(1000));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
await log.flush(200);
runtime.terminal.write("stdout", `alive dropped=${log.dropped() > 0}\n`);
process.exit(0);
