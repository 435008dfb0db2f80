/** The proxy as a whole, beside the upstream alone and nginx: a table made in one run. @module */

import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseSigningSecret } from "../lib/signature/secret.ts";
import { signSandboxRequest } from "../lib/signature/sign.ts";
import { download, freePort } from "./_download.ts";
import { formatTable } from "./_format.ts";
import { putLoad } from "./_load.ts";
import type { LoadOptions, LoadRequest } from "./_load.ts";
import { median } from "./_measure.ts";
import { readUsage, stopProcess } from "./_process.ts";
import { createSetup } from "./_setup.ts";
import { findSubjects, untilListening } from "./_subjects.ts";
import type { Setup } from "./_subjects.ts";
import { LARGE_BYTES, startUpstream } from "./_upstream.ts";
import type { SignatureMode } from "../lib/proxy/settings.ts";

const CONNECTIONS = 32;
const ROUNDS = 5;
const SECONDS = 2;
/** Until just-in-time compilers are through; a process that has served another case needs less. */
const WARM_UP_SECONDS = 10;
const NEXT_WARM_UP_SECONDS = 3;
const DOWNLOADS = 5;
const POST_BODY = JSON.stringify({ prompt: "x".repeat(1010) });
const LARGE_MIB = LARGE_BYTES / 1024 / 1024;

interface Case {
  readonly name: string;
  readonly mode: SignatureMode;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One line of the table. */
interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number | undefined;
  readonly peakMiB: number | undefined;
  readonly failed: number;
}

/** Measures everything and returns the tables, ready to print. */
export async function measureProxy(say: (line: string) => void): Promise<string> {
  const setup = await createSetup(await freePort());
  const { folder } = setup;
  const upstream = startUpstream(join(folder, "upstream"), setup.upstreamPort);
  upstream.stderr?.resume();
  try {
    await untilListening(setup.upstreamPort, upstream);
    const tables: string[] = [];
    const cases = await createCases(setup);
    for (const mode of new Set(cases.map((one) => one.mode))) {
      const subjects: Running[] = [{
        name: "upstream alone",
        child: upstream,
        port: setup.upstreamPort,
        isUpstream: true,
        isWarm: false,
      }];
      try {
        // What is not under load just waits.
        for (const subject of findSubjects(setup)) {
          const { child, port } = await subject.start(mode);
          subjects.push({ name: subject.name, child, port, isUpstream: false, isWarm: false });
        }
        for (const one of cases.filter((other) => other.mode === mode)) {
          say(one.name);
          tables.push(`${one.name}\n\n${await measureCase(one, subjects, setup)}`);
        }
      } finally {
        for (const { child } of subjects.slice(1)) await stopProcess(child);
      }
    }
    say(`download of ${LARGE_MIB} MiB`);
    tables.push(`Download of ${LARGE_MIB} MiB\n\n${await measureDownloads(setup)}`);
    return tables.join("\n\n");
  } finally {
    await stopProcess(upstream);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function createCases(setup: Setup): Promise<readonly Case[]> {
  const secret = parseSigningSecret(setup.signingSecret);
  const sign = async (method: string, path: string): Promise<Record<string, string>> => ({
    "X-Sandbox-Signature": await signSandboxRequest({ method, path }, { secret }),
  });
  const get = { method: "GET", path: "/echo/small", body: "" } as const;
  const post = { method: "POST", path: "/echo/small", body: POST_BODY } as const;
  const json = { "Content-Type": "application/json" };
  return [
    {
      ...get,
      name: "GET, signature in mode log",
      mode: "log",
      headers: await sign("GET", get.path),
    },
    {
      ...get,
      name: "GET, signature enforced",
      mode: "enforce",
      headers: await sign("GET", get.path),
    },
    {
      ...get,
      name: "GET, ES256 session token",
      mode: "enforce",
      path: "/token/small",
      headers: { Authorization: `Bearer ${setup.token}` },
    },
    {
      ...post,
      name: "POST of 1 KiB, signature enforced",
      mode: "enforce",
      headers: { ...json, ...await sign("POST", post.path) },
    },
  ];
}

/** A process that takes requests. */
interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly port: number;
  /** True: it has no prefixes of routes before its paths. */
  readonly isUpstream: boolean;
  isWarm: boolean;
}

async function measureCase(
  one: Case,
  subjects: readonly Running[],
  { folder }: Setup,
): Promise<string> {
  const options = { connections: CONNECTIONS, folder };
  const requestTo = ({ port, isUpstream }: Running): LoadRequest => ({
    ...one,
    port,
    path: isUpstream ? one.path.replace(/^\/[a-z]+/, "") : one.path,
  });
  for (const subject of subjects) {
    const seconds = subject.isWarm ? NEXT_WARM_UP_SECONDS : WARM_UP_SECONDS;
    await putLoad(requestTo(subject), { ...options, seconds });
    subject.isWarm = true;
  }
  const rounds = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    // Turn by turn: whatever else the machine does hits everybody alike.
    for (const subject of subjects) {
      rounds.get(subject.name)!.push(await load(requestTo(subject), subject.child, options));
    }
  }
  return formatFigures([...rounds].map(([name, figures]) => [name, combine(figures)]));
}

