/** The log of `ati dev` on a terminal: a short line a request instead of JSON. @module */

import { isPlainObject, parseJson } from "../encoding/json.ts";
import type { LineSink } from "../ports.ts";
import { printable } from "./format.ts";
import type { Style } from "./style.ts";

// What the start page and the last line say better.
const SILENT_MESSAGES: ReadonlySet<unknown> = new Set([
  "ATI proxy server starting",
  "ATI proxy server stopped",
]);

/** Wraps a sink of JSON lines into one for people. */
export function createPrettyLog(sink: LineSink, style: Style): LineSink {
  return {
    write(line) {
      const text = formatRecord(line, style);
      return text === undefined || sink.write(text);
    },
    dropped: () => sink.dropped(),
    flush: (timeoutMs) => sink.flush(timeoutMs),
  };
}

function formatRecord(line: string, style: Style): string | undefined {
  const record = parseJson(line);
  if (!isPlainObject(record) || SILENT_MESSAGES.has(record["message"])) return undefined;
  const time = style.dim(String(record["timestamp"] ?? "").slice(11, 19));
  const { status } = record;
  if (typeof status !== "number") return `${time}  ${formatMessage(record, style)}`;
  const parts = [
    paintStatus(status, style),
    printable(`${record["method"]} ${record["path"]}`),
    style.dim(`${record["duration_ms"]} ms`),
    ...listDetails(record).map((detail) => style.dim(printable(detail))),
  ];
  return `${time}  ${parts.join("  ")}`;
}

function formatMessage(record: Readonly<Record<string, unknown>>, style: Style): string {
  const message = printable(String(record["message"]));
  switch (record["level"]) {
    case "ERROR":
      return style.red(message);
    case "WARN":
      return style.yellow(message);
    default:
      return message;
  }
}

function listDetails(record: Readonly<Record<string, unknown>>): string[] {
  const { sub, route, reason, error_reason: errorReason } = record;
  return [
    ...(typeof sub === "string" ? [`sub=${sub}`] : []),
    ...(typeof route === "string" ? [`route=${route}`] : []),
    ...(typeof reason === "string" ? [`signature=${reason}`] : []),
    ...(typeof errorReason === "string" && errorReason !== reason ? [errorReason] : []),
  ];
}

function paintStatus(status: number, style: Style): string {
  const paint = status < 400 ? style.green : status < 500 ? style.yellow : style.red;
  return paint(String(status));
}
