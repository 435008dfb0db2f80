import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { TEST_OPTIONS, withBench } from "./_websocket.ts";
import type { Bench, Ends } from "./_websocket.ts";

const RELOADS = 20;

async function reload({ server }: Bench, round: number): Promise<void> {
  process.kill(server.child.pid!, "SIGHUP");
  await server.waitFor("reloaded", round);
}

async function assertOpen({ client, upstream }: Ends, text: string): Promise<void> {
  client.send(1, `${text} up`);
  assert.equal(await upstream.readText(), `1:${text} up`);
  upstream.send(1, `${text} down`);
  assert.equal(await client.readText(), `1:${text} down`);
}

test(
  "10 WebSockets survive 20 reloads, the last without their route; new ones get what is new",
  TEST_OPTIONS,
  () =>
    withBench({}, async (bench) => {
      const { directory, open, dial } = bench;
      const ends: Ends[] = [];
      for (let each = 0; each < 10; each++) ends.push(await open());
      const manifest = join(directory, "manifests/ws.toml");
      const text = readFileSync(manifest, "utf8");
      for (let round = 0; round < RELOADS; round++) {
        const credentials = JSON.stringify({ ws_key: `key-of-round-${round}` });
        writeFileSync(join(directory, "credentials"), credentials);
        // Deadlines and limits of its own in each round, and at last no WebSockets at all.
        const limits = `connect_timeout_seconds = ${round + 1}\nmax_message_bytes = ${
          2000 + round
        }\n`;
        const isLast = round === RELOADS - 1;
        const changed = isLast ? text.replace("forward_websockets = true", "") : text;
        writeFileSync(manifest, changed + limits);
        await reload(bench, round);
        await Promise.all(ends.map((one) => assertOpen(one, `round ${round}`)));
        if (isLast) continue;
        const { handshake, client, upstream } = await open();
        const sent = new Map(handshake.head.fields).get("authorization");
        assert.equal(sent, `Bearer key-of-round-${round}`);
        client.sendClose(1000);
        assert.match(await upstream.readText(), /^8:1000/);
        upstream.sendClose(1000);
        await client.closed;
      }
      assert.notEqual((await dial(({ socket }) => socket.destroy())).status, 101);
      for (const { client, upstream } of ends) {
        client.sendClose(1000, "bye");
        assert.equal(await upstream.readText(), "8:1000:bye");
        upstream.sendClose(1000, "bye");
        assert.equal(await client.readText(), "8:1000:bye");
      }
    }),
);
