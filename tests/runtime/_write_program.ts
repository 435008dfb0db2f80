/** Writes a file over and over, one letter a million times, until it is killed. @module */

import process from "node:process";
import { systemFiles } from "../../lib/runtime/files.ts";

const [path = ""] = process.argv.slice(2);
for (let round = 0;; round++) {
  await systemFiles.write(path, new Uint8Array(1_000_000).fill(65 + round % 26));
  if (round === 3) console.log("writing");
}
