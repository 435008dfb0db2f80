import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { connect } from "node:net";
import type { Socket } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { firstLine, RUNTIME, startProgram, untilExit } from "../runtime/_program.ts";
import { connectRaw } from "../runtime/_raw.ts";
import { drip, exchange, readOutcome, say, sayAndClose, sayAndReset } from "./_faults.ts";
import { startFaultyUpstream } from "./_faults.ts";
import type { Fault, FaultyUpstream, Outcome } from "./_faults.ts";
import { createAtiDirectory, removeDirectory, startServer, upstreamManifest } from "./_server.ts";
import type { TestServer } from "./_server.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNTIL_CLOSE = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
const EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/** 502, 504, an answer that is broken off, or the body of a whole one with status 200. */
type Expected = "502" | "504" | "broken" | `whole ${string}`;

/**
 * What is done to a request, and what the client may see of it. Where two things stand, runtimes differ
 * in what their clients take, or in how long they keep the head of a short answer back.
 */
const FAULTS: Readonly<Record<string, readonly [Fault, ...Expected[]]>> = {
  "ok": [say(OK), "whole ok"],
  "silence": [() => {}, "504"],
  "header-byte-by-byte": [drip("", "H", 100), "504", "502"],
  "header-line-by-line": [drip("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", 100), "504"],
  "header-value-by-byte": [drip("HTTP/1.1 200 OK\r\nX-A: ", "b", 100), "504"],
  "silence-in-body": [say(`${LENGTH}hello`), "broken", "504"],
  "silence-in-chunks": [say(`${CHUNKED}5\r\nhello\r\n`), "broken"],
  "body-without-end": [drip(CHUNKED, "1\r\nx\r\n", 100), "broken"],
  "close": [(socket) => void socket.end(), "502"],
  "reset": [(socket) => socket.resetAndDestroy(), "502"],
  "close-in-header": [sayAndClose("HTTP/1.1 200 OK\r\nX-A: b"), "502"],
  "reset-in-body": [sayAndReset(`${LENGTH}hello`), "broken", "502"],
  "reset-in-chunks": [sayAndReset(`${CHUNKED}5\r\nhello\r\n`), "broken"],
  "close-in-body": [sayAndClose(`${LENGTH}hello`), "broken", "502"],
  "close-between-chunks": [sayAndClose(`${CHUNKED}5\r\nhello\r\n`), "broken"],
  "close-in-chunk": [sayAndClose(`${CHUNKED}ff\r\nhello`), "broken"],
  "body-until-close": [sayAndClose(`${UNTIL_CLOSE}hello`), "whole hello"],
  "half-closed": [(socket) => void socket.end(OK), "whole ok"],
  "no-http": [say("hello\r\n\r\n"), "502", "504"],
  "shoutcast": [say("ICY 200 OK\r\nContent-Length: 2\r\n\r\nok"), "502"],
  "status-of-two-digits": [say("HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nok"), "502"],
  "status-of-four-digits": [say("HTTP/1.1 1000 X\r\nContent-Length: 2\r\n\r\nok"), "502"],
  "no-reason": [say("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), "whole ok"],
  "http-1.0": [sayAndClose("HTTP/1.0 200 OK\r\n\r\nok"), "whole ok"],
  "header-of-100-kb": [
    say(OK.replace("\r\n\r\n", `\r\n${`X-A: ${"a".repeat(1000)}\r\n`.repeat(100)}\r\n`)),
    "502",
    "whole ok",
  ],
  "header-without-end": [
    drip("HTTP/1.1 200 OK\r\n", `X-A: ${"b".repeat(9999)}\r\n`, 5),
    "502",
    "504",
  ],
  "1000-fields": [
    say(OK.replace("\r\n\r\n", `\r\n${"X-A: b\r\n".repeat(1000)}\r\n`)),
    "whole ok",
    "502",
  ],
  "two-lengths": [say(`${OK.replace("\r\n\r\n", "\r\nContent-Length: 6\r\n\r\n")}evil`), "502"],
  "negative-length": [say(OK.replace(" 2", " -2")), "502"],
  "signed-length": [say(OK.replace(" 2", " +2")), "502"],
  "length-and-chunks": [
    say(`${OK.slice(0, -4)}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
    "502",
    "whole hello",
  ],
  "longer-than-its-length": [say(OK + EVIL), "whole ok"],
  "no-chunk-size": [say(`${CHUNKED}zz\r\nhello\r\n0\r\n\r\n`), "broken"],
  "endless-chunk-size": [say(`${CHUNKED}fffffffffffffffff\r\nhello\r\n0\r\n\r\n`), "broken"],
  "chunk-longer-than-its-size": [say(`${CHUNKED}5\r\nhelloXX0\r\n\r\n`), "broken"],
  "early-hints": [say(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}`), "whole ok"],
  "1000-interim-answers": [
    say(`${"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)}${OK}`),
    "whole ok",
  ],
  "interim-answers-without-end": [drip("", "HTTP/1.1 102 P\r\n\r\n".repeat(10), 20), "504", "502"],
  // RFC 9110 §15.2 wants it passed over; Node's client does not take it unasked.
  "continue-unasked": [say(`HTTP/1.1 100 Continue\r\n\r\n${OK}`), "whole ok", "502"],
  "switch-unasked": [
    say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"),
    "502",
  ],
  "space-in-name": [say(OK.replace("Content", "X Y: z\r\nContent")), "502"],
  "space-after-name": [say(OK.replace(":", " :")), "502"],
  "no-colon": [say(OK.replace("Content", "X\r\nContent")), "502"],
  "nul-in-value": [say(OK.replace("Content", "X: a\0b\r\nContent")), "502"],
  "carriage-return-in-value": [say(OK.replace("Content", "X: a\rSet-Cookie: b\r\nContent")), "502"],
};

/** Where a runtime's client takes a reset for an end, and nobody can tell. */
const RESET_UNTIL_CLOSE: readonly [Fault, ...Expected[]] = [
  sayAndReset(`${UNTIL_CLOSE}hello`),
  ...(RUNTIME === "bun" ? ["whole hello", "broken"] as const : ["broken"] as const),
];

const ALL: typeof FAULTS = { ...FAULTS, "reset-until-close": RESET_UNTIL_CLOSE };

/** Not among those that are asked for at once: until it comes, the answer is anybody's. */
function answerTwice(socket: Socket): void {
  socket.write(OK);
  setTimeout(() => socket.write(EVIL), 5);
}
const PATIENT = `connect_timeout_seconds = 1
read_timeout_seconds = 30
`;
const HASTY = `connect_timeout_seconds = 1
read_timeout_seconds = 1
total_timeout_seconds = 3
`;

/** Only what is to meet a deadline has a short one: everything else is told by what happens. */
function routeOf(name: string): string {
  const waits = name.startsWith("silence") || name.endsWith("-without-end");
  return waits || ALL[name]?.includes("504") ? "hasty" : "patient";
}

/** Connections on which something happened that no answer may follow. */
const spoiled: (readonly [name: string, socket: Socket])[] = [];

function noteSpoiled(name: string, [fault, ...expected]: readonly [Fault, ...Expected[]]): Fault {
  if (expected.some((one) => one.startsWith("whole"))) return fault;
  return (socket) => {
    spoiled.push([name, socket]);
    fault(socket);
  };
}

let upstream: FaultyUpstream;
let server: TestServer;
let directory: string;
let deaf: Deaf;

/** A port that takes no connection and refuses none. */
interface Deaf {
  readonly port: number;
  close(): Promise<void>;
}

async function startDeaf(): Promise<Deaf> {
  const child = startProgram("_deaf_program.ts");
  const port = Number(await firstLine(child));
  // Its queue takes two, on Bun 513; then nobody says anything any more.
  const fillers = Array.from({ length: 600 }, (): Socket => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {/* expected */});
    return socket;
  });
  await new Promise((done) => setTimeout(done, 200));
  return {
    port,
    async close(): Promise<void> {
      for (const socket of fillers) socket.destroy();
      child.kill("SIGKILL");
      await untilExit(child);
    },
  };
}

