/**
 * WebSocket peers on raw sockets, both sides, with a frame codec of their own: written from RFC 6455
 * apart from the product's, so that the two can be held against each other.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A frame as it was on the wire, payload unmasked. */
export interface PeerFrame {
  readonly opcode: number;
  readonly fin: boolean;
  /** The three reserved bits, RSV1 highest. */
  readonly rsv: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** What of a frame is not usual. */
export interface FrameParts {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly mask?: boolean;
}

const WAIT_MS = 15_000;

/** Makes a frame. */
export function makeFrame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, rsv = 0, mask = false }: FrameParts = {},
): Buffer {
  const size = payload.length;
  let length: number[];
  if (size < 126) length = [size];
  else if (size < 65_536) length = [126, size >> 8, size & 255];
  else {
    length = [127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
  }
  length[0] = (length[0] as number) | (mask ? 128 : 0);
  const first = (fin ? 128 : 0) + (rsv << 4) + opcode;
  const body = Buffer.from(payload);
  if (!mask) return Buffer.concat([Buffer.from([first, ...length]), body]);
  const key = randomBytes(4);
  for (let i = 0; i < size; i++) body[i] = (body[i] as number) ^ (key[i % 4] as number);
  return Buffer.concat([Buffer.from([first, ...length]), key, body]);
}

/** Makes the payload of a close frame. */
export function closePayload(code: number, reason = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** Takes the first frame off `bytes`; `undefined` while it is not whole. */
export function takeFrame(bytes: Buffer): { frame: PeerFrame; rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  const masked = bytes.readUInt8(1) >= 128;
  let size = bytes.readUInt8(1) % 128;
  let at = 2;
  if (size === 126) {
    if (bytes.length < 4) return undefined;
    size = bytes.readUInt16BE(2);
    at = 4;
  } else if (size === 127) {
    if (bytes.length < 10) return undefined;
    size = bytes.readUInt32BE(2) * 2 ** 32 + bytes.readUInt32BE(6);
    at = 10;
  }
  const end = at + (masked ? 4 : 0) + size;
  if (bytes.length < end) return undefined;
  const payload = Buffer.from(bytes.subarray(end - size, end));
  if (masked) {
    const key = bytes.subarray(at, at + 4);
    for (let i = 0; i < size; i++) payload[i] = (payload[i] as number) ^ (key[i % 4] as number);
  }
  const first = bytes.readUInt8(0);
  const frame = { opcode: first & 15, fin: first >= 128, rsv: (first >> 4) & 7, masked, payload };
  return { frame, rest: bytes.subarray(end) };
}

/** `Sec-WebSocket-Accept` of a key. */
export function acceptFor(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** One end of an open WebSocket. Frames are queued until they are asked for. */
export class WebSocketPeer {
  readonly socket: Socket;
  /** Resolves when the connection is gone, however. */
  readonly closed: Promise<void>;
  /** Bytes received. */
  received = 0;
  readonly #masks: boolean;
  #pieces: Buffer[] = [];
  #pending = 0;
  #wanted = 2;
  #isGone = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, masks: boolean, head: Buffer) {
    this.socket = socket;
    this.#masks = masks;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {/* a reset is a close */});
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    if (head.length > 0) this.#take(head);
    socket.resume();
  }

  /** Sends a frame; true while the socket has room. */
  send(opcode: number, payload: Uint8Array | string, parts: FrameParts = {}): boolean {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    return this.socket.write(makeFrame(opcode, bytes, { mask: this.#masks, ...parts }));
  }

  sendClose(code: number, reason = ""): void {
    this.send(8, closePayload(code, reason));
  }

  /** The next frame; `undefined` when the other side ended. */
  async read(): Promise<PeerFrame | undefined> {
    const deadline = setTimeout(() => this.socket.destroy(), WAIT_MS);
    try {
      for (;;) {
        const taken = this.#pending >= this.#wanted ? takeFrame(this.#join()) : undefined;
        if (taken !== undefined) {
          this.#pieces = taken.rest.length > 0 ? [taken.rest] : [];
          this.#pending = taken.rest.length;
          this.#wanted = 2;
          return taken.frame;
        }
        if (this.#isGone) return undefined;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  /** The next frame as text: `opcode:payload`, `8:code:reason`, or `end`. */
  async readText(): Promise<string> {
    const frame = await this.read();
    if (frame === undefined) return "end";
    const { opcode, payload } = frame;
    if (opcode !== 8) return `${opcode}:${payload.toString()}`;
    return payload.length < 2 ? "8" : `8:${payload.readUInt16BE(0)}:${payload.subarray(2)}`;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #join(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  #take(chunk: Buffer): void {
    this.received += chunk.length;
    this.#pieces.push(chunk);
    this.#pending += chunk.length;
    this.#wake();
  }

  #end(): void {
    this.#isGone = true;
    this.#wake();
  }
}

/** A request or response head as it came: first line, and fields with names in lower case. */
export interface PeerHead {
  readonly line: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** All values of a field. */
  all(name: string): string[];
}

/** A handshake that an upstream got. */
export interface PeerHandshake {
  readonly head: PeerHead;
  readonly socket: Socket;
  readonly rest: Buffer;
  /** Answers 101, with more fields if wanted, and gives the open WebSocket. */
  accept(fields?: Readonly<Record<string, string>>): WebSocketPeer;
  /** Answers anything else, whole, and closes. */
  refuse(status: number, body?: string): void;
}

/** An upstream on loopback that sees every connection's first head. */
export interface PeerUpstream {
  readonly url: string;
  readonly port: number;
  /** How many heads it got. */
  count(): number;
  close(): Promise<void>;
}

/** Starts an upstream. */
export async function startPeerUpstream(
  onHandshake: (handshake: PeerHandshake) => void,
): Promise<PeerUpstream> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {/* a reset is a close */});
    socket.once("close", () => sockets.delete(socket));
    void readHead(socket).then((read) => {
      if (read === undefined) return;
      count++;
      onHandshake(createHandshake(socket, read.head, read.rest));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    count: () => count,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function createHandshake(socket: Socket, head: PeerHead, rest: Buffer): PeerHandshake {
  return {
    head,
    socket,
    rest,
    accept(fields = {}): WebSocketPeer {
      const lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        `Sec-WebSocket-Accept: ${acceptFor(head.all("sec-websocket-key").join())}`,
        ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      ];
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      return new WebSocketPeer(socket, false, rest);
    },
    refuse(status, body = ""): void {
      socket.end(
        `HTTP/1.1 ${status} Refused\r\ncontent-length: ${body.length}\r\nx-why: test\r\n\r\n${body}`,
      );
    },
  };
}

/** What became of a client's handshake. */
export interface PeerDial {
  readonly status: number;
  readonly head: PeerHead;
  /** The open WebSocket; use only after a 101. */
  readonly peer: WebSocketPeer;
  /** Everything after the head, until the server closed. */
  body(): Promise<string>;
}

/** The fields of a client's handshake, apart from `Host`. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Dials as a client. A field of `undefined` is left out. */
export async function dialPeer(
  port: number,
  target: string,
  fields: Readonly<Record<string, string | undefined>> = {},
): Promise<PeerDial> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {/* a reset is a close */});
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...HANDSHAKE, ...fields })
    .flatMap(([name, value]) => value === undefined ? [] : [`${name}: ${value}`]);
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  const read = await readHead(socket);
  if (read === undefined) throw new Error(`No answer to ${target}`);
  const { head, rest } = read;
  const status = Number(head.line.split(" ")[1]);
  return status === 101
    ? { status, head, peer: new WebSocketPeer(socket, true, rest), body: () => Promise.resolve("") }
    : { status, head, peer: undefined as never, body: () => readRest(socket, head, rest) };
}

function readHead(socket: Socket): Promise<{ head: PeerHead; rest: Buffer } | undefined> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), WAIT_MS);
    const finish = (result: { head: PeerHead; rest: Buffer } | undefined): void => {
      clearTimeout(timer);
      socket.removeListener("data", onData).removeListener("close", onClose);
      resolve(result);
    };
    const onClose = (): void => finish(undefined);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      socket.pause();
      finish({
        head: parseHead(bytes.subarray(0, end).toString("latin1")),
        rest: bytes.subarray(end + 4),
      });
    };
    socket.on("data", onData).on("close", onClose);
  });
}

