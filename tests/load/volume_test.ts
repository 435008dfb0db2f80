/** Large and many bodies through server.ts on each runtime: whole, and in bounded memory. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  createAtiDirectory,
  removeDirectory,
  serverCommand,
  startServer,
  startUpstream,
  upstreamManifest,
} from "../proxy/_server.ts";
import type { TestServer, TestUpstream } from "../proxy/_server.ts";
import { programPath } from "../runtimes/install.ts";

const MIB = 1024 * 1024;
const STREAM_BYTES = 1024 * MIB;
const MAX_GROWTH_BYTES = 64 * MIB;
const WARM_UP_BYTES = 64 * MIB;
const CONCURRENT = 200;
const PIECE = randomBytes(64 * 1024);

const SERVER = fileURLToPath(new URL("../../server.ts", import.meta.url));
const COMMANDS: Readonly<Record<string, readonly [program: string, args: readonly string[]]>> = {
  [`node ${process.versions.node}`]: serverCommand(),
  "node 26": [programPath("node26"), [SERVER]],
  deno: [programPath("deno"), ["run", "-A", "--no-check", SERVER]],
  bun: [programPath("bun"), [SERVER]],
};

let upstream: TestUpstream;
let server: TestServer;
let directory: string;

before(async () => {
  upstream = await startUpstream(serveUpstream);
  directory = createAtiDirectory({
    "manifests/big.toml": upstreamManifest(
      "big",
      upstream.url,
      "max_request_bytes = 0\nmax_response_bytes = 0",
    ),
    credentials: '{"big_key":"a"}',
  });
});
after(async () => {
  await upstream.close();
  removeDirectory(directory);
});

for (const [name, command] of Object.entries(COMMANDS)) {
  describe(`server.ts on ${name}`, () => {
    before(async () => {
      server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" }, command);
      // What any stream takes once (code, buffers, what the collector leaves alone) is not growth.
      await download(WARM_UP_BYTES);
      await upload(WARM_UP_BYTES);
    });
    after(() => server.kill());

    it("downloads 1 GiB without keeping it", async (t) => {
      const growth = await measureGrowth(async () => {
        assert.equal(await download(STREAM_BYTES), STREAM_BYTES);
      });
      t.diagnostic(`grew by ${Math.round(growth / MIB)} MiB`);
      assert.ok(growth < MAX_GROWTH_BYTES, `grew by ${growth} bytes`);
    });

    it("uploads 1 GiB in chunks without keeping it", async (t) => {
      const growth = await measureGrowth(async () => {
        assert.equal(await upload(STREAM_BYTES), STREAM_BYTES);
      });
      t.diagnostic(`grew by ${Math.round(growth / MIB)} MiB`);
      assert.ok(growth < MAX_GROWTH_BYTES, `grew by ${growth} bytes`);
    });

    it(`returns ${CONCURRENT} bodies of 1 MiB sent at once byte for byte`, async () => {
      const bodies = Array.from({ length: CONCURRENT }, () => randomBytes(MIB));
      const answers = await Promise.all(bodies.map((body) => echo(body)));
      for (const [index, body] of bodies.entries()) {
        assert.equal(answers[index]?.status, 200);
        assert.ok(body.equals(answers[index]?.body ?? Buffer.alloc(0)), `body ${index} differs`);
      }
    });
  });
}

/** `/echo` sends the body back, `/count` says how long it was, `/bytes/N` sends N bytes. */
function serveUpstream(incoming: IncomingMessage, response: ServerResponse): void {
  const url = incoming.url ?? "";
  if (url.startsWith("/bytes/")) {
    sendPieces(response, Number(url.slice("/bytes/".length)));
  } else if (url === "/echo") {
    incoming.pipe(response);
  } else {
    let total = 0;
    incoming.on("data", (chunk: Uint8Array) => total += chunk.length);
    incoming.on("end", () => response.end(String(total)));
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function echo(body: Buffer): Promise<Answer> {
  return exchange("POST", "/big/echo", (sent) => sent.end(body));
}

function upload(bytes: number): Promise<number> {
  return exchange("POST", "/big/count", (sent) => sendPieces(sent, bytes))
    .then(({ body }) => Number(body.toString()));
}

interface Sink {
  write(piece: Uint8Array): boolean;
  once(event: "drain", listener: () => void): unknown;
  end(): unknown;
}

/** Writes so many bytes, as fast as the sink takes them. */
function sendPieces(sink: Sink, bytes: number): void {
  let left = bytes;
  const pump = (): void => {
    while (left > 0) {
      left -= PIECE.length;
      if (!sink.write(PIECE)) return void sink.once("drain", pump);
    }
    sink.end();
  };
  pump();
}

function exchange(
  method: string,
  path: string,
  send: (sent: ReturnType<typeof request>) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(server.url + path, { method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
      );
    });
    sent.on("error", reject);
    send(sent);
  });
}

function download(bytes: number): Promise<number> {
  const expected = createHash("sha256").update(PIECE).digest("hex");
  return new Promise((resolve, reject) => {
    request(`${server.url}/big/bytes/${bytes}`, { agent: false }, (response) => {
      let total = 0;
      let first = Buffer.alloc(0);
      response.on("data", (chunk: Buffer) => {
        if (first.length < PIECE.length) {
          first = Buffer.concat([first, chunk]).subarray(0, PIECE.length);
        }
        total += chunk.length;
      });
      response.on("error", reject);
      response.on("end", () => {
        const actual = createHash("sha256").update(first).digest("hex");
        if (actual === expected) resolve(total);
        else reject(new Error("The first piece differs"));
      });
    }).on("error", reject).end();
  });
}

/** By how much the server's resident memory peaks above where it was; 0 where nobody can tell. */
async function measureGrowth(work: () => Promise<void>): Promise<number> {
  if (process.platform !== "linux") return await work().then(() => 0);
  const start = residentBytes();
  let peak = start;
  const timer = setInterval(() => peak = Math.max(peak, residentBytes()), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, residentBytes()) - start;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}
