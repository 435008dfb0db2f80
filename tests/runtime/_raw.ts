/** HTTP by hand, for what no client sends. @module */

import { connect } from "node:net";
import type { Socket } from "node:net";

/** A connection to a server on loopback that keeps what it received. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything received so far, one character a byte. */
  received(): string;
  /** Waits until what was received satisfies `isEnough`, or the server closes. */
  until(isEnough: (received: string) => boolean): Promise<string>;
  /** Resolves when the server closed the connection. */
  readonly closed: Promise<void>;
}

export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  let check = (): void => {};
  socket.on("data", (chunk: Uint8Array) => {
    text += latin1(chunk);
    check();
  });
  socket.on("error", () => {/* a reset is a close */});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return {
    socket,
    closed,
    received: () => text,
    until: (isEnough) =>
      new Promise((resolve) => {
        check = () => isEnough(text) && resolve(text);
        void closed.then(() => resolve(text));
        check();
      }),
  };
}

/** Sends bytes and returns what comes back until the response's body is complete or cut. */
export async function exchangeRaw(port: number, request: string): Promise<string> {
  const connection = await connectRaw(port);
  connection.socket.write(request, "latin1");
  const answer = await connection.until(isComplete);
  connection.socket.destroy();
  return answer;
}

/** Status code of a raw response; 0 when there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
}

/** Body of a raw response with a length. */
export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

/** True when the head is there, and the body as long as it says. */
export function isComplete(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const head = answer.slice(0, end).toLowerCase();
  if (head.startsWith("http/1.1 100")) return isComplete(answer.slice(end + 4));
  if (head.includes("transfer-encoding: chunked")) return answer.endsWith("0\r\n\r\n");
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
  return answer.length >= end + 4 + length;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
