/** The upstream of the benchmark: nginx where it is installed, else a bare `node:http` server. @module */

import type { ChildProcess } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findNginx, startNginx } from "./_nginx.ts";
import { startProcess } from "./_process.ts";

/** Bytes of the large file. */
export const LARGE_BYTES: number = 100 * 1024 * 1024;
/** What `/small` answers: about 1 KB of JSON. */
const SMALL_BODY = JSON.stringify({ text: "x".repeat(1000) });

/**
 * Starts it. `/small` answers 1 KB to any method, `/large` {@link LARGE_BYTES}.
 *
 * @param folder For its files.
 * @param port Port on 127.0.0.1.
 */
export function startUpstream(folder: string, port: number): ChildProcess {
  mkdirSync(folder, { recursive: true });
  const large = join(folder, "large");
  writeFileSync(large, "");
  truncateSync(large, LARGE_BYTES);
  const nginx = findNginx();
  if (nginx === undefined) return startOwn(folder, port);
  return startNginx(nginx, "beside", {
    folder,
    port,
    server: `
    location = /small { default_type application/json; return 200 '${SMALL_BODY}'; }
    location = /large { root ${folder}; }`,
  });
}

function startOwn(folder: string, port: number): ChildProcess {
  const program = `
    import { createReadStream } from "node:fs";
    import { createServer } from "node:http";
    createServer((request, response) => {
      if (request.url === "/large") {
        response.writeHead(200, { "content-length": ${LARGE_BYTES} });
        createReadStream(${JSON.stringify(join(folder, "large"))}).pipe(response);
        return;
      }
      request.resume();
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/json", "content-length": ${SMALL_BODY.length} });
        response.end(${JSON.stringify(SMALL_BODY)});
      });
    }).listen(${port}, "127.0.0.1");`;
  return startProcess("beside", [process.execPath, "--input-type=module", "-e", program]);
}
