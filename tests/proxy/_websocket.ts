/** A spawned server.ts between WebSocket peers on raw sockets. @module */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dialPeer, startPeerUpstream } from "../helpers/websocket_peer.ts";
import type {
  PeerDial,
  PeerHandshake,
  PeerUpstream,
  WebSocketPeer,
} from "../helpers/websocket_peer.ts";
import { createAtiDirectory, removeDirectory, startServer } from "./_server.ts";
import type { TestServer } from "./_server.ts";

const TEST_MS = 60_000;

/** Options of a test. */
export const TEST_OPTIONS: { readonly timeout: number } = { timeout: TEST_MS };

/**
 * True where frames go through as they are: on Node. The servers of Deno and Bun speak WebSocket
 * themselves and hand out messages, so that what a message was split into, compression, pings and the
 * exact end of a client that breaks the rules are the proxy's matter there.
 */
export const RELAYS_FRAMES: boolean = !("Deno" in globalThis || "Bun" in globalThis);

/** The secret that the proxy injects. */
export const WS_SECRET = "canary-ws-secret-0123456789";

/** Both ends of one WebSocket through the proxy. */
export interface Ends {
  readonly client: WebSocketPeer;
  readonly upstream: WebSocketPeer;
  readonly dial: PeerDial;
  readonly handshake: PeerHandshake;
}

/** What a test works with. */
export interface Bench {
  readonly server: TestServer;
  readonly upstream: PeerUpstream;
  readonly directory: string;
  /** Dials `/ws` through the proxy; `onHandshake` is what the upstream does with it. */
  dial(
    onHandshake: (handshake: PeerHandshake) => void,
    fields?: Readonly<Record<string, string | undefined>>,
    target?: string,
  ): Promise<PeerDial>;
  /** Opens a WebSocket through the proxy. */
  open(
    fields?: Readonly<Record<string, string | undefined>>,
    accepted?: Readonly<Record<string, string>>,
  ): Promise<Ends>;
  /** The log record of the `count`-th ended exchange on this path. */
  record(path?: string, count?: number): Promise<Record<string, unknown>>;
}

/** How the server is set up. */
export interface BenchOptions {
  /** Fields of the manifest. */
  readonly manifest?: string;
  /** How it authenticates; default a bearer token. */
  readonly auth?: string;
  /** False: the route forwards no WebSockets. */
  readonly forwards?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly credentials?: string;
}

/** Runs a test with a server whose route `/ws` forwards WebSockets to an upstream of the test. */
export async function withBench(
  options: BenchOptions,
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  let onHandshake: (handshake: PeerHandshake) => void = ({ socket }) => socket.destroy();
  const upstream = await startPeerUpstream((handshake) => onHandshake(handshake));
  const { env = {}, credentials = JSON.stringify({ ws_key: WS_SECRET }) } = options;
  const directory = createAtiDirectory({
    "manifests/ws.toml": createManifest(upstream.url, options),
    credentials,
  });
  let server: TestServer | undefined;
  try {
    const started = server = await startServer({
      ATI_DIR: directory,
      ATI_ENABLE_PASSTHROUGH: "1",
      ...env,
    });
    const dial: Bench["dial"] = (handler, fields, target = "/ws/chat") => {
      onHandshake = handler;
      return dialPeer(started.port, target, fields);
    };
    await run({
      server: started,
      upstream,
      directory,
      dial,
      async open(fields, accepted): Promise<Ends> {
        let given: { handshake: PeerHandshake; peer: WebSocketPeer } | undefined;
        const dialled = await dial((handshake) => {
          given = { handshake, peer: handshake.accept(accepted) };
        }, fields);
        assert.equal(dialled.status, 101);
        assert.ok(given);
        return {
          client: dialled.peer,
          upstream: given.peer,
          dial: dialled,
          handshake: given.handshake,
        };
      },
      async record(path = "/ws/chat", count = 1): Promise<Record<string, unknown>> {
        const deadline = Date.now() + 20_000;
        for (;;) {
          const found = started.records().filter((record) => record["path"] === path);
          const record = found[count - 1];
          if (record !== undefined) return record;
          assert.ok(Date.now() < deadline, `no record ${count} of ${path}`);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
    });
  } finally {
    await server?.kill();
    await upstream.close();
    removeDirectory(directory);
  }
}

function createManifest(
  url: string,
  { manifest = "", auth, forwards = true }: BenchOptions,
): string {
  return `[provider]
name = "ws"
description = "Test"
handler = "passthrough"
base_url = "${url}"
path_prefix = "/ws"
auth_key_name = "ws_key"
forward_websockets = ${forwards}
${auth ?? 'auth_type = "bearer"'}
${manifest}`;
}

/** Reads a whole message: its first opcode and the payload of all its frames. */
export async function readMessage(
  peer: WebSocketPeer,
): Promise<{ readonly opcode: number; readonly frames: number; readonly payload: Buffer }> {
  const pieces: Buffer[] = [];
  let opcode = 0;
  for (;;) {
    const frame = await peer.read();
    assert.ok(frame, "the message is whole");
    opcode ||= frame.opcode;
    pieces.push(frame.payload);
    if (frame.fin) return { opcode, frames: pieces.length, payload: Buffer.concat(pieces) };
  }
}
