/** The signature gate: is this request signed by a sandbox of ours, and does it matter? @module */

import { MAX_LOGGED_CHARS } from "../limits.ts";
import type { Clock, Hashes, MaybePromise } from "../ports.ts";
import { compileGlobs } from "../passthrough/glob.ts";
import type { CanonicalTarget } from "../passthrough/canonical_path.ts";
import { verifySandboxSignature } from "../signature/verify.ts";
import type { SignatureVerdict } from "../signature/verify.ts";
import type { Refusal } from "./problems.ts";
import { isAdminPath } from "./decide.ts";
import type { SignatureMode, SignatureSettings } from "./settings.ts";

/** Modes as the reference logs them. */
const MODE_LABELS: Readonly<Record<SignatureMode, string>> = {
  log: "Log",
  warn: "Warn",
  enforce: "Enforce",
};

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
}

/** Judges a request. `undefined` where no signature is looked at: exempt and admin paths. */
export type SignatureGate = (
  request: Request,
  target: CanonicalTarget,
) => MaybePromise<SignatureOutcome | undefined>;

/**
 * Makes the gate. Exemption is decided on the canonical path, the MAC covers the raw one, as the
 * reference signs it. Synchronous when the hash primitives are.
 */
export function createSignatureGate(input: SignatureGateInput): SignatureGate {
  const { settings, secret, hashes, now } = input;
  const isExempt = compileGlobs(settings.exemptPaths);

  return (request, target) => {
    if (isAdminPath(target.path) || isExempt(target.path)) return undefined;
    const jobId = request.headers.get("x-sandbox-job-id")?.slice(0, MAX_LOGGED_CHARS) || "none";
    const verdict = verifySandboxSignature(
      {
        header: request.headers.get("x-sandbox-signature"),
        method: request.method,
        path: target.rawPath,
      },
      { secret, driftSeconds: settings.driftSeconds, now, hashes },
    );
    return verdict instanceof Promise
      ? verdict.then((settled) => judge(settled, settings.mode, jobId))
      : judge(verdict, settings.mode, jobId);
  };
}

function judge(verdict: SignatureVerdict, mode: SignatureMode, jobId: string): SignatureOutcome {
  const { valid, reason } = verdict;
  const outcome = { mode: MODE_LABELS[mode], valid, reason, jobId };
  if (mode === "warn") return { ...outcome, statusHeader: reason };
  if (mode === "enforce" && !valid) {
    return { ...outcome, refusal: { code: "ERR_SIGNATURE", reason } };
  }
  return outcome;
}
