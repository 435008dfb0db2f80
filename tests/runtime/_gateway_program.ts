/** A proxy in a process of its own, which tells its memory when asked. @module */

import process from "node:process";
import { startGateway } from "./_gateway.ts";

const gateway = await startGateway(process.argv[2] as string);
let peakBytes = 0;
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
}, 5);
process.stdout.write(`${gateway.port}\n`);
process.stdin.on("data", () => {
  process.stdout.write(`${Math.max(peakBytes, process.memoryUsage.rss())}\n`);
  peakBytes = 0;
});
