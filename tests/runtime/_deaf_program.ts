/** Listens, says where, and falls asleep: connections beyond its short queue are never answered. @module */

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";

const server = createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`, () => {
    process.kill(process.pid, "SIGSTOP");
  });
});
