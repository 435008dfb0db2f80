/** nginx, where it is installed: as a fast upstream, and as the proxy we compare with. @module */

import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findProgram, startProcess } from "./_process.ts";
import type { Place } from "./_process.ts";

/** One server of a configuration. */
export interface NginxServer {
  /** Folder for configuration and temporary files; made when it is not there. */
  readonly folder: string;
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** Directives outside the server, for example an `upstream` block. */
  readonly http?: string;
  /** Directives inside it. */
  readonly server: string;
}

/** The path of nginx, or `undefined`. */
export function findNginx(): string | undefined {
  return findProgram("nginx");
}

/** Starts nginx with one worker in the foreground. */
export function startNginx(
  nginx: string,
  place: Place,
  { folder, port, http = "", server }: NginxServer,
): ChildProcess {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ");
  // As root its worker would be somebody else, who may not read our temporary folder.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  writeFileSync(
    file,
    `${user}daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  client_max_body_size 0;
  ${temporary}
  ${http}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`,
  );
  return startProcess(place, [nginx, "-e", "stderr", "-p", folder, "-c", file]);
}
