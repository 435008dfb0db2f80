/** What the terminal does, shown from outside; exits with 7. @module */

import process from "node:process";
import { isAtiError } from "../../lib/errors.ts";
import { openRuntime } from "../../lib/runtime/mod.ts";

const { terminal } = await openRuntime();

switch (process.argv[2]) {
  case "long":
    terminal.write("stdout", "x".repeat(2_000_000));
    break;
  case "lines":
    for (let line = 0; line < 100_000; line++) terminal.write("stdout", "line\n");
    break;
  case "input":
    try {
      terminal.write("stdout", String((await terminal.readInput(10)).length));
    } catch (error) {
      terminal.write("stdout", isAtiError(error) ? error.code : "other");
    }
    break;
  case "facts":
    terminal.write(
      "stdout",
      [
        terminal.isTerminal("stdin"),
        terminal.isTerminal("stdout"),
        terminal.columns(),
        await terminal.readHidden("Never shown"),
      ].map(String).join(" "),
    );
}
process.exit(7);
