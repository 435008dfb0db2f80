/** Keys and a folder for one run. @module */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateEs256KeyPair } from "../lib/jwt/generate.ts";
import { issueToken } from "../lib/jwt/issue.ts";
import { importSigningKey } from "../lib/jwt/keys.ts";
import type { Setup } from "./_subjects.ts";

/** Makes what every subject is set up with; whoever asks removes the folder. */
export async function createSetup(upstreamPort: number): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), "atikit-bench-"));
  const pair = await generateEs256KeyPair();
  const publicKeyFile = join(folder, "public.pem");
  writeFileSync(publicKeyFile, pair.publicPem);
  const token = await issueToken(
    { sub: "bench", scope: "passthrough:token", ttlSeconds: 3600 },
    await importSigningKey(pair.privatePem),
  );
  const signingSecret = "00112233445566778899aabbccddeeff".repeat(2);
  return { folder, upstreamPort, signingSecret, publicKeyFile, token };
}
