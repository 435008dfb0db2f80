import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { withFileLock } from "../../lib/runtime/_file_lock.ts";
import { systemFiles as files } from "../../lib/runtime/files.ts";
import { firstLine, programCommand, startProgram, untilExit } from "./_program.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

describe("systemFiles", () => {
  let folder = "";
  before(async () => {
    folder = await files.makeTemporaryDirectory("atikit-files-");
  });
  after(() => files.remove(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);

  it("read() returns undefined for a file that is not there", async () => {
    assert.equal(await files.read(at("none")), undefined);
    assert.equal(await files.stat(at("none")), undefined);
    assert.equal(await files.list(at("none")), undefined);
    assert.equal(await files.remove(at("none")), false);
  });

  it("read() takes a file of the largest size and refuses one byte more", async () => {
    await files.write(at("ten"), bytes("0123456789"));
    assert.equal(text(await files.read(at("ten"), { maxBytes: 10 })), "0123456789");
    await assert.rejects(files.read(at("ten"), { maxBytes: 9 }), {
      code: "ERR_FILE_READ",
      reason: "too_large",
    });
  });

  it("read() reads files whose size the system does not tell", async () => {
    assert.ok((await files.read("/proc/self/status") ?? []).length > 0);
    await assert.rejects(files.read("/dev/zero", { maxBytes: 1000 }), { reason: "too_large" });
  });

  it("read() refuses a named pipe, which would keep it waiting for a writer", async () => {
    const pipe = at("pipe.toml");
    await untilExit(spawn("mkfifo", [pipe]));
    symlinkSync(pipe, at("link.toml"));
    for (const path of [pipe, at("link.toml")]) {
      await assert.rejects(files.read(path), { code: "ERR_FILE_READ", reason: "named_pipe" });
    }
  });

  it("read() reads a pipe that somebody opened for us, as shells do", async () => {
    const command = programCommand("_read_program.ts", ["/dev/stdin"]);
    const child = spawn("sh", ["-c", 'printf "piped\\n" | "$@"', "sh", ...command]);
    assert.equal(await firstLine(child), "piped");
  });

  it("read() and list() name path and system code in a refusal, and nothing else", async () => {
    await assert.rejects(files.read(folder), {
      code: "ERR_FILE_READ",
      reason: "EISDIR",
      message: `Cannot read ${folder}: EISDIR`,
    });
    await files.write(at("plain"), bytes(""));
    await assert.rejects(files.list(at("plain")), { code: "ERR_FILE_READ", reason: "ENOTDIR" });
  });

  it("list() sorts by code unit", async () => {
    await files.makeDirectory(at("names"));
    for (const name of ["b", "B", "a", "ä", "10", "9"]) {
      await files.write(join(at("names"), name), bytes(""));
    }
    assert.deepEqual(await files.list(at("names")), ["10", "9", "B", "a", "b", "ä"]);
  });

  it("write() makes the file 0600, or as asked, whatever the umask", async () => {
    const umask = process.umask(0o077);
    try {
      await files.write(at("secret"), bytes("s"));
      await files.write(at("public"), bytes("p"), { mode: 0o644 });
      await files.write(at("public"), bytes("q"), { mode: 0o640 });
    } finally {
      process.umask(umask);
    }
    assert.equal((await files.stat(at("secret")))?.mode, 0o600);
    assert.equal((await files.stat(at("public")))?.mode, 0o640);
  });

  it("write() tightens the mode of a file it replaces", async () => {
    writeFileSync(at("loose"), "old");
    chmodSync(at("loose"), 0o666);
    await files.write(at("loose"), bytes("new"));
    assert.equal((await files.stat(at("loose")))?.mode, 0o600);
    assert.equal(text(await files.read(at("loose"))), "new");
  });

  it("write() with exclusive keeps a file that is there", async () => {
    await files.write(at("once"), bytes("first"), { exclusive: true });
    await assert.rejects(files.write(at("once"), bytes("second"), { exclusive: true }), {
      code: "ERR_FILE_EXISTS",
    });
    assert.equal(text(await files.read(at("once"))), "first");
  });

  it("write() with exclusive lets one of many writers win", async () => {
    const outcomes = await Promise.allSettled(
      Array.from(
        { length: 20 },
        (_, i) => files.write(at("race"), bytes(String(i)), { exclusive: true }),
      ),
    );
    assert.equal(outcomes.filter((one) => one.status === "fulfilled").length, 1);
  });

  it("write() through a link changes what the link points to and keeps the link", async () => {
    await files.makeDirectory(at("store"));
    symlinkSync("store/real", at("link"));
    symlinkSync("link", at("link-to-link"));
    await files.write(at("link-to-link"), bytes("through"));
    assert.equal(readlinkSync(at("link")), "store/real");
    assert.equal(text(await files.read(at("store/real"))), "through");
    symlinkSync("loop", at("loop"));
    await assert.rejects(files.write(at("loop"), bytes("")), {
      code: "ERR_FILE_WRITE",
      reason: "ELOOP",
    });
  });

  it("write() leaves nothing behind when it fails", async () => {
    await files.makeDirectory(at("occupied/inside"));
    await assert.rejects(files.write(at("occupied"), bytes("x")), { code: "ERR_FILE_WRITE" });
    await assert.rejects(files.write(at("nowhere/file"), bytes("x")), {
      code: "ERR_FILE_WRITE",
      reason: "ENOENT",
      message: `Cannot write ${at("nowhere/file")}: ENOENT`,
    });
    assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".tmp")), []);
  });

  it("write() removes what a killed writer left long ago, and nothing younger", async () => {
    await files.makeDirectory(at("left"));
    writeFileSync(at("left/.keys.1-old-1.tmp"), "half");
    utimesSync(at("left/.keys.1-old-1.tmp"), 1, 1);
    writeFileSync(at("left/.keys.1-new-1.tmp"), "half");
    writeFileSync(at("left/.other.1-old-1.tmp"), "half");
    utimesSync(at("left/.other.1-old-1.tmp"), 1, 1);
    await files.write(at("left/keys"), bytes("whole"));
    assert.deepEqual(await files.list(at("left")), [
      ".keys.1-new-1.tmp",
      ".other.1-old-1.tmp",
      "keys",
    ]);
  });

  it("update() keeps the file when the change says so, and passes its error on", async () => {
    await files.write(at("kept"), bytes("old"));
    await files.update(at("kept"), () => undefined);
    assert.equal(text(await files.read(at("kept"))), "old");
    await assert.rejects(
      files.update(at("kept"), () => {
        throw new RangeError("mine");
      }),
      { name: "RangeError", message: "mine" },
    );
    await files.update(at("kept"), (old) => bytes(`${text(old)}+new`));
    assert.equal(text(await files.read(at("kept"))), "old+new");
    assert.equal(await files.stat(at("kept.lock")), undefined);
  });

  it("update() takes over the lock of a process that died", async () => {
    writeFileSync(at("orphan.lock"), `${await deadPid()} ${hostname()}\n`);
    await Promise.all(
      Array.from({ length: 10 }, () => files.update(at("orphan"), (old) => bytes(text(old) + "x"))),
    );
    assert.equal(text(await files.read(at("orphan"))), "xxxxxxxxxx");
  });

  it("update() takes over a lock that is too old, even of a process that lives", async () => {
    writeFileSync(at("aged.lock"), `${process.pid} ${hostname()}\n`);
    const longAgo = Date.now() / 1000 - 31;
    utimesSync(at("aged.lock"), longAgo, longAgo);
    await files.update(at("aged"), () => bytes("done"));
    assert.equal(text(await files.read(at("aged"))), "done");
  });

  it("update() leaves no lock behind when the disk is full", async () => {
    // A file may be made but not be given content. Ignored, the signal becomes an error of write().
    const script = 'trap "" XFSZ; ulimit -f 0; exec "$@"';
    const program = programCommand("_update_program.ts", [at("full"), "1"]);
    const child = spawn("sh", ["-c", script, "sh", ...program], { stdio: "ignore" });
    assert.notEqual(await untilExit(child), 0);
    assert.deepEqual(readdirSync(folder).filter((name) => name.includes("full")), []);
  });

  it("update() gives up after a while when another process holds the lock", async () => {
    // Another host's process: whether it lives cannot be told.
    writeFileSync(at("held.lock"), "1 another-host\n");
    let isEntered = false;
    const work = (): Promise<void> => {
      isEntered = true;
      return Promise.resolve();
    };
    await assert.rejects(withFileLock(at("held"), work, { waitMs: 50 }), {
      code: "ERR_FILE_WRITE",
      reason: "locked",
      hint: `remove ${at("held.lock")} if no other process is at work`,
    });
    assert.equal(isEntered, false);
  });

  it("update() loses nothing when two processes make fifty changes each at once", async () => {
    const children = [1, 2].map(() => startProgram("_update_program.ts", [at("counted"), "50"]));
    assert.deepEqual(await Promise.all(children.map(untilExit)), [0, 0]);
    assert.equal(text(await files.read(at("counted"))).length, 100);
  });

  it("write() leaves the old or the new file, whole, when the process is killed", async () => {
    for (let round = 0; round < 3; round++) {
      const child = startProgram("_write_program.ts", [at("killed")]);
      await firstLine(child);
      child.kill("SIGKILL");
      await untilExit(child);
      const content = text(await files.read(at("killed")));
      assert.equal(content.length, 1_000_000);
      assert.equal(content, content.slice(0, 1).repeat(1_000_000));
    }
  });

  it("stat() tells a file from what it was before, and from the one put in its place", async () => {
    const look = async (path: string) => {
      const facts = await files.stat(path);
      return [facts?.size, facts?.modifiedMs, facts?.changedMs, facts?.inode].join(" ");
    };
    writeFileSync(at("seen"), "one");
    utimesSync(at("seen"), 1000, 1000);
    assert.equal((await files.stat(at("seen")))?.modifiedMs, 1_000_000);
    const first = await look(at("seen"));
    assert.equal(await look(at("seen")), first);
    await files.write(at("seen"), bytes("two"));
    utimesSync(at("seen"), 1000, 1000);
    assert.notEqual(await look(at("seen")), first);

    for (const name of ["blue", "green"]) {
      await files.makeDirectory(at(name));
      writeFileSync(at(`${name}/key`), name.slice(0, 4));
    }
    symlinkSync("blue", at("current"));
    const blue = await look(at("current/key"));
    rmSync(at("current"));
    symlinkSync("green", at("current"));
    assert.notEqual(await look(at("current/key")), blue);
  });

  it("makeDirectory() makes private folders", async () => {
    await files.makeDirectory(at("a/b/c"));
    assert.equal((await files.stat(at("a/b")))?.mode, 0o700);
    assert.deepEqual(await files.stat(at("a/b/c")).then((facts) => facts?.isDirectory), true);
  });

  it("remove() takes folders only when asked to", async () => {
    await files.makeDirectory(at("full/inside"));
    await assert.rejects(files.remove(at("full")), { code: "ERR_FILE_WRITE" });
    assert.equal(await files.remove(at("full"), { recursive: true }), true);
    assert.equal(await files.stat(at("full")), undefined);
  });
});

async function deadPid(): Promise<number> {
  const child = startProgram("_update_program.ts", ["/dev/null", "0"]);
  const pid = child.pid as number;
  await untilExit(child);
  return pid;
}