before(async () => {
  const faults = Object.entries(ALL).map(([name, row]) => [name, noteSpoiled(name, row)] as const);
  upstream = await startFaultyUpstream({
    ...Object.fromEntries(faults),
    "answer-nobody-asked-for": answerTwice,
  });
  const gone = await startFaultyUpstream({});
  await gone.close();
  deaf = await startDeaf();
  directory = createAtiDirectory({
    "manifests/hasty.toml": upstreamManifest("hasty", upstream.url, HASTY),
    "manifests/patient.toml": upstreamManifest("patient", upstream.url, PATIENT),
    "manifests/gone.toml": upstreamManifest("gone", gone.url, PATIENT),
    "manifests/nobody.toml": upstreamManifest("nobody", "http://nobody.invalid", PATIENT),
    "manifests/deaf.toml": upstreamManifest("deaf", `http://127.0.0.1:${deaf.port}`, PATIENT),
    "credentials": JSON.stringify(
      Object.fromEntries(
        ["hasty", "patient", "gone", "nobody", "deaf"].map((name) => [`${name}_key`, "k"]),
      ),
    ),
  });
  server = await startServer({ ATI_DIR: directory, ATI_ENABLE_PASSTHROUGH: "1" });
});

after(async () => {
  // Whatever there is of it, should the start have failed.
  await server?.kill();
  await deaf?.close();
  await upstream?.close();
  removeDirectory(directory);
});

