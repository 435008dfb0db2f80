import assert from "node:assert/strict";
import { test } from "node:test";
import { createSampler } from "../../lib/telemetry/sampler.ts";
import { createTraceIds } from "../../lib/telemetry/trace_ids.ts";

const ids = createTraceIds();
const parent = (flags: number) => ({ traceId: ids.traceId(), spanId: ids.spanId(), flags });

test("createSampler() decides for new traces by its name", () => {
  for (const prefix of ["", "parentbased_"] as const) {
    assert.equal(createSampler(`${prefix}always_on`, 0)(ids.traceId(), undefined), true);
    assert.equal(createSampler(`${prefix}always_off`, 1)(ids.traceId(), undefined), false);
    assert.equal(createSampler(`${prefix}traceidratio`, 1)(ids.traceId(), undefined), true);
    assert.equal(createSampler(`${prefix}traceidratio`, 0)(ids.traceId(), undefined), false);
  }
});

test("createSampler() follows the caller only where it is parent-based", () => {
  for (const flags of [0, 1, 2, 3]) {
    const caller = parent(flags);
    const follows = (flags & 1) === 1;
    for (const name of ["always_on", "always_off", "traceidratio"] as const) {
      assert.equal(createSampler(`parentbased_${name}`, 0.5)(caller.traceId, caller), follows);
    }
    assert.equal(createSampler("always_on", 1)(caller.traceId, caller), true);
    assert.equal(createSampler("always_off", 1)(caller.traceId, caller), false);
  }
});

test("createSampler() takes the part of the traces it is told, by the last 14 digits", () => {
  const quarter = createSampler("traceidratio", 0.25);
  const head = "f".repeat(18);
  // OpenTelemetry's consistent sampling: kept from the threshold (1 - ratio) * 2^56 on.
  assert.equal(quarter(`${head}c0000000000000`, undefined), true);
  assert.equal(quarter(`${head}bfffffffffffff`, undefined), false);
  let taken = 0;
  for (let count = 0; count < 20_000; count++) taken += quarter(ids.traceId(), undefined) ? 1 : 0;
  assert.ok(Math.abs(taken / 20_000 - 0.25) < 0.02, String(taken));
});
