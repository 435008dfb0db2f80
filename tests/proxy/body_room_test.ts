import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_HELD_BODY_BYTES } from "../../lib/limits.ts";
import { createBodyRoom } from "../../lib/proxy/body_room.ts";

test("createBodyRoom() gives out so many bytes to all leases together, and takes them back", () => {
  const room = createBodyRoom(10);
  const [first, second] = [room.lease(), room.lease()];
  assert.equal(first.take(6), true);
  assert.equal(second.take(5), false);
  assert.equal(second.take(4), true);
  assert.equal(first.take(1), false);
  first.close();
  assert.equal(second.take(6), true);
  first.close();
  assert.equal(second.take(1), false);
});

test("createBodyRoom() holds 256 MiB unless told otherwise", () => {
  const lease = createBodyRoom().lease();
  assert.equal(lease.take(MAX_HELD_BODY_BYTES), true);
  assert.equal(lease.take(1), false);
});
