/** One {@link Runtime} for whichever runtime this is; what is heavy is loaded when it is asked for. @module */

import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import type {
  CreateFetchUpstream,
  FetchHandler,
  Hashes,
  LineSink,
  Listener,
  ListenOptions,
  OpenUpstream,
  ProcessUsage,
  Runtime,
  UpstreamOptions,
} from "../ports.ts";
import { openDenoStderr, openNodeStderr, writeInThread } from "./_stderr_writer.ts";
import { processEnv } from "./env.ts";
import { systemFiles } from "./files.ts";
import { bunHashes, denoHashes, nativeHashes } from "./hashes.ts";
import { createLineSink } from "./log_sink.ts";
import { processSignals } from "./signals.ts";
import { spawnProcess } from "./spawn.ts";
import { processTerminal } from "./terminal.ts";

const HASHES: Readonly<Record<Runtime["name"], Hashes>> = {
  node: nativeHashes,
  deno: denoHashes,
  bun: bunHashes,
};

/**
 * Opens the runtime this process runs on. Cheap: the server, the upstream client and the log writer are
 * loaded when they are first asked for.
 */
export function openRuntime(): Promise<Runtime> {
  const name = detectRuntime();
  return Promise.resolve({
    name,
    version: versionOf(name),
    pid: process.pid,
    cwd: () => process.cwd(),
    env: processEnv,
    files: systemFiles,
    terminal: processTerminal,
    signals: processSignals,
    spawn: spawnProcess,
    schedule: scheduleTask,
    hashes: HASHES[name],
    usage: readUsage,
    openLog: () => openLog(name),
    listen: (handler, options) => listen(name, handler, options),
    openUpstream: (createFetchUpstream, options) =>
      openUpstream(name, createFetchUpstream, options),
  });
}

function scheduleTask(task: () => void, delayMs: number): () => void {
  const timer = setTimeout(task, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

function openLog(name: Runtime["name"]): LineSink {
  switch (name) {
    case "node":
      return createLineSink(openNodeStderr());
    case "deno":
      return createLineSink(openDenoStderr());
    case "bun":
      return createLineSink(writeInThread);
  }
}

async function listen(
  name: Runtime["name"],
  handler: FetchHandler,
  options: ListenOptions,
): Promise<Listener> {
  switch (name) {
    case "node":
      return await (await import("./serve_node.ts")).listenOnNode(handler, options);
    case "deno":
      return await (await import("./serve_deno.ts")).listenOnDeno(handler, options);
    case "bun":
      return await (await import("./serve_bun.ts")).listenOnBun(handler, options);
  }
}

async function openUpstream(
  name: Runtime["name"],
  createFetchUpstream: CreateFetchUpstream,
  options?: UpstreamOptions,
): Promise<OpenUpstream> {
  switch (name) {
    case "node":
      return await (await import("./upstream_node.ts")).openNodeUpstream(options);
    case "deno":
      return (await import("./upstream_fetch.ts")).openDenoUpstream(createFetchUpstream, options);
    case "bun":
      return (await import("./upstream_fetch.ts")).openBunUpstream(createFetchUpstream, options);
  }
}

function readUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}

function detectRuntime(): Runtime["name"] {
  if ("Deno" in globalThis) return "deno";
  return "Bun" in globalThis ? "bun" : "node";
}

function versionOf(name: Runtime["name"]): string {
  return process.versions[name] ?? "";
}