async function load(
  request: LoadRequest,
  child: ChildProcess,
  options: Omit<LoadOptions, "seconds">,
): Promise<Figures> {
  const before = readUsage(child.pid ?? 0);
  const result = await putLoad(request, { ...options, seconds: SECONDS });
  const after = readUsage(child.pid ?? 0);
  return {
    ...result,
    cpuMicroseconds: before && after &&
      (after.cpuMicroseconds - before.cpuMicroseconds) / result.requests,
    peakMiB: after?.peakMiB,
  };
}

function combine(figures: readonly Figures[]): Figures {
  const middle = (pick: (one: Figures) => number): number => median(figures.map(pick));
  const known = figures[0]?.cpuMicroseconds !== undefined;
  return {
    perSecond: middle(({ perSecond }) => perSecond),
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
    cpuMicroseconds: known ? middle(({ cpuMicroseconds = 0 }) => cpuMicroseconds) : undefined,
    peakMiB: known ? Math.max(...figures.map(({ peakMiB = 0 }) => peakMiB)) : undefined,
    failed: figures.reduce((total, { failed }) => total + failed, 0),
  };
}

function formatFigures(lines: readonly (readonly [string, Figures])[]): string {
  const nginxCpu = lines.find(([name]) => name.startsWith("nginx"))?.[1].cpuMicroseconds;
  const head = ["", "requests/s", "p50 ms", "p99 ms", "CPU µs", "of nginx", "peak MiB", "failed"];
  const rows = lines.map(([name, one]) => [
    name,
    Math.round(one.perSecond).toLocaleString("en"),
    one.p50Ms.toFixed(2),
    one.p99Ms.toFixed(1),
    one.cpuMicroseconds?.toFixed(0) ?? "",
    one.cpuMicroseconds === undefined || nginxCpu === undefined || name === "upstream alone"
      ? ""
      : `${(one.cpuMicroseconds / nginxCpu).toFixed(1)}x`,
    one.peakMiB?.toFixed(0) ?? "",
    String(one.failed),
  ]);
  return formatTable([head, ...rows]);
}

async function measureDownloads(setup: Setup): Promise<string> {
  const secret = parseSigningSecret(setup.signingSecret);
  const path = "/echo/large";
  const signature = await signSandboxRequest({ method: "GET", path }, { secret });
  const rows = [["", "MiB/s", "CPU ms", "peak MiB", "grew by MiB"]];
  rows.push(["upstream alone", await downloadRate(setup.upstreamPort, "/large", {}), "", "", ""]);
  for (const subject of findSubjects(setup)) {
    const { child, port } = await subject.start("enforce");
    try {
      const headers = { "x-sandbox-signature": signature };
      await downloadRate(port, path, headers, 1);
      const before = readUsage(child.pid ?? 0);
      const rate = await downloadRate(port, path, headers);
      const after = readUsage(child.pid ?? 0);
      const cpu = before && after &&
        (after.cpuMicroseconds - before.cpuMicroseconds) / 1000 / DOWNLOADS;
      const grown = before && after && after.peakMiB - before.peakMiB;
      rows.push([
        subject.name,
        rate,
        cpu?.toFixed(0) ?? "",
        after?.peakMiB.toFixed(0) ?? "",
        grown?.toFixed(0) ?? "",
      ]);
    } finally {
      await stopProcess(child);
    }
  }
  return formatTable(rows);
}

/** MiB a second over some downloads, one after the other; the best, for what else runs only slows. */
async function downloadRate(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  downloads = DOWNLOADS,
): Promise<string> {
  let best = 0;
  for (let count = 0; count < downloads; count++) {
    const started = performance.now();
    const bytes = await download(port, path, headers);
    if (bytes !== LARGE_BYTES) throw new Error(`Cannot download: ${bytes} bytes came`);
    best = Math.max(best, LARGE_MIB / ((performance.now() - started) / 1000));
  }
  return best.toFixed(0);
}
