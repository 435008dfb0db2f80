import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { describe, it } from "node:test";
import { createFetchUpstream } from "../../lib/passthrough/fetch_upstream.ts";
import type { AddressPolicy, OpenUpstream, UpstreamRequest } from "../../lib/ports.ts";
import { createAddressGuards } from "../../lib/runtime/_address_guard.ts";
import type { GuardOptions } from "../../lib/runtime/_address_guard.ts";
import { openHttpUpstream } from "../../lib/runtime/upstream_http.ts";
import { openNodeUpstream } from "../../lib/runtime/upstream_node.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { startRawUpstream, startUpstream } from "./_gateway.ts";
import type { Peer } from "./_gateway.ts";
import { RUNTIME } from "./_program.ts";

const PRIVATE = { code: "ERR_UPSTREAM_CONNECT", reason: "private_address" };
const PUBLIC_ADDRESS = "93.184.216.34";

/** A resolver that answers each look-up with the next of the given lists, the last one for good. */
function fakeDns(...answers: (readonly string[])[]): LookupFunction & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, options, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(hostname);
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    setTimeout(() => {
      if (options.all) callback(null, found);
      else callback(null, found[0]?.address ?? "", found[0]?.family);
    }, 1);
  };
  return Object.assign(lookup, { asked });
}

/** What a guarded look-up gives. */
function resolve(
  options: GuardOptions,
  policy: AddressPolicy,
  all: boolean,
): Promise<string | LookupAddress[]> {
  const guard = createAddressGuards(options)(policy);
  assert.ok(guard);
  return new Promise((done, fail) =>
    guard.lookup("up.example", { all }, (error, found) => error ? fail(error) : done(found))
  );
}

describe("createAddressGuards()", () => {
  it("guards nothing unless it is told to", () => {
    const guardFor = createAddressGuards();
    assert.equal(guardFor(undefined), undefined);
    assert.equal(guardFor("allow"), undefined);
  });

  it("hands over what it has checked", async () => {
    const lookup = fakeDns([PUBLIC_ADDRESS, "2606:4700::1"]);
    assert.equal(await resolve({ lookup }, "block", false), PUBLIC_ADDRESS);
    assert.deepEqual(await resolve({ lookup }, "block", true), [
      { address: PUBLIC_ADDRESS, family: 4 },
      { address: "2606:4700::1", family: 6 },
    ]);
    assert.deepEqual(lookup.asked, ["up.example", "up.example"]);
  });

  it("refuses a name with any private address", async () => {
    for (const address of ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%1"]) {
      for (const addresses of [[address], [PUBLIC_ADDRESS, address]]) {
        await assert.rejects(resolve({ lookup: fakeDns(addresses) }, "block", true), PRIVATE);
      }
      await assert.rejects(resolve({ lookup: fakeDns([address]) }, "block", false), PRIVATE);
    }
  });

  it("judges each look-up by itself: a name that moves is refused when it has moved", async () => {
    const lookup = fakeDns([PUBLIC_ADDRESS], ["127.0.0.1"]);
    assert.equal(await resolve({ lookup }, "block", false), PUBLIC_ADDRESS);
    await assert.rejects(resolve({ lookup }, "block", false), PRIVATE);
  });

  it("tells of a private address and lets it through where it is to warn", async () => {
    const told: string[] = [];
    const options = { lookup: fakeDns(["10.0.0.1"]), onPrivateAddress: told.push.bind(told) };
    assert.equal(await resolve(options, "warn", false), "10.0.0.1");
    createAddressGuards(options)("warn")?.checkHost("127.0.0.1");
    createAddressGuards(options)("warn")?.checkHost("up.example");
    createAddressGuards(options)("warn")?.checkPeer({ remoteAddress: "10.0.0.1" });
    assert.deepEqual(told, ["up.example", "127.0.0.1"]);
  });

  it("passes on what the resolver says against a name", async () => {
    const error = Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
    const lookup: LookupFunction = (_name, _options, callback) => callback(error, "");
    await assert.rejects(resolve({ lookup }, "block", true), { code: "ENOTFOUND" });
  });

  it("looks at the peer of a connection, whatever the name was", () => {
    const guard = createAddressGuards()("block");
    guard?.checkPeer({ remoteAddress: PUBLIC_ADDRESS });
    for (const remoteAddress of ["127.0.0.1", "::ffff:127.0.0.1", undefined]) {
      assert.throws(() => guard?.checkPeer({ remoteAddress }), PRIVATE);
    }
  });
});