function parseHead(text: string): PeerHead {
  const [line = "", ...rest] = text.split("\r\n");
  const fields = rest.map((field): [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  return {
    line,
    fields,
    all: (name) => fields.filter((field) => field[0] === name).map((field) => field[1]),
  };
}

/** Reads a body to its end, which is the connection's where neither length nor chunks tell. */
function readRest(socket: Socket, head: PeerHead, rest: Buffer): Promise<string> {
  const length = head.all("content-length")[0];
  const isChunked = head.all("transfer-encoding").includes("chunked");
  return new Promise((resolve) => {
    let text = "";
    const timer = setTimeout(() => socket.destroy(), WAIT_MS);
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const isWhole = isChunked ? text.endsWith("0\r\n\r\n") : text.length === Number(length);
      if (isWhole) socket.destroy();
    };
    socket.on("data", take);
    // Ours to end as well: a server that only half-closes waits for it.
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(isChunked ? joinChunks(text) : text);
    });
    take(rest);
    socket.resume();
  });
}

function joinChunks(text: string): string {
  const end = text.indexOf("\r\n");
  const size = parseInt(text.slice(0, end), 16);
  const start = end + 2;
  return size > 0 ? text.slice(start, start + size) + joinChunks(text.slice(start + size + 2)) : "";
}
