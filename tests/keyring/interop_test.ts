import { test } from "node:test";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openKeyring, sealKeyring } from "../../lib/keyring/seal.ts";
import { formatSealingKey, generateSealingKey } from "../../lib/keyring/sealing_key.ts";
import { pythonWith, runPython } from "../helpers/python.ts";

const ENTRIES = { github_token: "ghp_secret", unicode: "clé € 🔑", empty: "" };

const FIXED_BLOB = "AAECAwQFBgcICQoLPAj2O+eCq2/lNPXUxYYTCO30vRTSHDcMZwKd5HAZbNcjPKTcj+Nh+RrAHYLw" +
  "2FtRiTcJ4z2J0LJe5U99R5CQjYJZsljp8QRRLDLMTOXyepvFqUkApUiXv9rZFEX7NA==";

const SEAL = `
import base64, json, os, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
given = json.load(sys.stdin)
nonce = os.urandom(12)
plain = json.dumps(given["entries"]).encode()
sealed = AESGCM(base64.b64decode(given["key"])).encrypt(nonce, plain, None)
print(base64.b64encode(nonce + sealed).decode())
`;

const OPEN = `
import base64, json, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
given = json.load(sys.stdin)
blob = base64.b64decode(given["blob"])
plain = AESGCM(base64.b64decode(given["key"])).decrypt(blob[:12], blob[12:], None)
json.dump(json.loads(plain), sys.stdout)
`;

test("keyring.enc goes both ways between this library and Python's cryptography", async () => {
  const python = await pythonWith(["cryptography==46.0.3"]);
  if (python === undefined) return;
  const key = generateSealingKey();

  const theirs = await runPython(
    python,
    SEAL,
    JSON.stringify({ key: formatSealingKey(key), entries: ENTRIES }),
  );
  assert.equal(theirs.code, 0, theirs.stderr);
  const blob = new Uint8Array(Buffer.from(theirs.stdout.trim(), "base64"));
  assert.deepEqual(await openKeyring(blob, key), ENTRIES);

  const ours = Buffer.from(await sealKeyring(ENTRIES, key)).toString("base64");
  const opened = await runPython(
    python,
    OPEN,
    JSON.stringify({ key: formatSealingKey(key), blob: ours }),
  );
  assert.equal(opened.code, 0, opened.stderr);
  assert.deepEqual(JSON.parse(opened.stdout), ENTRIES);
});

test("openKeyring() opens a keyring that Python sealed once", async () => {
  // Made by Python 3.11, cryptography 46.0.3: nonce 00..0b, key 00..1f, json.dumps with indent 2.
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  const blob = Uint8Array.from(atob(FIXED_BLOB), (character) => character.charCodeAt(0));
  assert.deepEqual(await openKeyring(blob, key), {
    github_token: "ghp_example",
    sandbox_signing_shared_secret: "00ff",
  });
});
