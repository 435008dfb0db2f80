import assert from "node:assert/strict";
import { test } from "node:test";
import { CloseDeadline } from "../../lib/runtime/_close_deadline.ts";

const TIMES = { closeMs: 20, drainMs: 200 } as const;

/** How long a deadline lasted, with these counts of waiting bytes, one a look. */
async function measure(
  counts: readonly number[],
  act: (deadline: CloseDeadline) => void = () => {},
): Promise<number> {
  const left = [...counts];
  const began = performance.now();
  await new Promise<void>((resolve) => {
    const count = (): number => (left.length > 1 ? left.shift() : left[0]) ?? 0;
    const deadline = new CloseDeadline(count, resolve, TIMES);
    deadline.start();
    act(deadline);
  });
  return performance.now() - began;
}

test("CloseDeadline leaves a moment where nothing waits", async () => {
  const lasted = await measure([0]);
  assert.ok(lasted > 10 && lasted < 150, String(lasted));
});

test("CloseDeadline leaves longer to who reads nothing of what waits", async () => {
  const lasted = await measure([10]);
  assert.ok(lasted > 150, String(lasted));
});

test("CloseDeadline has all the time for who reads, however slowly", async () => {
  const steps = Array.from({ length: 20 }, (_, index) => 100 - index);
  const lasted = await measure([...steps, 0]);
  assert.ok(lasted > 300, String(lasted));
});

test("CloseDeadline is short again when it is pressed", async () => {
  const lasted = await measure([10], (deadline) => deadline.press());
  assert.ok(lasted < 150, String(lasted));
});

test("CloseDeadline starts once, and not after its end", async () => {
  let count = 0;
  const deadline = new CloseDeadline(() => 0, () => count++, TIMES);
  deadline.start();
  deadline.start();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(count, 1);
  const ended = new CloseDeadline(() => 0, () => count++, TIMES);
  ended.start();
  ended.end();
  ended.start();
  ended.press();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(count, 1);
});