/** A request without a server in front of it. */
function requestTo(url: string, policy: AddressPolicy): UpstreamRequest {
  return {
    method: "GET",
    url,
    headers: [],
    incoming: new Request("http://client.test/"),
    deadlines: { connectMs: 5000, headersMs: 5000, idleMs: 5000, totalMs: 0 },
    keepAliveMs: 5000,
    maxRequestBytes: 0,
    maxResponseBytes: 0,
    privateAddresses: policy,
  };
}

async function fetchBody(
  opened: OpenUpstream,
  url: string,
  policy: AddressPolicy,
): Promise<string> {
  const answer = await opened.upstream(requestTo(url, policy));
  return await answer.respond({ status: 200, statusText: "", headers: [] }).text();
}

type Open = (options?: GuardOptions) => Promise<OpenUpstream>;

/** The ways a guarded call takes on this runtime. */
const WAYS: readonly (readonly [name: string, open: Open])[] = [
  ["node:http", (options) => Promise.resolve(openHttpUpstream(options))],
  ...(RUNTIME === "node" ? [["undici", openNodeUpstream] as const] : []),
];

/** Runs with an upstream on loopback that counts its connections and tells the `Host` it got. */
async function withUpstream(
  use: (peer: Peer, connections: () => number) => Promise<void>,
): Promise<void> {
  const ports = new Set<number | undefined>();
  const peer = await startUpstream((request, response) => {
    ports.add(request.socket.remotePort);
    response.end(request.headers.host);
  });
  try {
    await use(peer, () => ports.size);
  } finally {
    await peer.close();
  }
}

for (const [name, open] of WAYS) {
  describe(`the guarded call over ${name}`, () => {
    it("dials nothing when a name has become private", async () => {
      let connections = 0;
      const peer = await startRawUpstream(() => void connections++);
      const opened = await open({ lookup: fakeDns(["127.0.0.1"]) });
      await assert.rejects(
        fetchBody(opened, `http://up.example:${peer.port}/`, "block"),
        PRIVATE,
      );
      await assert.rejects(
        fetchBody(opened, `https://up.example:${peer.port}/`, "block"),
        PRIVATE,
      );
      assert.equal(connections, 0);
      await opened.close();
      await peer.close();
    });

    it("looks a name up once and dials what it was told", () =>
      withUpstream(async ({ port }, connections) => {
        const lookup = fakeDns(["127.0.0.1"]);
        const told: string[] = [];
        const opened = await open({ lookup, onPrivateAddress: told.push.bind(told) });
        const url = `http://up.example:${port}/`;
        assert.equal(await fetchBody(opened, url, "warn"), `up.example:${port}`);
        assert.deepEqual([lookup.asked, told, connections()], [["up.example"], ["up.example"], 1]);
        await opened.close();
      }));

    it("never lends a connection that nobody checked", () =>
      withUpstream(async ({ port }) => {
        const opened = await open({ lookup: fakeDns(["127.0.0.1"]) });
        const url = `http://up.example:${port}/`;
        assert.equal(await fetchBody(opened, url, "warn"), `up.example:${port}`);
        await assert.rejects(fetchBody(opened, url, "block"), PRIVATE);
        await opened.close();
      }));

    it("names the host, not the address, in a TLS handshake", async () => {
      let hello = "";
      const peer = await startRawUpstream((socket) => {
        socket.once("data", (chunk: Uint8Array) => {
          hello = new TextDecoder("latin1").decode(chunk);
          socket.destroy();
        });
      });
      const opened = await open({ lookup: fakeDns(["127.0.0.1"]) });
      await assert.rejects(fetchBody(opened, `https://up.example:${peer.port}/`, "warn"), {
        code: "ERR_UPSTREAM_CONNECT",
      });
      assert.match(hello, /up\.example/);
      await opened.close();
      await peer.close();
    });
  });
}

describe("openUpstream() with a policy", () => {
  it("refuses every spelling of loopback, and takes it where it is allowed", () =>
    withUpstream(async ({ port }) => {
      const told: string[] = [];
      const { openUpstream } = await testRuntime();
      const opened = await openUpstream(createFetchUpstream, {
        onPrivateAddress: told.push.bind(told),
      });
      for (const host of ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "localhost"]) {
        const url = `http://${host}:${port}/`;
        assert.match(await fetchBody(opened, url, "allow"), /:/, host);
        assert.equal(told.length, 0);
        assert.match(await fetchBody(opened, url, "warn"), /:/, host);
        assert.ok(told.splice(0).length > 0, host);
        await assert.rejects(fetchBody(opened, url, "block"), PRIVATE, host);
      }
      for (const host of ["[::1]", "[::ffff:127.0.0.1]", "localhost.", "a.internal"]) {
        const url = `http://${host}:${port}/`;
        await assert.rejects(fetchBody(opened, url, "block"), PRIVATE, host);
      }
      await opened.close();
    }));
});
