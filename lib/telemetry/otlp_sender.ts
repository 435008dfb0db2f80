/**
 * Posting to a collector: one request at a time, tried again where the protocol says so.
 *
 * @see {@link https://opentelemetry.io/docs/specs/otlp/#otlphttp-response | OTLP/HTTP responses}
 *
 * @module
 */

import { EXPORT_BACKOFF_MS, MAX_EXPORT_ATTEMPTS, MAX_EXPORT_BACKOFF_MS } from "../limits.ts";
import type { Clock, FetchLike } from "../ports.ts";
import type { SignalSettings } from "./settings.ts";

/** How a post ended: `ok`, or why it was given up. */
export type SendResult = "ok" | "timeout" | "network" | `status_${number}`;

/** What a sender acts through. */
export interface SenderPorts {
  /** The runtime's `fetch`. */
  readonly fetch: FetchLike;
  /** Clock, for the dates of `Retry-After`. */
  readonly now: Clock;
}

/** Posts bodies to one address. */
export interface Sender {
  /** Posts a body and tries again with growing pauses. Never rejects. Call it for one body at a time. */
  send(body: string): Promise<SendResult>;
  /** From now on nothing is tried again, and a pause under way ends at once. */
  hurry(): void;
  /** Breaks off what is under way; nothing is sent any more. */
  abort(): void;
}

/** OTLP/HTTP, "Retryable Response Codes". */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

interface Attempt {
  readonly result: SendResult;
  /** How long the collector asks to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly isFinal: boolean;
}

/** Makes a sender. Redirects are not followed: the header fields may hold credentials. */
export function createSender(settings: SignalSettings, ports: SenderPorts): Sender {
  let isHurried = false;
  let isAborted = false;
  let wake = (): void => {};
  let current: AbortController | undefined;

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function attempt(body: string): Promise<Attempt> {
    current = new AbortController();
    return await post(body, current, settings, ports);
  }

  return {
    async send(body): Promise<SendResult> {
      for (let count = 1;; count++) {
        if (isAborted) return "timeout";
        const { result, retryAfterMs, isFinal } = await attempt(body);
        if (isFinal || isHurried || count >= MAX_EXPORT_ATTEMPTS) return result;
        await pause(retryAfterMs ?? backOff(count));
      }
    },
    hurry(): void {
      isHurried = true;
      wake();
    },
    abort(): void {
      isAborted = true;
      current?.abort();
    },
  };
}

async function post(
  body: string,
  controller: AbortController,
  { url, headers, timeoutMs }: SignalSettings,
  { fetch, now }: SenderPorts,
): Promise<Attempt> {
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: [...headers.map(([name, value]): [string, string] => [name, value]), [
        "content-type",
        "application/json",
      ]],
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    // A partial success is not to be sent again either, so nothing in the body matters.
    await response.body?.cancel();
    if (response.ok) return { result: "ok", isFinal: true };
    return {
      result: `status_${response.status}`,
      retryAfterMs: readRetryAfter(response.headers.get("retry-after"), now()),
      isFinal: !RETRYABLE.has(response.status),
    };
  } catch {
    // What `fetch` says of a failure quotes the URL and tells no more than these two words.
    return { result: controller.signal.aborted ? "timeout" : "network", isFinal: false };
  } finally {
    clearTimeout(timer);
  }
}

/** RFC 9110 §10.2.3: seconds or a date. */
function readRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const delayMs = /^[0-9]{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  if (Number.isNaN(delayMs)) return undefined;
  return Math.min(Math.max(delayMs, 0), MAX_EXPORT_BACKOFF_MS);
}

/** Doubles each time; half to all of it, so that many proxies do not come back at once. */
function backOff(count: number): number {
  const longest = Math.min(EXPORT_BACKOFF_MS * 2 ** (count - 1), MAX_EXPORT_BACKOFF_MS);
  const [chance = 0] = crypto.getRandomValues(new Uint8Array(1));
  return longest * (0.5 + chance / 510);
}
