/** JSON Web Signature (RFC 7515) by `jose`: the only file that imports it. @module */

import { CompactSign, compactVerify, errors } from "jose";
import type { SigningKey, VerificationKey } from "./keys.ts";

/** Signs a payload. The header's members keep their order. */
export function signJws(
  payload: Uint8Array,
  header: { readonly typ: string; readonly alg: string; readonly kid?: string },
  key: SigningKey,
): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ ...header }).sign(key.key);
}

/** True when this key made the signature, with the one algorithm that the key is for. */
export async function isSignedBy(token: string, key: VerificationKey): Promise<boolean> {
  try {
    await compactVerify(token, key.key, { algorithms: [key.algorithm] });
    return true;
  } catch (error: unknown) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