function get(path: string): Promise<Outcome> {
  return exchange(server.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
}

function nameOutcome({ status, body, isWhole }: Outcome): Expected {
  if (!isWhole) return "broken";
  return status === 200 ? `whole ${body}` : `${status}` as Expected;
}

/** The one line about a request, once it is there. */
async function recordOf(path: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const records = server.records().filter((record) => record["path"] === path);
    if (records.length > 0) {
      assert.equal(records.length, 1, path);
      return records[0] ?? {};
    }
    assert.ok(Date.now() < deadline, `no record of ${path}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

describe("an upstream that misbehaves", { timeout: 60_000 }, () => {
  it("never passes for one that does not, whatever it does", async () => {
    // All at once: what one upstream connection suffers is nothing to the others.
    const names = Object.keys(ALL);
    const outcomes = await Promise.all(names.map((name) => get(`/${routeOf(name)}/${name}`)));
    for (const [index, name] of names.entries()) {
      const outcome = outcomes[index]!;
      const [, ...expected] = ALL[name]!;
      const got = nameOutcome(outcome);
      assert.ok(expected.includes(got), `${name}: ${got}, not ${expected.join(" or ")}`);
      const isFramedTwice = /\r\ncontent-length:/.test(outcome.head) &&
        /\r\ntransfer-encoding:/.test(outcome.head);
      assert.equal(isFramedTwice, false, name);
      assert.doesNotMatch(outcome.head, /\r\nset-cookie:/, name);
      const record = await recordOf(`/${routeOf(name)}/${name}`);
      const code = record["error_code"] ?? record["stream_error"];
      if (got === "broken") assert.match(String(code), /^ERR_UPSTREAM_(FAILED|TIMEOUT)$/, name);
      else assert.equal(record["status"], outcome.status, name);
      if (got === "502") assert.equal(code, "ERR_UPSTREAM_FAILED", name);
      if (got === "504") assert.equal(code, "ERR_UPSTREAM_TIMEOUT", name);
      if (got.startsWith("whole")) assert.equal(code, undefined, name);
    }
  });

  it("cannot slip an answer to a request that is not its own", async () => {
    for (const name of ["longer-than-its-length", "answer-nobody-asked-for"]) {
      for (let turn = 0; turn < 10; turn++) {
        assert.equal((await get(`/patient/${name}`)).body, "ok", name);
        // Once a request is under way, nobody can tell whose answer comes.
        if (name === "answer-nobody-asked-for") await new Promise((done) => setTimeout(done, 30));
        assert.equal((await get("/patient/ok")).body, "ok", `after ${name}`);
      }
    }
  });

  it("is told by 502 or 504 when there is no connection", async () => {
    const cases = [
      ["/gone/a", 502, "ERR_UPSTREAM_CONNECT", /^refused$/],
      // Bun does not tell an unknown name from an unreachable one.
      ["/nobody/a", 502, "ERR_UPSTREAM_CONNECT", /^(dns|unreachable|refused)$/],
      ["/deaf/a", 504, "ERR_UPSTREAM_TIMEOUT", /^connect$/],
    ] as const;
    const started = performance.now();
    const outcomes = await Promise.all(cases.map(([path]) => get(path)));
    assert.ok(performance.now() - started < 10_000);
    for (const [index, [path, status, code, reason]] of cases.entries()) {
      assert.equal(outcomes[index]?.status, status, path);
      const record = await recordOf(path);
      assert.deepEqual([record["status"], record["error_code"]], [status, code], path);
      assert.match(String(record["error_reason"]), reason, path);
    }
  });

  it("keeps no connection that it spoiled, and does not stop the server", async () => {
    assert.ok(spoiled.length > 20);
    const deadline = Date.now() + 10_000;
    for (const [name, socket] of spoiled) {
      while (!socket.destroyed) {
        assert.ok(Date.now() < deadline, `the connection of ${name} is open`);
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    assert.equal((await get("/patient/ok")).body, "ok");
    assert.equal(server.child.exitCode, null);
  });
});

describe("an upstream that is killed inside its answer", { timeout: 60_000 }, () => {
  it("leaves the client with an incomplete message", async () => {
    const script = `require("node:http").createServer((q, r) => {
      r.write("x".repeat(1000));
      setInterval(() => r.write("x".repeat(1000)), 5);
    }).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;
    const child = spawn(...nodeScript(script), { stdio: ["ignore", "pipe", "ignore"] });
    const port = Number(await firstLine(child));
    const killed = createAtiDirectory({
      "manifests/killed.toml": upstreamManifest("killed", `http://127.0.0.1:${port}`),
      "credentials": JSON.stringify({ killed_key: "k" }),
    });
    const own = await startServer({ ATI_DIR: killed, ATI_ENABLE_PASSTHROUGH: "1" });
    try {
      const connection = await connectRaw(own.port);
      connection.socket.write("GET /killed/a HTTP/1.1\r\nHost: a\r\n\r\n");
      await connection.until((text) => text.length > 5000);
      child.kill("SIGKILL");
      const outcome = await readOutcome(connection);
      assert.deepEqual([outcome.status, outcome.isWhole], [200, false]);
      assert.equal((await own.get("/health")).status, 200);
    } finally {
      child.kill("SIGKILL");
      await own.kill();
      removeDirectory(killed);
    }
  });
});

/** Program and arguments that run a line of code here. */
function nodeScript(text: string): [program: string, args: string[]] {
  if (RUNTIME === "deno") {
    const module = text.replace('require("node:http")', '(await import("node:http"))');
    return [process.execPath, ["eval", module]];
  }
  return [process.execPath, ["-e", text]];
}
