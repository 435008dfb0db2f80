/** Tokens and keys against PyJWT: another language, another author, another crypto library. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { generateEs256KeyPair, generateHs256Secret } from "../../lib/jwt/generate.ts";
import { issueToken } from "../../lib/jwt/issue.ts";
import type { IssueInput } from "../../lib/jwt/issue.ts";
import { createJwks } from "../../lib/jwt/jwks.ts";
import { importSecret, importSigningKey, importVerificationKeys } from "../../lib/jwt/keys.ts";
import { validateToken } from "../../lib/jwt/validate.ts";
import { pythonWith, runPython } from "../helpers/python.ts";

const PACKAGES = ["pyjwt==2.10.1", "cryptography==44.0.2"];
const INPUT: IssueInput = {
  sub: "sandbox:job-42",
  scope: "tool:github:* skill:research-* help",
  iss: "ati-orchestrator",
  rate: { "tool:github:*": "10/hour" },
  customerId: "cust_alpha",
  jobId: "job-42",
};

// Reads JSON, answers with JSON. Fails loudly: any exception is exit code 1.
const VERIFY = `
import json, sys, jwt
job = json.load(sys.stdin)
out = {}
for name, (token, alg, key) in job["tokens"].items():
    if alg == "HS256": key = bytes.fromhex(key)
    required = {"require": ["exp", "iat", "aud", "sub", "scope"]}
    out[name] = jwt.decode(token, key, algorithms=[alg], audience="ati-proxy",
                           issuer="ati-orchestrator", options=required)
keys = jwt.PyJWKSet.from_dict(job["jwks"])
for name in job["by_jwks"]:
    token = job["tokens"][name][0]
    header = jwt.get_unverified_header(token)
    out[name + " by jwks"] = jwt.decode(token, keys[header["kid"]], algorithms=["ES256"],
                                        audience="ati-proxy")
try:
    jwt.decode(job["tokens"]["HS256"][0], b"x" * 32, algorithms=["HS256"], audience="ati-proxy")
    sys.exit("a wrong secret was accepted")
except jwt.InvalidSignatureError:
    pass
json.dump(out, sys.stdout)
`;

// Makes keys and tokens in the way of the ATI client, and with keys in each of its formats.
const ISSUE = `
import json, sys, time, uuid, jwt
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
job = json.load(sys.stdin)
now = int(time.time())
claims = {"sub": "agent-7", "aud": "ati-proxy", "iat": now, "exp": now + 3600,
          "scope": "tool:web_search help", "iss": "ati-orchestrator", "jti": str(uuid.uuid4()),
          "ati": {"v": 1, "rate": {"tool:github:*": "10/hour"}, "customer_id": "cust_alpha"}}
key = ec.generate_private_key(ec.SECP256R1())
def private(form):
    return key.private_bytes(s.Encoding.PEM, form, s.NoEncryption()).decode()
json.dump({
    "hs256": jwt.encode(claims, bytes.fromhex(job["secret"]), algorithm="HS256"),
    "es256": jwt.encode(claims, key, algorithm="ES256"),
    "named": jwt.encode(claims, key, algorithm="ES256", headers={"kid": "python-1", "typ": "at+jwt"}),
    "several": jwt.encode({**claims, "aud": ["elsewhere", "ati-proxy"]}, key, algorithm="ES256"),
    "expired": jwt.encode({**claims, "exp": now - 61}, key, algorithm="ES256"),
    "pkcs8": private(s.PrivateFormat.PKCS8),
    "sec1": private(s.PrivateFormat.TraditionalOpenSSL),
    "spki": key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode(),
    "jwk": jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True),
}, sys.stdout)
`;

test("PyJWT accepts our tokens, by PEM, by secret and by the JWK set that is served", async () => {
  const python = await pythonWith(PACKAGES);
  if (python === undefined) return;
  const pair = await generateEs256KeyPair();
  const secret = generateHs256Secret();
  const { signingKey } = await importSecret(secret);
  const es256 = await issueToken(INPUT, await importSigningKey(pair.privatePem));
  const hs256 = await issueToken(INPUT, signingKey);
  const other = await generateEs256KeyPair();
  const result = await runPython(
    python,
    VERIFY,
    JSON.stringify({
      tokens: { ES256: [es256, "ES256", pair.publicPem], HS256: [hs256, "HS256", secret] },
      jwks: createJwks(await importVerificationKeys(other.publicPem + pair.publicPem)),
      by_jwks: ["ES256"],
    }),
  );
  assert.equal(result.code, 0, result.stderr);
  const claims = JSON.parse(result.stdout) as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.keys(claims).sort(), ["ES256", "ES256 by jwks", "HS256"]);
  for (const read of Object.values(claims)) {
    assert.equal(read["sub"], INPUT.sub);
    assert.equal(read["scope"], INPUT.scope);
    assert.deepEqual(read["ati"], { v: 1, rate: INPUT.rate, customer_id: "cust_alpha" });
    assert.equal(read["job_id"], "job-42");
  }
});

test("validateToken() accepts tokens of PyJWT, with its keys in every format", async () => {
  const python = await pythonWith(PACKAGES);
  if (python === undefined) return;
  const secret = generateHs256Secret();
  const result = await runPython(python, ISSUE, JSON.stringify({ secret }));
  assert.equal(result.code, 0, result.stderr);
  const made = JSON.parse(result.stdout) as
    & Record<
      "hs256" | "es256" | "named" | "several" | "expired" | "pkcs8" | "sec1" | "spki",
      string
    >
    & { readonly jwk: JsonWebKey };
  const policy = { audiences: ["ati-proxy"], issuer: "ati-orchestrator" };
  const { verificationKey } = await importSecret(secret);
  const claims = await validateToken(made.hs256, { ...policy, keys: [verificationKey] });
  assert.deepEqual(claims.ati, {
    v: 1,
    rate: { "tool:github:*": "10/hour" },
    customer_id: "cust_alpha",
  });
  for (const material of [made.spki, made.pkcs8, made.sec1, made.jwk]) {
    const keys = await importVerificationKeys(material);
    for (const token of [made.es256, made.named, made.several]) {
      assert.equal((await validateToken(token, { ...policy, keys })).sub, "agent-7");
    }
    await assert.rejects(validateToken(made.expired, { ...policy, keys }), {
      code: "ERR_JWT_EXPIRED",
    });
  }
  const kids = await Promise.all([made.pkcs8, made.sec1].map(importSigningKey));
  assert.equal(kids[0]?.kid, kids[1]?.kid);
});
