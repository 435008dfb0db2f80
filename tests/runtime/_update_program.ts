/** Appends a byte to a file, so many times, all at once. @module */

import process from "node:process";
import { systemFiles } from "../../lib/runtime/files.ts";

const [path = "", times = "0"] = process.argv.slice(2);
await Promise.all(
  Array.from(
    { length: Number(times) },
    () => systemFiles.update(path, (old) => new Uint8Array([...(old ?? []), 46])),
  ),
);
