import { test } from "node:test";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { Hashes } from "../../lib/ports.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";
import type { SignatureInput, VerifySandboxOptions } from "../../lib/signature/verify.ts";

const SECRET = new TextEncoder().encode("a secret");
const NOW_SECONDS = 1_700_000_000;
const REQUEST = { method: "GET", path: "/v1/models" };
const OPTIONS: VerifySandboxOptions = { secret: SECRET, now: () => NOW_SECONDS * 1000 + 999 };

const nodeHashes: Hashes = {
  sha256: () => new Uint8Array(32),
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
};

function sign(timestamp: string | number, path = REQUEST.path): string {
  return createHmac("sha256", SECRET).update(`${timestamp}.GET.${path}`).digest("hex");
}

function headerAt(timestamp: string | number): string {
  return `t=${timestamp},s=${sign(timestamp)}`;
}

async function reasonOf(
  input: Partial<SignatureInput>,
  options: VerifySandboxOptions = {},
): Promise<string> {
  const header = headerAt(NOW_SECONDS);
  const verdict = await verifySandboxSignature({ header, ...REQUEST, ...input }, {
    ...OPTIONS,
    ...options,
  });
  assert.equal(verdict.valid, verdict.reason === "valid");
  return verdict.reason;
}

test("verifySandboxSignature() accepts a good signature, in hex of either case", async () => {
  assert.equal(await reasonOf({}), "valid");
  assert.equal(
    await reasonOf({ header: `t=${NOW_SECONDS},s=${sign(NOW_SECONDS).toUpperCase()}` }),
    "valid",
  );
  assert.equal(await reasonOf({ method: "get" }), "valid");
});

test("verifySandboxSignature() asks for a header", async () => {
  assert.equal(await reasonOf({ header: null }), "missing_signature");
  assert.equal(await reasonOf({ header: "" }), "missing_signature");
  assert.equal(await reasonOf({ header: " " }), "malformed_signature");
});

test("verifySandboxSignature() refuses timestamps that are no 64-bit integer", async () => {
  const bad = ["x", "1.5", "1e9", "0x10", "--1", "+", "-", "1 0", "1_0", "9223372036854775808"];
  for (const timestamp of [...bad, "-9223372036854775809", "9".repeat(400)]) {
    assert.equal(await reasonOf({ header: `t=${timestamp},s=aa` }), "invalid_timestamp", timestamp);
  }
});

test("verifySandboxSignature() names the drift exactly, over the whole 64-bit range", async () => {
  const cases = [
    ["0", "1700000000"],
    ["-0", "1700000000"],
    ["-5", "1700000005"],
    ["9223372036854775807", "9223372035154775807"],
    ["-9223372036854775808", "9223372038554775808"],
  ] as const;
  for (const [timestamp, drift] of cases) {
    assert.equal(
      await reasonOf({ header: `t=${timestamp},s=aa` }),
      `expired_timestamp_drift=${drift}s`,
    );
  }
});

test("verifySandboxSignature() reads a time of any length, and none at a clock that is none", async () => {
  const clocks = [NaN, Infinity, -Infinity];
  const times = ["0", "+1", "-1", "007", "1".repeat(12), "1".repeat(13), "9223372036854775807"];
  for (const timestamp of [...times, `${NOW_SECONDS}`, `+${NOW_SECONDS}`]) {
    for (const clock of clocks) {
      for (const driftSeconds of [0, Number.MAX_SAFE_INTEGER]) {
        const options = { now: () => clock, driftSeconds };
        const reason = await reasonOf({ header: headerAt(timestamp) }, options);
        assert.match(reason, /^expired_timestamp_drift=/, `${timestamp} at ${clock}`);
      }
    }
    const seconds = Number(timestamp);
    if (!Number.isSafeInteger(seconds)) continue;
    for (
      const [shift, reason] of [[0, "valid"], [60, "valid"], [61, "expired"], [-61, "expired"]]
    ) {
      const now = () => (seconds + Number(shift)) * 1000;
      const got = await reasonOf({ header: headerAt(timestamp) }, { now });
      assert.ok(got.startsWith(String(reason)), `${timestamp} ${shift}: ${got}`);
    }
  }
  // Before 1970, where the floor is not the whole part.
  assert.equal(
    await reasonOf({ header: headerAt(-1) }, { now: () => -1, driftSeconds: 0 }),
    "valid",
  );
});

test("verifySandboxSignature() allows the drift and not one second more, either way", async () => {
  for (const sign of [1, -1]) {
    assert.equal(await reasonOf({ header: headerAt(NOW_SECONDS + sign * 60) }), "valid");
    const late = await reasonOf({ header: headerAt(NOW_SECONDS + sign * 61) });
    assert.equal(late, "expired_timestamp_drift=61s");
  }
  assert.equal(await reasonOf({}, { driftSeconds: 0 }), "valid");
  const header = headerAt(NOW_SECONDS - 1);
  assert.equal(await reasonOf({ header }, { driftSeconds: 0 }), "expired_timestamp_drift=1s");
  assert.equal(await reasonOf({ header }, { driftSeconds: undefined }), "valid");
});

