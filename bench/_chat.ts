/** WebSockets for the mixed load: an echo behind `node:http`, and one conversation through the proxy. @module */

import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { Buffer } from "node:buffer";
import { WebSocket } from "undici";
import { acceptFor, makeFrame, takeFrame } from "../tests/helpers/websocket_peer.ts";

const MESSAGES = 10;
const WAIT_MS = 15_000;
const NORMAL_CLOSURE = 1000;

/** Lets a server answer upgrades with an echo of every frame, the close included. */
export function echoWebSockets(server: Server): void {
  server.on("upgrade", (request, socket: Duplex) => {
    const accept = acceptFor(String(request.headers["sec-websocket-key"]));
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    let bytes: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let taken = takeFrame(bytes); taken !== undefined; taken = takeFrame(bytes)) {
        bytes = taken.rest;
        const { opcode, payload, fin } = taken.frame;
        socket.write(makeFrame(opcode, payload, { fin }));
      }
    });
  });
}

/** Sends some messages, awaits each echo, and closes. */
export function chat(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers });
    const timer = setTimeout(() => fail("no answer in time"), WAIT_MS);
    let sent = "";
    let echoed = 0;
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(why));
    };
    const send = (): void => {
      sent = "x".repeat(1 + Math.floor(Math.random() * 20_000));
      socket.send(sent);
    };
    socket.onopen = send;
    socket.onmessage = ({ data }): void => {
      if (data !== sent) fail("another message came back");
      else if (++echoed < MESSAGES) send();
      else socket.close(NORMAL_CLOSURE);
    };
    socket.onerror = (): void => fail("could not be opened");
    socket.onclose = ({ code }): void => {
      clearTimeout(timer);
      if (echoed === MESSAGES && code === NORMAL_CLOSURE) resolve();
      else fail(`closed with ${code} after ${echoed} messages`);
    };
  });
}
