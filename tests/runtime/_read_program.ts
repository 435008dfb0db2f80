/** Reads a file and writes it to standard output. @module */

import process from "node:process";
import { systemFiles } from "../../lib/runtime/files.ts";

const [path = ""] = process.argv.slice(2);
process.stdout.write(await systemFiles.read(path) ?? "");
