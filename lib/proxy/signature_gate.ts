/** The signature gate: is this request signed by a sandbox of ours, and does it matter? @module */

import { MAX_LOGGED_CHARS } from "../limits.ts";
import type { Clock, Hashes, MaybePromise, RequestBody } from "../ports.ts";
import { compileGlobs } from "../passthrough/glob.ts";
import type { CanonicalTarget } from "../passthrough/canonical_path.ts";
import { verifySignedBody } from "../signature/body.ts";
import { chain } from "../chain.ts";
import type { NonceCache } from "../signature/nonce_cache.ts";
import { verifySandboxSignature } from "../signature/verify.ts";
import type { ReplayTerms, SignatureReason, SignatureVerdict } from "../signature/verify.ts";
import type { BodyRoom } from "./body_room.ts";
import type { Refusal } from "./problems.ts";
import { isAdminPath, METRICS_PATH } from "./decide.ts";
import type { SignatureMode, SignatureSettings } from "./settings.ts";
import { readSignedBody } from "./signed_body.ts";
import type { SignedBody } from "./signed_body.ts";

/** Modes as the reference logs them. */
const MODE_LABELS: Readonly<Record<SignatureMode, string>> = {
  log: "Log",
  warn: "Warn",
  enforce: "Enforce",
};

const NO_BYTES = new Uint8Array(0);

/** What the gate found, as data for answer and log. */
export interface SignatureOutcome {
  /** `Log`, `Warn` or `Enforce`. */
  readonly mode: string;
  /** True for a valid signature. */
  readonly valid: boolean;
  /** `valid`, or one of the reasons of the format. */
  readonly reason: string;
  /** `X-Sandbox-Job-Id`, cut to 256 characters, or `none`. Not signed: a label, no fact. */
  readonly jobId: string;
  /** Set in mode `enforce` when the signature is not valid. */
  readonly refusal?: Refusal | undefined;
  /** `X-Signature-Status` of the answer, in mode `warn`. */
  readonly statusHeader?: string | undefined;
  /** The request's body, where it was read to check it: whoever goes on with the request needs it. */
  readonly body?: RequestBody | undefined;
  /** Gives back the room that the body took; to be called when nobody needs it any more. */
  readonly release?: (() => void) | undefined;
}

/** What a gate is made of. */
export interface SignatureGateInput {
  /** Mode, drift and exempt paths. */
  readonly settings: SignatureSettings;
  /** The shared secret; without one no signature is valid. */
  readonly secret: Uint8Array | undefined;
  /** Hash primitives. */
  readonly hashes: Hashes;
  /** Clock. */
  readonly now: Clock;
  /** Nonces that were used. */
  readonly nonces: NonceCache;
  /** Room for the bodies that are held. */
  readonly room: BodyRoom;
}

/**
 * Judges a request. `undefined` where no signature is looked at: exempt and admin paths. Rejects with
 * `ERR_CLIENT_ABORTED` when the client goes away while a signed body is read.
 */
export type SignatureGate = (
  request: Request,
  target: CanonicalTarget,
) => MaybePromise<SignatureOutcome | undefined>;

/**
 * Makes the gate. Exemption is decided on the canonical path, the MAC covers the raw one, as the
 * reference signs it. Synchronous when the hash primitives are, but for a signature of version 2 over
 * a body.
 */
export function createSignatureGate(input: SignatureGateInput): SignatureGate {
  const { settings, secret, hashes, now } = input;
  const isExempt = compileGlobs(settings.exemptPaths);

  return (request, target) => {
    const { path } = target;
    // Scrapers do not sign; the page of the metrics has a lock of its own.
    if (path === METRICS_PATH || isAdminPath(path) || isExempt(path)) return undefined;
    const verdict = verifySandboxSignature(
      {
        header: request.headers.get("x-sandbox-signature"),
        method: request.method,
        path: target.rawPath,
        query: target.query,
      },
      {
        secret,
        driftSeconds: settings.driftSeconds,
        minVersion: settings.minVersion,
        now,
        hashes,
      },
    );
    const finding = chain(verdict, (settled) => settle(settled, request, input));
    return chain(finding, (settled) => judge(settled, settings.mode, readJobId(request)));
  };
}

interface Finding {
  readonly reason: SignatureReason;
  readonly body?: RequestBody | undefined;
  readonly release?: (() => void) | undefined;
}

// The nonce comes before the body: until then nothing is awaited that the client decides on, so that
// of two requests with one nonce the second is refused before we hold anything for it.
function settle(
  { reason, terms }: SignatureVerdict,
  request: Request,
  { nonces, hashes, now, room }: SignatureGateInput,
): MaybePromise<Finding> {
  if (terms === undefined) return { reason };
  const nonce = nonces.remember(terms, now() / 1000);
  if (nonce === "replayed") return { reason: "replayed_nonce" };
  if (nonce === "full") return { reason: "nonce_cache_full" };
  const lease = room.lease();
  const finding = chain(
    readSignedBody(request, { lease }),
    (read) => compareBody(read, terms, hashes),
  );
  // What is found at once was found without holding anything.
  if (!(finding instanceof Promise)) return finding;
  return finding.then((found) => ({ ...found, release: lease.close }), (error: unknown) => {
    lease.close();
    throw error;
  });
}

function compareBody(
  read: SignedBody,
  terms: ReplayTerms,
  hashes: Hashes,
): MaybePromise<Finding> {
  switch (read.kind) {
    case "unexpected":
      return { reason: "body_mismatch" };
    case "too_large":
      return { reason: "body_too_large", body: read.body };
    case "no_room":
      return { reason: "body_room_full", body: read.body };
    case "none":
    case "whole": {
      const body = read.kind === "whole" ? read.body : undefined;
      return chain(
        verifySignedBody(terms, body ?? NO_BYTES, { hashes }),
        (isSigned) => ({ reason: isSigned ? "valid" : "body_mismatch", body }),
      );
    }
  }
}

function judge(
  { reason, body, release }: Finding,
  mode: SignatureMode,
  jobId: string,
): SignatureOutcome {
  const valid = reason === "valid";
  return {
    mode: MODE_LABELS[mode],
    valid,
    reason,
    jobId,
    refusal: mode === "enforce" && !valid ? { code: "ERR_SIGNATURE", reason } : undefined,
    statusHeader: mode === "warn" ? reason : undefined,
    body,
    release,
  };
}

function readJobId({ headers }: Request): string {
  return headers.get("x-sandbox-job-id")?.slice(0, MAX_LOGGED_CHARS) || "none";
}
