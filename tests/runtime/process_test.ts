import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { webHashes } from "../../lib/encoding/hashes.ts";
import { bunHashes, denoHashes, nativeHashes } from "../../lib/runtime/hashes.ts";
import { openRuntime } from "../../lib/runtime/mod.ts";
import { spawnProcess } from "../../lib/runtime/spawn.ts";
import { RUNTIME, startProgram, untilExit } from "./_program.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("openRuntime()", () => {
  it("knows the runtime", async () => {
    const runtime = await openRuntime();
    assert.equal(runtime.name, RUNTIME);
    assert.match(runtime.version, /^\d+\.\d+\.\d+/);
    assert.equal(runtime.pid, process.pid);
    assert.equal(runtime.cwd(), process.cwd());
  });
});

describe("processEnv", () => {
  it("reads variables anew each time", async () => {
    const { env } = await openRuntime();
    const name = "ATIKIT_TEST_VARIABLE";
    assert.equal(env.get(name), undefined);
    process.env[name] = "";
    assert.equal(env.get(name), "");
    assert.ok(env.names().includes(name));
    delete process.env[name];
    assert.equal(env.get(name), undefined);
  });
});

describe("spawnProcess()", () => {
  it("collects both outputs and the exit code", async () => {
    const script = 'printf out; printf err >&2; printf %s "$GREETING"; exit 3';
    const result = await spawnProcess("sh", ["-c", script], { env: { GREETING: " hi" } });
    assert.equal(result.code, 3);
    assert.equal(text(result.stdout), "out hi");
    assert.equal(text(result.stderr), "err");
  });

  it("hands arguments over without a shell", async () => {
    const result = await spawnProcess("printf", ["%s", "$HOME; `id` | *"]);
    assert.equal(text(result.stdout), "$HOME; `id` | *");
  });

  it("gives the child an empty input", async () => {
    assert.equal((await spawnProcess("cat", [])).stdout.length, 0);
  });

  it("reports code null after a signal", async () => {
    assert.equal((await spawnProcess("sh", ["-c", "kill -9 $$"])).code, null);
  });

  it("refuses a program that is not there, naming it but not its arguments", async () => {
    await assert.rejects(spawnProcess("no-such-program-here", ["secret"]), (error: Error) => {
      assert.equal((error as { code?: string }).code, "ERR_SPAWN");
      assert.equal((error as { reason?: string }).reason, "not_found");
      assert.ok(error.message.includes("no-such-program-here"));
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  });

  it("kills a program that takes too long, also when its children hold the pipes", async () => {
    await assert.rejects(spawnProcess("sh", ["-c", "sleep 30"], { timeoutMs: 50 }), {
      code: "ERR_SPAWN",
      reason: "timeout",
    });
  });

  it("takes the largest output and refuses one byte more", async () => {
    const whole = await spawnProcess("printf", ["0123456789"], { maxBytes: 10 });
    assert.equal(whole.stdout.length, 10);
    await assert.rejects(spawnProcess("printf", ["0123456789"], { maxBytes: 9 }), {
      code: "ERR_SPAWN",
      reason: "failed",
    });
    await assert.rejects(spawnProcess("yes", [], { maxBytes: 1000 }), { reason: "failed" });
  });
});

describe("processSignals", () => {
  it("on() calls the handler until it is given back", async () => {
    const { signals, pid } = await openRuntime();
    // Waiting for a signal does not keep a process running.
    const running = setInterval(() => {}, 1000);
    let calls = 0;
    let heard = (): void => {};
    const keep = signals.on("SIGHUP", () => heard());
    const ignore = signals.on("SIGHUP", () => calls++);
    for (const expected of [1, 2]) {
      const arrived = new Promise<void>((resolve) => {
        heard = resolve;
      });
      assert.equal(signals.send(pid, "SIGHUP"), true);
      await arrived;
      assert.equal(calls, expected);
    }
    ignore();
    const arrived = new Promise<void>((resolve) => {
      heard = resolve;
    });
    signals.send(pid, "SIGHUP");
    await arrived;
    keep();
    clearInterval(running);
    assert.equal(calls, 2);
  });

  it("send() is false where there is no such process, and never means a group", async () => {
    const { signals } = await openRuntime();
    const child = startProgram("_update_program.ts", ["/dev/null", "0"]);
    await untilExit(child);
    assert.equal(signals.send(child.pid as number, "SIGTERM"), false);
    for (const pid of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => signals.send(pid, "SIGTERM"), RangeError);
    }
  });
});

describe("nativeHashes, denoHashes and, on Bun, bunHashes", () => {
  const all = { nativeHashes, denoHashes, ...("Bun" in globalThis && { bunHashes }) };
  for (const [name, hashes] of Object.entries(all)) {
    it(`${name} agree with Web Crypto`, async () => {
      for (const size of [0, 1, 63, 64, 65, 1000, 100_000]) {
        const data = new Uint8Array(size).map((_, i) => i * 7);
        const key = new Uint8Array(Math.max(size % 200, 1)).fill(size);
        assert.deepEqual(
          new Uint8Array(await hashes.sha256(data)),
          await webHashes.sha256(data),
        );
        const mac = await webHashes.hmacSha256(key, data);
        assert.deepEqual(new Uint8Array(await hashes.hmacSha256(key, data)), mac);
        assert.deepEqual(new Uint8Array(await hashes.hmacSha256(key, data)), mac);
      }
    });
  }

  it("openRuntime() offers synchronous hashes", async () => {
    const { hashes } = await openRuntime();
    assert.ok(hashes.sha256(new Uint8Array(1)) instanceof Uint8Array);
    assert.ok(hashes.hmacSha256(new Uint8Array(1), new Uint8Array(1)) instanceof Uint8Array);
  });
});
