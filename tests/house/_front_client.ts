/** A client of what runs in front of the proxy: HTTP/1.1 and HTTP/2 over TLS, targets sent as they are. @module */

import { Buffer } from "node:buffer";
import { connect as connectHttp2, constants } from "node:http2";
import { request as requestHttps } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Front } from "./_fronts.ts";
import { FRONT_HOST } from "./_fronts.ts";

const WAIT_MS = 30_000;
const TLS = { servername: FRONT_HOST, rejectUnauthorized: false };

/** How the client speaks. */
export type Protocol = "HTTP/1.1" | "HTTP/2";

/** What is asked. */
export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** True: the body goes without a length. */
  readonly isChunked?: boolean;
  /** Leaves before the answer, or as soon as its body begins. */
  readonly leave?: "at once" | "at first bytes";
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** When each piece of the body came, in milliseconds from the first. */
  readonly times: readonly number[];
}

/** Sends a request through a front and reads the answer. */
export function ask(
  front: Front,
  protocol: Protocol,
  target: string,
  options: AskOptions = {},
): Promise<Answer> {
  return protocol === "HTTP/2" ? ask2(front, target, options) : ask1(front, target, options);
}

function ask1({ port }: Front, path: string, options: AskOptions): Promise<Answer> {
  const { method = "GET", headers = {}, body, isChunked = false, leave } = options;
  return new Promise((resolve, reject) => {
    const request = requestHttps({
      ...TLS,
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      headers: {
        host: FRONT_HOST,
        ...body !== undefined && !isChunked ? { "content-length": Buffer.byteLength(body) } : {},
        ...headers,
      },
    }, (response) => {
      const reader = new BodyReader();
      response.on("data", (chunk: Buffer) => {
        reader.add(chunk);
        if (leave === "at first bytes") request.destroy();
      });
      response.on("error", () => {/* it is `close` that counts */});
      response.on(
        "close",
        () => resolve(reader.finish(response.statusCode ?? 0, response.headers)),
      );
    });
    request.setTimeout(WAIT_MS, () => request.destroy(new Error(`No answer to ${path}`)));
    request.on("error", reject);
    if (leave === "at once") request.on("finish", () => setTimeout(() => request.destroy(), 300));
    if (isChunked) request.write(body);
    request.end(isChunked ? undefined : body);
  });
}

function ask2({ port }: Front, path: string, options: AskOptions): Promise<Answer> {
  const { method = "GET", headers = {}, body, isChunked = false, leave } = options;
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, TLS);
    const timer = setTimeout(() => session.destroy(new Error(`No answer to ${path}`)), WAIT_MS);
    session.on("error", reject).on("close", () => clearTimeout(timer));
    const stream = session.request({
      ":path": path,
      ":method": method,
      ":authority": FRONT_HOST,
      ...body !== undefined && !isChunked ? { "content-length": Buffer.byteLength(body) } : {},
      ...headers,
    }, { endStream: body === undefined });
    const reader = new BodyReader();
    let head: Readonly<Record<string, unknown>> = {};
    stream.on("response", (fields) => head = fields);
    stream.on("data", (chunk: Buffer) => {
      reader.add(chunk);
      if (leave === "at first bytes") stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("error", reject);
    stream.on("close", () => {
      session.close();
      resolve(reader.finish(Number(head[":status"] ?? 0), head));
    });
    if (leave === "at once") setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 300);
    if (body !== undefined) stream.end(body);
  });
}

class BodyReader {
  readonly #pieces: Buffer[] = [];
  readonly #times: number[] = [];
  #first = 0;

  add(chunk: Buffer): void {
    this.#first ||= Date.now();
    this.#pieces.push(chunk);
    this.#times.push(Date.now() - this.#first);
  }

  finish(status: number, headers: Readonly<Record<string, unknown>>): Answer {
    return { status, headers, body: Buffer.concat(this.#pieces), times: this.#times };
  }
}

/** A port without TLS that leads to a front: for clients that speak on a bare socket. */
export async function bridgeTls({ port }: Front): Promise<{ port: number; close(): void }> {
  const server = createServer((plain) => {
    const secure = connectTls({ ...TLS, host: "127.0.0.1", port });
    plain.pipe(secure).pipe(plain);
    for (const [one, other] of [[plain, secure], [secure, plain]] as const) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
