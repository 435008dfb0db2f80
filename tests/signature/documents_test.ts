/** The Python and shell functions of docs/signatures.md against the library, both ways. @module */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { verifySignedBody } from "../../lib/signature/body.ts";
import { parseSandboxSignature } from "../../lib/signature/header.ts";
import { parseSigningSecret } from "../../lib/signature/secret.ts";
import { signSandboxRequest } from "../../lib/signature/sign.ts";
import type { SigningInput } from "../../lib/signature/sign.ts";
import { verifySandboxSignature } from "../../lib/signature/verify.ts";
import { runPython } from "../helpers/python.ts";
import { parseFences } from "../house/_markdown.ts";

const PAGE = new URL("../../docs/signatures.md", import.meta.url);
const FENCES = parseFences(readFileSync(PAGE, "utf8"));
const REQUESTS: readonly (SigningInput & { readonly secret: string })[] = [
  { secret: "f6".repeat(32), method: "GET", path: "/v1/models", query: "", body: "" },
  { secret: "F6f6", method: "post", path: "/v1/chat", query: "a=%20&b", body: '{"a":"é €"}\n' },
  {
    secret: "a plain secret",
    method: "DELETE",
    path: "/a%2Fb.c/",
    query: "?",
    body: "x".repeat(999),
  },
];

function blockOf(language: string, start: string): string {
  const block = FENCES.find((fence) => fence.language === language && fence.code.includes(start));
  assert.ok(block, `a block of ${language} with "${start}"`);
  return block.code;
}

async function assertValid(header: string, request: (typeof REQUESTS)[number]): Promise<void> {
  const { secret: text, query = "", body, ...rest } = request;
  const secret = parseSigningSecret(text);
  const verdict = await verifySandboxSignature({ ...rest, query: `?${query}`, header }, { secret });
  assert.equal(verdict.reason, "valid");
  assert.ok(verdict.terms);
  const bytes = new TextEncoder().encode(body as string);
  assert.equal(await verifySignedBody(verdict.terms, bytes), true);
}

test("the Python function of the page signs what the library accepts, and as it signs", async () => {
  if ((await runPython("python3", "")).code !== 0) {
    console.log("Interop with Python is not checked: python3 is missing");
    return;
  }
  const script = `${blockOf("py", "def sign(")}
import json, sys
for one in json.load(sys.stdin):
    one["body"] = one["body"].encode()
    print(sign(**one))
`;
  const fresh = await runPython("python3", script, JSON.stringify(REQUESTS));
  assert.equal(fresh.code, 0, fresh.stderr);
  const headers = fresh.stdout.trim().split("\n");
  assert.equal(headers.length, REQUESTS.length);
  for (const [index, request] of REQUESTS.entries()) {
    await assertValid(headers[index] ?? "", request);
  }

  const ours = await Promise.all(REQUESTS.map(({ secret, query = "", ...request }) => {
    const options = { secret: parseSigningSecret(secret), version: 2 } as const;
    return signSandboxRequest({ ...request, query: `?${query}` }, options);
  }));
  const again = REQUESTS.map((request, index) => {
    const { timestamp, guard } = parseSandboxSignature(ours[index] ?? "");
    return { ...request, t: Number(timestamp), nonce: guard?.nonce };
  });
  const theirs = await runPython("python3", script, JSON.stringify(again));
  assert.deepEqual(theirs.stdout.trim().split("\n"), ours);
});

test("the shell function of the page signs what the library accepts", async (t) => {
  if (spawnSync("openssl", ["version"]).status !== 0) {
    console.log("Interop with OpenSSL is not checked: openssl is missing");
    return;
  }
  const block = blockOf("sh", "sign() {");
  const definition = block.slice(0, block.indexOf("\n}\n") + 3);
  const folder = mkdtempSync(join(tmpdir(), "atikit-sign-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const request of REQUESTS) {
    const { secret, method, path, query = "", body = "" } = request;
    writeFileSync(join(folder, "body"), body);
    const args = [method.toUpperCase(), path, query, join(folder, "body")];
    const hexKey = Array.from(
      parseSigningSecret(secret),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
    const { status, stdout, stderr } = spawnSync(
      "bash",
      ["-c", `set -euo pipefail\n${definition}\nsign "$@"`, "bash", ...args],
      { encoding: "utf8", env: { PATH: process.env["PATH"], SECRET: hexKey } },
    );
    assert.equal(status, 0, stderr);
    await assertValid(stdout.trim(), request);
  }
});