test("verifySandboxSignature() refuses a drift that would check nothing", () => {
  for (const driftSeconds of [NaN, Infinity, -1, 1.5, "60" as unknown as number]) {
    assert.throws(
      () => verifySandboxSignature({ header: null, ...REQUEST }, { ...OPTIONS, driftSeconds }),
      RangeError,
    );
  }
});

test("verifySandboxSignature() accepts nothing without a secret", async () => {
  for (const secret of [undefined, new Uint8Array(0)]) {
    assert.equal(await reasonOf({}, { secret }), "no_signing_secret_configured");
  }
});

test("verifySandboxSignature() decides in the documented order", async () => {
  const none = { secret: undefined };
  assert.equal(await reasonOf({ header: null }, none), "missing_signature");
  assert.equal(await reasonOf({ header: "x" }, none), "malformed_signature");
  assert.equal(await reasonOf({ header: "t=x,s=zz" }, none), "invalid_timestamp");
  assert.equal(await reasonOf({ header: "t=0,s=zz" }, none), "expired_timestamp_drift=1700000000s");
  const current = `t=${NOW_SECONDS},s=zz`;
  assert.equal(await reasonOf({ header: current }, none), "no_signing_secret_configured");
  assert.equal(await reasonOf({ header: current }), "malformed_signature");
});

test("verifySandboxSignature() tells bad hex from a wrong MAC", async () => {
  const good = sign(NOW_SECONDS);
  for (const bad of ["abc", "zz", good.slice(1), `${good}g0`, `0x${good}`]) {
    assert.equal(await reasonOf({ header: `t=${NOW_SECONDS},s=${bad}` }), "malformed_signature");
  }
  for (const bad of ["aa", good.slice(2), `${good}00`, "00".repeat(32)]) {
    assert.equal(await reasonOf({ header: `t=${NOW_SECONDS},s=${bad}` }), "hmac_mismatch");
  }
});

test("verifySandboxSignature() notices a change of any digit of the MAC", async () => {
  const good = sign(NOW_SECONDS);
  for (let index = 0; index < good.length; index++) {
    const digit = good[index] === "0" ? "1" : "0";
    const bad = good.slice(0, index) + digit + good.slice(index + 1);
    assert.equal(await reasonOf({ header: `t=${NOW_SECONDS},s=${bad}` }), "hmac_mismatch");
  }
});

test("verifySandboxSignature() covers time, method, path and secret", async () => {
  const moved = `t=${NOW_SECONDS + 1},s=${sign(NOW_SECONDS)}`;
  assert.equal(await reasonOf({ header: moved }), "hmac_mismatch");
  const respelled = `t=+${NOW_SECONDS},s=${sign(NOW_SECONDS)}`;
  assert.equal(await reasonOf({ header: respelled }), "hmac_mismatch");
  assert.equal(await reasonOf({ method: "POST" }), "hmac_mismatch");
  for (const path of ["/v1/models/", "/v1/Models", "/v1/%6dodels", "//v1/models", ""]) {
    assert.equal(await reasonOf({ path }), "hmac_mismatch", path);
  }
  const secret = new TextEncoder().encode("another secret");
  assert.equal(await reasonOf({}, { secret }), "hmac_mismatch");
});

test("verifySandboxSignature() accepts the sign and zeros of a timestamp that was so signed", async () => {
  for (const timestamp of [`+${NOW_SECONDS}`, `000${NOW_SECONDS}`]) {
    assert.equal(await reasonOf({ header: headerAt(timestamp) }), "valid", timestamp);
  }
});

test("verifySandboxSignature() answers at once when the hashes do", () => {
  const header = headerAt(NOW_SECONDS);
  const options = { ...OPTIONS, hashes: nodeHashes };
  assert.deepEqual(verifySandboxSignature({ header, ...REQUEST }, options), {
    valid: true,
    reason: "valid",
  });
  assert.deepEqual(verifySandboxSignature({ header: null, ...REQUEST }, OPTIONS), {
    valid: false,
    reason: "missing_signature",
  });
});

test("verifySandboxSignature() passes a failure of the hashes on", async () => {
  const hashes: Hashes = { ...nodeHashes, hmacSha256: () => Promise.reject(new Error("broken")) };
  const input = { header: headerAt(NOW_SECONDS), ...REQUEST };
  await assert.rejects(async () => await verifySandboxSignature(input, { ...OPTIONS, hashes }), {
    message: "broken",
  });
});
